"""One key, one act: a request that is sent again, also at the same time or after a restart, gets the first answer."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from typing import Any

from gate.kiosk.staff.access import Denied
from gate.kiosk.staff.ports import Store


class Once:
    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now = now_ms
        self._turn = threading.Condition()
        self._busy: set[tuple[str, str]] = set()

    def do(self, who: str, key: str, request: Any, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The answer of `act`, kept under (who, key). What raises is not kept: it may be tried again.

        Raises: Denied when the key was used for another request; what `act` raises.
        """
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        with self._turn:
            while (who, key) in self._busy:
                self._turn.wait()
            self._busy.add((who, key))
        try:
            kept = self._store.answer(who, key)
            if kept is not None:
                if kept[1]["request"] != digest:
                    raise Denied("key_reused", "this key was used for another request")
                answer: dict[str, Any] = kept[1]["answer"]
                return answer | {"repeated": True}
            fresh = act()
            self._store.keep_answer(who, key, self._now(), 200, {"request": digest, "answer": fresh})
            return fresh
        finally:
            with self._turn:
                self._busy.discard((who, key))
                self._turn.notify_all()
