"""Commands that ask how the gate decides: `explain`, `replay`, `rehearse`, which record nothing; and `wipe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gate.cliargs import At, Config, Json, Text, Way, text_of
from gate.cliout import CONFIG_PATH, fail, print_json, print_table, state_of
from gate.model import Direction
from gate.said import counted


def add_to(app: typer.Typer) -> None:
    for command in (explain, replay, rehearse, wipe):
        app.command()(command)


def explain(
    text: Text,
    config: Config = CONFIG_PATH,
    at: At = None,
    name: Annotated[str | None, typer.Option("--list", help="Only this check-in list of the gate.")] = None,
    direction: Way = Direction.ENTRY,
    json_: Json = False,
) -> None:
    """How this gate would answer a code now: every rule, its facts, the verdict. Nothing is recorded. Exit 1 = refused."""
    from gate.decision.words import label, say_all
    from gate.inspect import Desk

    with Desk.open(state_of(config), at) as desk:
        result = desk.explain(text_of(text), direction, name)
    if json_:
        print_json(result)
    else:
        print(f"{result['verdict']}  {result['reason']}  {result['detail']}".rstrip())
        rows = [
            (label(step["name"]), step["answer"], say_all(step["looked"], result["facts"])) for step in result["rules"]
        ]
        print_table(("rule", "answer", "because of"), rows)
    raise typer.Exit(0 if result["admit"] else 1)


def replay(
    journal: Annotated[Path, typer.Argument(help="journal.db, of this gate or of any.")],
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="Base file (manifests/<sha256>.sqlite) to take the tickets from.")
    ] = None,
    json_: Json = False,
) -> None:
    """Take every decision of a journal again, from its stored facts and a manifest. Exit 1 when one differs."""
    from gate.replay import replay as replayed

    for path in filter(None, (journal, manifest)):
        if not path.exists():
            fail("storage", f"there is no file {path}", 3, as_json=json_)
    result = replayed(journal, manifest)
    if json_:
        print_json(result.to_json())
    else:
        print(f"{counted(result.rows, 'decision')}, {result.rows - len(result.different)} the same")
        print_table(
            ("row", "then", "now"),
            [(item.ref, _as_words(item.then), _as_words(item.now)) for item in result.different],
        )
    raise typer.Exit(1 if result.different else 0)


def _as_words(answer: dict[str, Any]) -> str:
    words = "/".join(filter(None, (answer["reason"], answer["detail"])))
    facts = ", ".join(f"{name}={value}" for name, value in answer.get("facts", {}).items())
    return f"{words} ({facts})" if facts else words


def rehearse(
    at: Annotated[int, typer.Option("--at", help="Unix seconds at which the guests come.")],
    gate: Annotated[str | None, typer.Option("--gate", help="Id of a gate of the policy; default: this one.")] = None,
    config: Config = CONFIG_PATH,
    direction: Way = Direction.ENTRY,
    json_: Json = False,
) -> None:
    """All tickets of the manifest through a gate's rules at a chosen time: how many would be refused, and why.

    As if the data were fresh, the clock right, and rotating tickets shown as such. Uses known here count.
    """
    from gate.inspect import Desk

    with Desk.open(state_of(config), at) as desk:
        result = desk.rehearse(at, gate, direction)
    if json_:
        print_json(result.to_json())
        return
    refused = result.tickets - result.admitted
    print(
        f"{counted(result.tickets, 'ticket')} in {result.seconds:.1f} s: {result.admitted} admitted, {refused} refused"
    )
    if result.details:
        print_table(("why", "tickets"), result.details.most_common())


def wipe(
    config: Config = CONFIG_PATH,
    yes: Annotated[bool, typer.Option("--yes", help="Really.")] = False,
    unsent: Annotated[bool, typer.Option("--unsent", help="Also rows that no server holds.")] = False,
    json_: Json = False,
) -> None:
    """Remove everything of this gate: keys, secrets, journal, manifests, enrolment. For a gate that is given away."""
    from gate.storage import retention

    state_dir = state_of(config)
    left = retention.unsent(state_dir)
    if left and not unsent:
        fail("unsent", f"{counted(left, 'row')} on no server yet: sync first, or add --unsent", 1, as_json=json_)
    if not yes:
        fail("sure", f"this removes everything in {state_dir}; add --yes", 2, as_json=json_)
    gone = retention.wipe(state_dir)
    if json_:
        print_json({"ok": True, "removed": gone})
    else:
        print("removed:", *(gone or ["nothing was here"]))
