"""One trust file against the root that must have signed it (contracts 2). What it replaces is `gate.verify.trust`'s."""

from __future__ import annotations

from gate.errors import FormatError, TrustError
from gate.wire.sign1 import Aad, Sign1
from gate.wire.trust import TrustFile, open_envelope, parse_payload, root_of_unsigned


def check_file(data: bytes, stored_root: bytes | None, enrolled: bytes) -> tuple[TrustFile, bytes]:
    """The file and its payload as it came, once the stored root and, where it changes, the new one have signed it.

    Args:
        stored_root: of the file in force; None before the first.
        enrolled: thumbprint of the root in the enrolment code, for the first.

    Raises:
        TrustError: `form`, `signature`, `root`.
    """
    try:
        payload, signatures = open_envelope(data)
    except FormatError as error:
        raise TrustError("form", str(error)) from error
    root = stored_root or root_of_unsigned(payload, enrolled)
    if root is None:
        raise TrustError("root", "the trust file is not of the root that this gate was enrolled with")
    _signed_by(root, payload, signatures)
    try:
        new = parse_payload(payload)
    except FormatError as error:
        raise TrustError("form", str(error)) from error
    if new.root != root:
        if stored_root is None:
            raise TrustError("root", "the first trust file must name the root that this gate was enrolled with")
        _signed_by(new.root, payload, signatures)
    return new, payload


def _signed_by(root: bytes, payload: bytes, signatures: list[Sign1]) -> None:
    for signature in signatures:
        try:
            signature.verify(root, Aad.TRUST, payload)
        except TrustError:
            continue
        return
    raise TrustError("signature", "the trust file is not signed by the root")
