"""Mutated ticket texts: what a forger, a bad print and a bad reader make of a good one. The same seed, the same texts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import base45

from gate.verify.formats import gt1
from gate.wire.sign1 import Aad, Sign1, sign
from tests.fakes.issuer import AUTUMN, NOW_S, SPRING, Issuer, key

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
ODD = [
    "\x00",
    "\n",
    "\r",
    "\t",
    "\x1b",
    "\x7f",
    "\u2028",
    "\ud800",
    "\udfff",
    "Ａ",
    "é",
    "票",
    "👍",
    "a",
    "_",
    "\\000026",
    "]Q1",
]


def encoded(body: bytes) -> str:
    return "GT1:" + str(base45.b45encode(body), "ascii")


class Mutator:
    """Good tickets of two events, and ways to spoil them. `kinds` counts what was made."""

    def __init__(self, issuer: Issuer, seed: int) -> None:
        self._random = random.Random(seed)
        self._issuer = issuer
        self._good = [
            issuer.ticket(
                event, cti=self._random.randbytes(12), product=n * 37 % 65536, zones=1 + n, nbf=nbf, flags=n % 3
            )
            for event in (SPRING, AUTUMN)
            for n, nbf in enumerate([None, NOW_S] * 8)
        ]
        self._good_texts = frozenset(self._good)
        self._stranger = key("stranger")
        self.kinds: dict[str, int] = {}
        self._ways: tuple[Callable[[], str], ...] = (
            self.bits, self.bits, self.signs, self.signs, self.cut, self.grow, self.splice, self.swap_kid, self.swap_signature,
            self.cross_type, self.cross_key, self.odd_signs, self.long, self.noise, self.case, self.zero, self.other_prefix,
        )  # fmt: skip

    def __iter__(self) -> Iterator[str]:
        while True:
            way = self._random.choice(self._ways)
            text = way()
            if text in self._good_texts:
                continue
            name = way.__name__
            self.kinds[name] = self.kinds.get(name, 0) + 1
            yield text

    def _text(self) -> str:
        return self._random.choice(self._good)

    def _parts(self) -> Sign1:
        return gt1.to_sign1(self._text())

    def bits(self) -> str:
        body = bytearray(base45.b45decode(self._text()[4:]))
        for _ in range(self._random.choice((1, 1, 1, 2, 3, 8))):
            bit = self._random.randrange(len(body) * 8)
            body[bit // 8] ^= 1 << bit % 8
        return encoded(bytes(body))

    def signs(self) -> str:
        text = list(self._text())
        for _ in range(self._random.choice((1, 1, 2, 5))):
            text[self._random.randrange(len(text))] = self._random.choice(ALPHABET)
        return "".join(text)

    def cut(self) -> str:
        text = self._text()
        start, end = sorted(self._random.sample(range(len(text) + 1), 2))
        return text[:start] + text[end:]

    def grow(self) -> str:
        text, at = self._text(), self._random.randrange(150)
        return text[:at] + "".join(self._random.choices(ALPHABET, k=self._random.randrange(1, 30))) + text[at:]

    def splice(self) -> str:
        one, two, at = self._text(), self._text(), self._random.randrange(4, 150)
        return one[:at] + two[at:]

    def swap_kid(self) -> str:
        one, two = self._parts(), self._parts()
        return gt1.to_text(Sign1(two.kid, one.payload, one.signature))

    def swap_signature(self) -> str:
        one, two = self._parts(), self._parts()
        return gt1.to_text(Sign1(one.kid, one.payload, two.signature))

    def cross_type(self) -> str:
        payload = self._parts().payload
        assert payload is not None
        aad = self._random.choice([aad for aad in Aad if aad is not Aad.TICKET])
        return self._issuer.ticket_of(payload, aad=aad)

    def cross_key(self) -> str:
        """Signed well, by a key that is none of ours, under a kid that is."""
        one = self._parts()
        assert one.payload is not None
        forged = sign(self._stranger, one.payload, Aad.TICKET)
        return gt1.to_text(Sign1(one.kid, one.payload, forged.signature))

    def odd_signs(self) -> str:
        text, at = self._text(), self._random.randrange(4, 150)
        return text[:at] + self._random.choice(ODD) + text[at + self._random.randrange(2) :]

    def long(self) -> str:
        return self._text() + "".join(self._random.choices(ALPHABET, k=self._random.choice((13, 300, 4142))))

    def noise(self) -> str:
        return "GT1:" + "".join(self._random.choices(ALPHABET, k=self._random.randrange(140, 170)))

    def case(self) -> str:
        text = self._text()
        at = self._random.choice([i for i, sign_ in enumerate(text) if sign_.isalpha()])
        return text[:at] + text[at].lower() + text[at + 1 :]

    def zero(self) -> str:
        body = bytearray(base45.b45decode(self._text()[4:]))
        start, end = sorted(self._random.sample(range(len(body) + 1), 2))
        body[start:end] = bytes([self._random.choice((0, 0xFF))]) * (end - start)
        return encoded(bytes(body))

    def other_prefix(self) -> str:
        prefix = self._random.choice(("GT2:", "GR1:", "GE1:", "GT1;", "GT1", " GT1:", "GT1::", "HC1:", ""))
        return prefix + self._text()[4:]
