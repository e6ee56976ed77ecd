"""Any other text: nothing is proven by it, it is looked up as a keyed hash in the manifest (design 5)."""

from __future__ import annotations

from gate.model import Claims
from gate.verify.keyset import KeySet
from gate.wire.ticketkey import text_input


class Opaque:
    name = "opaque"

    def recognises(self, text: str) -> bool:
        return True

    def parse(self, text: str, keys: KeySet, now_s: int) -> Claims:
        return Claims(format=self.name, key_input=text_input(text), event=None)
