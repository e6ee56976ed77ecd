"""What screens may see of the lane, and that no screen can hurt it."""

from __future__ import annotations

import threading
from typing import Any

from gate.laneview import KEEP, LaneView


def view() -> LaneView:
    return LaneView(lambda _wanted: None)


def decision(n: int, reason: str = "ok", *, opened: bool = True) -> dict[str, Any]:
    return {
        "t": "decision", "ref": f"g2/00/{n}", "reason": reason,
        "latency": {"pin_ms": 0.1 if opened else None, "total_ms": float(n)},
    }  # fmt: skip


def test_state_is_the_newest_and_the_first_one_is_out_of_order() -> None:
    seen = view()
    assert (seen.state()["lane"], seen.state()["verdict"]) == ("out_of_order", None)
    seen.publish({"t": "state", "lane": "idle", "verdict": None})
    seen.publish({"t": "pins", "relay": {}})
    assert seen.state()["lane"] == "idle"


def test_listeners_hear_every_message_until_they_end() -> None:
    seen, first, second = view(), list[Any](), list[Any]()
    end = seen.subscribe(first.append)
    seen.subscribe(second.append)
    seen.publish({"t": "pins"})
    end()
    end()
    seen.publish({"t": "state"})
    assert [message["t"] for message in first] == ["pins"]
    assert [message["t"] for message in second] == ["pins", "state"]


def test_listener_that_fails_reaches_neither_the_lane_nor_the_others() -> None:
    seen, heard = view(), list[Any]()

    def broken(_message: object) -> None:
        raise RuntimeError("the event loop is closed")

    seen.subscribe(broken)
    seen.subscribe(heard.append)
    seen.publish({"t": "pins"})
    assert len(heard) == 1


def test_listener_may_end_itself_or_subscribe_while_it_is_told() -> None:
    seen, heard = view(), list[Any]()

    def once(message: object) -> None:
        heard.append(message)
        end()
        seen.subscribe(heard.append)

    end = seen.subscribe(once)
    seen.publish({"t": "pins"})
    seen.publish({"t": "pins"})
    assert len(heard) == 2


def test_demo_page_keeps_the_newest_decisions_and_rows_first() -> None:
    seen = view()
    for n in range(KEEP + 5):
        seen.publish(decision(n))
        seen.journaled({"seq": n, "kind": "admitted"})
    shown = seen.demo()
    assert [item["ref"] for item in shown["decisions"]][:2] == [f"g2/00/{KEEP + 4}", f"g2/00/{KEEP + 3}"]
    assert len(shown["decisions"]) == len(shown["journal"]) == KEEP
    assert shown["journal"][0]["seq"] == KEEP + 4


def test_demo_page_has_pins_sync_and_input() -> None:
    seen = view()
    seen.publish({"t": "pins", "relay": {"entry": True}})
    seen.publish({"t": "state", "mode": "local", "data_age_s": 5, "sync": {"queue": 3, "last_error": "no route"}})
    seen.heard(fps=29.5, state="ok")
    seen.heard(fps=30.0)
    shown = seen.demo()
    assert shown["pins"]["relay"] == {"entry": True}
    assert shown["sync"] == {"mode": "local", "data_age_s": 5, "queue": 3, "last_error": "no route"}
    assert shown["input"] == {"fps": 30.0, "state": "ok"}


def test_metrics_count_by_reason_and_time_only_what_moved_a_pin() -> None:
    seen = view()
    for n in range(1, 101):
        seen.publish(decision(n))
    seen.publish(decision(9_999, "revoked", opened=False))
    seen.journaled({"kind": "admitted"})
    seen.publish({"t": "state", "sync": {"queue": 3}, "data_age_s": 12, "clock": "synced"})
    values = seen.metrics()
    assert values['gate_scans_total{reason="ok"}'] == 100
    assert values['gate_scans_total{reason="revoked"}'] == 1
    assert values['gate_journal_rows_total{kind="admitted"}'] == 1
    assert values['gate_capture_to_pin_ms{quantile="0.5"}'] == 51
    assert values['gate_capture_to_pin_ms{quantile="0.99"}'] == 100
    assert (values["gate_outbox_rows"], values["gate_manifest_age_seconds"], values["gate_clock_trusted"]) == (3, 12, 1)


def test_metrics_of_a_lane_that_has_done_nothing_are_honest() -> None:
    values = view().metrics()
    assert values["gate_clock_trusted"] == 0
    assert not any(name.startswith("gate_capture") for name in values)
    assert "gate_manifest_age_seconds" not in values


def test_preview_is_asked_of_the_scanners() -> None:
    asked: list[bool] = []
    LaneView(asked.append).preview(True)
    assert asked == [True]


def test_messages_from_many_threads_are_all_counted() -> None:
    seen = view()
    threads = [threading.Thread(target=lambda: [seen.publish(decision(n)) for n in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen.metrics()['gate_scans_total{reason="ok"}'] == 800
