"""Many mutated texts: none is accepted as a signed ticket, none raises anything but TicketError, none takes long.

20,000 in the suite; `GATE_MUTATIONS=1000000` for the long run.
"""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

from gate.errors import TicketError
from gate.model import Reason
from gate.verify.formats import identify
from tests.fakes.issuer import AUTUMN, NOW_S, SPRING, Issuer
from tests.verify.mutate import Mutator

COUNT = int(os.environ.get("GATE_MUTATIONS", "20000"))
SEED = int(os.environ.get("GATE_MUTATIONS_SEED", "1"))
BOUND_S = 0.005  # of this thread's own time: others keep the machine busy too


@pytest.mark.timeout(60 + COUNT // 500)
def test_no_mutated_text_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    issuer = Issuer()
    keys = issuer.keyset(SPRING, AUTUMN)
    mutator = Mutator(issuer, SEED)
    answers: Counter[str] = Counter()
    slow = []
    for _, text in zip(range(COUNT), mutator, strict=False):
        began = time.thread_time()
        try:
            claims = identify(text, keys, NOW_S)
        except TicketError as error:
            answers[f"{error.reason} {error.detail}".strip()] += 1
        else:
            # A text that no longer looks like ours is an opaque one: it proves nothing, the manifest is asked.
            assert not claims.signed, text
            answers[claims.format] += 1
        if (took := time.thread_time() - began) > BOUND_S:
            slow.append((took, text))
    with capsys.disabled():
        print(
            f"\n{COUNT} mutated texts, none accepted: {dict(answers.most_common())}; kinds {len(mutator.kinds)}",
            end=" ",
        )
    assert answers.total() == COUNT
    assert len(mutator.kinds) == 15
    assert {Reason.INVALID_SIGNATURE, Reason.UNKNOWN_KEY} <= {answer.split()[0] for answer in answers}
    assert not slow, sorted(slow)[-3:]
