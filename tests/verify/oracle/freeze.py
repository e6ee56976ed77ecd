"""Writes the oracle's answers to `tests/vectors/gt1/`, so that they are checked where its environment cannot be made."""

from __future__ import annotations

import json
from typing import Any

from tests.verify.oracle import cases
from tests.verify.oracle.environment import PACKAGES, ROOT, Oracle, oracle

VECTORS = ROOT / "tests" / "vectors" / "gt1"


def answers(oracle: Oracle) -> dict[str, dict[str, Any]]:
    """File name -> what belongs into it, asked just now."""
    issued = {
        name: case | {"answer": oracle.ask("verify", **{k: case[k] for k in ("cose", "public", "kid", "aad")})}
        for name, case in cases.issued().items()
    }
    signed = {
        name: case | oracle.ask("sign", **{k: case[k] for k in ("seed", "kid", "aad", "claims")})
        for name, case in cases.to_sign().items()
    }
    return {"issued.json": issued, "signed.json": signed}


def main() -> None:
    with oracle() as live:
        for name, content in answers(live).items():
            text = json.dumps({"oracle": list(PACKAGES), "cases": content}, indent=1, ensure_ascii=False)
            (VECTORS / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
