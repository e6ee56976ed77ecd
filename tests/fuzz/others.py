"""Spoiled texts of the other formats, of other events and of other protocols; signed bombs too. The same seed, the same texts.

`tests.verify.mutate` does the same for GT1. What comes from here must never be accepted as signed by a gate that serves
spring only.
"""

from __future__ import annotations

import base64
import random
from collections import Counter
from collections.abc import Callable, Iterator

import cbor2

from gate.verify.formats import gt1, pretix_sig1, rotating
from gate.wire.secrets import RotationKey
from gate.wire.sign1 import Aad, kid_of, public_bytes, sig_structure
from tests.fakes.issuer import AUTUMN, NOW_S, SPRING, Issuer, key
from tests.fakes.pretix import code, message, text_of
from tests.verify.mutate import ALPHABET, ODD

ROTATION_KEY = bytes(range(0x60, 0x80))
ISSUER = Issuer(rotating=(RotationKey(nbf=NOW_S - 86_400, exp=NOW_S + 86_400, key=ROTATION_KEY),))
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
HEADS = bytes.fromhex("9b9fbbbf5b5f7b7fd81cd81dd823d824c1c2f97efb818182a1a3")
"""First bytes of CBOR that claims much: endless, huge, tagged, nested, not a number."""
_CTI_BYTES = 12


class Others:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        signer = ISSUER.ticket_keys[SPRING]
        ctis = [self._random.randbytes(_CTI_BYTES) for _ in range(8)]
        self._tickets = [(ISSUER.ticket(SPRING, cti=cti, flags=1), cti) for cti in ctis]
        self._codes = [code(signer, message(f"seed{n:05}", n + 1, n % 3, n % 2, 0, NOW_S * (n % 2))) for n in range(8)]
        self._elsewhere = [ISSUER.ticket(AUTUMN, cti=cti) for cti in ctis]
        self._elsewhere += [
            rotating.encode(text, ROTATION_KEY, cti, NOW_S) for text, cti in zip(self._elsewhere, ctis, strict=True)
        ]
        self._elsewhere += [code(ISSUER.ticket_keys[AUTUMN], message(item=n + 1)) for n in range(8)]
        self._stranger = key("stranger")
        self._kid = kid_of(public_bytes(signer))
        self._good = {text for text, _ in self._tickets} | set(self._codes)
        self.kinds: Counter[str] = Counter()
        self._ways: tuple[Callable[[], str], ...] = (
            self.wrong_code, self.wrong_code, self.wrong_time, self.wrong_key, self.rotating_signs, self.rotating_cut, self.rotating_bits,
            self.rotating_swapped, self.pretix_bits, self.pretix_bits, self.pretix_signs, self.pretix_cut, self.pretix_stranger,
            self.pretix_swapped, self.pretix_lengths, self.gt1_as_pretix, self.pretix_as_gt1, self.cross_event, self.bomb, self.bomb,
            self.pretix_bomb, self.odd_signs, self.long,
        )  # fmt: skip

    def __iter__(self) -> Iterator[str]:
        while True:
            way = self._random.choice(self._ways)
            text = way()
            if text in self._good:
                continue
            self.kinds[way.__name__] += 1
            yield text

    def genuine(self) -> list[str]:
        """What was spoiled, as it was signed."""
        codes = [rotating.encode(text, ROTATION_KEY, cti, NOW_S) for text, cti in self._tickets]
        return [*sorted(self._good), *codes]

    # ---- rotating

    def _rotating(self, at_s: int = NOW_S) -> str:
        text, cti = self._random.choice(self._tickets)
        return rotating.encode(text, ROTATION_KEY, cti, at_s)

    def wrong_code(self) -> str:
        text = self._rotating()
        wrong = (int(text[4:12]) + self._random.randrange(1, 10**8)) % 10**8
        return f"GR1:{wrong:08}{text[12:]}"

    def wrong_time(self) -> str:
        """The code of one step under the time of another."""
        text, shift = self._rotating(), self._random.choice((30, 60, 3_600, 86_400 * 5)) * self._random.choice((1, -1))
        return f"{text[:12]}{NOW_S + shift:010}{text[22:]}"

    def wrong_key(self) -> str:
        text, cti = self._random.choice(self._tickets)
        return rotating.encode(text, self._random.randbytes(32), cti, NOW_S)

    def rotating_signs(self) -> str:
        text = list(self._rotating())
        for _ in range(self._random.choice((1, 2, 5))):
            at = self._random.choice([*range(12), *range(22, len(text))])
            text[at] = self._random.choice(ALPHABET.replace(text[at], ""))
        return "".join(text)

    def rotating_cut(self) -> str:
        text = self._rotating()
        start, end = sorted(self._random.sample(range(len(text) + 1), 2))
        return text[:start] + text[end:]

    def rotating_bits(self) -> str:
        ticket, cti = self._random.choice(self._tickets)
        parts = gt1.to_sign1(ticket)
        assert parts.payload is not None
        body = bytearray(parts.payload)
        body[self._random.randrange(len(body))] ^= 1 << self._random.randrange(8)
        changed = gt1.to_text(type(parts)(parts.kid, bytes(body), parts.signature))
        return rotating.encode(changed, ROTATION_KEY, cti, NOW_S)

    def rotating_swapped(self) -> str:
        """One ticket's code on another ticket."""
        (one, cti), (two, _) = self._random.sample(self._tickets, 2)
        assert one != two
        return rotating.encode(two, ROTATION_KEY, cti, NOW_S)

    # ---- pretix

    def _parts(self) -> tuple[bytes, bytes]:
        parts = pretix_sig1.split(self._random.choice(self._codes))
        assert parts is not None
        return parts

    def pretix_bits(self) -> str:
        raw = bytearray(base64.b64decode(self._random.choice(self._codes)[::-1]))
        for _ in range(self._random.choice((1, 1, 2, 8))):
            raw[self._random.randrange(len(raw))] ^= 1 << self._random.randrange(8)
        return base64.b64encode(raw).decode()[::-1]

    def pretix_signs(self) -> str:
        text = list(self._random.choice(self._codes))
        for _ in range(self._random.choice((1, 2, 5))):
            at = self._random.randrange(len(text))
            text[at] = self._random.choice(BASE64.replace(text[at], ""))
        return "".join(text)

    def pretix_cut(self) -> str:
        text = self._random.choice(self._codes)
        start, end = sorted(self._random.sample(range(len(text) + 1), 2))
        return text[:start] + text[end:]

    def pretix_stranger(self) -> str:
        payload = message(item=self._random.randrange(1, 2**31))
        return text_of(payload, self._stranger.sign(payload))

    def pretix_swapped(self) -> str:
        (payload, right), (_, signature) = self._parts(), self._parts()
        return text_of(payload, signature if signature != right else bytes(64))

    def pretix_lengths(self) -> str:
        payload, signature = self._parts()
        size = self._random.choice((0, 1, len(payload) - 1, len(payload) + 1, 0xFFFF))
        signed = self._random.choice((0, 63, 64, 65, 0xFFFF))
        raw = b"\x01" + size.to_bytes(2, "big") + signed.to_bytes(2, "big") + payload + signature
        return base64.b64encode(raw).decode()[::-1]

    def pretix_bomb(self) -> str:
        """Anything but a message, well signed. It begins with the end of a group, so it can be none."""
        payload = b"\x7c" + self._random.randbytes(self._random.randrange(300))
        return code(ISSUER.ticket_keys[SPRING], payload)

    # ---- from one protocol into the other

    def gt1_as_pretix(self) -> str:
        parts = gt1.to_sign1(self._random.choice(self._tickets)[0])
        assert parts.payload is not None
        signed = self._random.choice((sig_structure(parts.kid, parts.payload, Aad.TICKET), parts.payload))
        return text_of(signed, parts.signature)

    def pretix_as_gt1(self) -> str:
        payload, signature = self._parts()
        sized = payload[:41].ljust(29, b"\0")
        return gt1.to_text(gt1.Sign1(self._kid, sized, signature))

    def cross_event(self) -> str:
        """Good, for an event that is not served here."""
        return self._random.choice(self._elsewhere)

    # ---- signed by the right key, and no ticket

    def bomb(self) -> str:
        size = self._random.randrange(29, 42)
        start = self._random.randrange(len(HEADS))
        choice = self._random.randrange(4)
        if choice == 0:
            payload = HEADS[start : start + 2] + self._random.randbytes(size)
        elif choice == 1:
            payload = bytes([self._random.choice((0x81, 0xA1, 0xD8, 0x9F, 0xBF))]) * size
        elif choice == 2:
            payload = cbor2.dumps({self._random.randrange(30): self._random.randbytes(size - 6)})
        else:
            payload = self._random.randbytes(size)
        text = ISSUER.ticket_of(payload[:size].ljust(size, b"\0"))
        return text

    # ---- any of them

    def _any(self) -> str:
        return self._random.choice((self._rotating, lambda: self._random.choice(self._codes)))()

    def odd_signs(self) -> str:
        text = self._any()
        at = self._random.randrange(23, len(text))
        return (
            text[:at]
            + self._random.choice([sign for sign in ODD if sign != text[at]])
            + text[at + self._random.randrange(2) :]
        )

    def long(self) -> str:
        text = self._any()
        return text + "".join(self._random.choices(ALPHABET, k=self._random.choice((31, 600, 4_296 - len(text)))))
