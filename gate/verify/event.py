"""What is trusted of one event at a moment. Whether a new object may follow is asked in `gate.verify.trust`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gate.model import EventId, Kid, Policy
from gate.verify.keytable import KeyTable
from gate.wire.manifest import Descriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The newest secrets taken: their version, who signed them, and the SHA-256 of their plain bytes."""

    version: int
    kid: Kid
    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedEvent:
    descriptor: Descriptor
    signed: bytes
    """The descriptor as it came: two different ones under one seq are a fork."""
    kid: Kid
    """Of the key that signed the descriptor."""
    policy: Policy | None = None
    policy_kid: Kid | None = None
    secrets: Seen | None = None

    @property
    def secrets_version(self) -> int:
        return self.secrets.version if self.secrets else 0

    def then(self, new: Descriptor, signed: bytes, kid: Kid) -> TrustedEvent:
        """With a newer descriptor: the policy stays when that one names the same."""
        same = new.policy_sha256 == self.descriptor.policy_sha256
        return replace(
            self,
            descriptor=new,
            signed=signed,
            kid=kid,
            policy=self.policy if same else None,
            policy_kid=self.policy_kid if same else None,
        )

    def policy_of(self, keys: KeyTable, event: EventId) -> TrustedEvent:
        """Without a policy whose key may no longer sign."""
        if self.policy_kid is not None and keys.may_sign(self.policy_kid, event):
            return self
        return replace(self, policy=None, policy_kid=None)
