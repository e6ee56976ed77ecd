"""Named steps in the work of lane, sync and scanner, so that a proof can stop a process exactly there. Nothing else belongs here.

A gate at work does nothing at a step: no setting, no variable and no file can change that. A proof, in a process of its
own, puts its own function in place of `reach` before it builds the process (`tests/fault/halt.py`).
"""

from __future__ import annotations

from collections.abc import Callable

LANE = (
    "app.journal",  # journal open, nothing written in this life
    "app.booted",  # boot row on disk
    "app.ready",  # everything answers, no scanner yet
    "app.turn",  # the admission thread begins its next turn
    "scan.heard",  # a text reached the admission thread
    "scan.decided",  # the answer is known, nothing is written
    "journal.begun",  # inside the transaction, nothing written
    "journal.row",  # the row is written, its use is not counted
    "journal.counted",  # row and use are written, not committed
    "journal.committed",  # on disk, nobody knows yet
    "scan.committed",  # before the relay
    "pin.on",  # in the pins' owner: the relay has just been energised
    "scan.pulsed",  # the lane knows that the pin changed
    "scan.shown",  # screen, lamp and buzzer are told
    "passage.heard",  # somebody passed, nothing is written
    "pin.off",  # in the pins' owner: the relay has just gone to rest
)
SYNC = (
    "trust.checked",  # a trust file came and verifies, it is not stored
    "trust.stored",  # it is on disk
    "manifest.checked",  # a descriptor verifies, nothing that it names is here
    "base.part",  # a piece of the packed base file is written
    "base.fetched",  # the packed file is whole
    "base.raw",  # a piece of it is unpacked
    "base.proven",  # unpacked and looked into, still without its name
    "base.named",  # renamed, no row names it yet
    "file.written",  # a policy or secrets, still without its name
    "file.named",  # renamed, no row names it yet
    "changes.checked",  # a page of changes verifies, nothing is stored
    "store.overlay",  # inside the transaction: the changes are written, the event's row is not
    "store.event",  # inside the transaction: both are
    "manifest.stored",  # on disk, the thread that fetched it does not know
    "feed.read",  # a page of check-ins came, nothing is stored
    "feed.rows",  # inside the transaction: the rows are written, the cursor is not
    "feed.stored",  # on disk
    "push.ready",  # a batch is made, nothing is sent
    "push.answered",  # the server holds it and said so, nothing is noted
    "push.noted",  # inside the transaction: the numbers are written
    "push.stored",  # on disk
)
SCANNER = (
    "source.open",  # the source gives, the lane has heard nothing
    "child.hello",  # the lane has heard hello, nobody reads the source
    "frame.taken",  # a picture is about to be looked at
    "decode.first",  # inside the decoder, after its first pass
    "frame.read",  # what the picture holds is known, the lane is not told
    "pipe.part",  # a part of a record is in the pipe
    "text.appeared",  # the lane has the text, it has not left
    "text.left",  # the lane knows that it has left
    "health.told",  # the lane knows how the source is
)
STEPS = LANE + SYNC + SCANNER


def _nothing(_step: str) -> None:
    return


reach: Callable[[str], None] = _nothing
"""Call as `steps.reach("scan.heard")`, never by a name of one's own: the module's attribute is what a proof replaces."""
