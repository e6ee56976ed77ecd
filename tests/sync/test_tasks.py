"""Which remote tasks are obeyed, how long they wait for the lane, and that each is handed out once."""

from __future__ import annotations

from typing import Any

import pytest

from gate.sync.tasks import LIFE_MS, TASKS_MAX, Tasks

NOW = 1_000_000
URL = "https://central.example"
ALL = ("pull", "disable", "enable", "open_once")


class Time:
    ms = NOW

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def time() -> Time:
    return Time()


def task(name: str = "t1", do: Any = "open_once", by: Any = "operator:ana") -> dict[str, Any]:
    return {"id": name, "do": do, "by": by}


def test_what_is_allowed_waits_for_the_lane_and_is_handed_out_once(time: Time) -> None:
    tasks = Tasks(ALL, URL, time)
    assert not tasks.take([task("a"), task("b", "disable")], NOW)
    time.ms += 1_000
    assert tasks.hand_out() == [
        {"id": "a", "do": "open_once", "by": "operator:ana", "until": NOW + LIFE_MS},
        {"id": "b", "do": "disable", "by": "operator:ana", "until": NOW + LIFE_MS},
    ]
    assert tasks.hand_out() == []
    assert tasks.ignored == 0


def test_pull_is_asked_for_now_and_waits_only_to_be_written_down(time: Time) -> None:
    tasks = Tasks(("pull",), URL, time)
    assert tasks.take([task(do="pull")], NOW)
    assert [item["do"] for item in tasks.hand_out()] == ["pull"]


@pytest.mark.parametrize("word", ALL)
def test_a_word_that_the_configuration_does_not_list_is_ignored_and_counted(time: Time, word: str) -> None:
    tasks = Tasks([other for other in ALL if other != word], URL, time)
    assert not tasks.take([task(do=word)], NOW)
    assert tasks.hand_out() == []
    assert tasks.ignored == 1


@pytest.mark.parametrize(
    ("url", "obeyed"),
    [
        (URL, ALL),
        ("http://127.0.0.1:8443", ALL),
        ("http://[::1]:8443", ALL),
        ("http://localhost:8443", ALL),
        ("http://192.0.2.7:8443", ("pull",)),
        ("http://127.0.0.1.central.example", ("pull",)),
        ("http://localhost@192.0.2.7", ("pull",)),
    ],
)
def test_what_moves_a_lane_is_obeyed_only_where_nobody_on_the_way_could_have_written_it(
    time: Time, url: str, obeyed: tuple[str, ...]
) -> None:
    tasks = Tasks(ALL, url, time)
    tasks.take([task(word, word) for word in ALL], NOW)
    assert tuple(item["do"] for item in tasks.hand_out()) == obeyed
    assert tasks.ignored == len(ALL) - len(obeyed)


WRONG = {
    "unknown word": task(do="explode"),
    "no object": "open_once",
    "word of another type": task(do=["open_once"]),
    "no word": {"id": "t1", "by": "a"},
    "no operator": {"id": "t1", "do": "open_once"},
    "empty operator": task(by=""),
    "operator of another type": task(by={"name": "ana"}),
    "operator that is too long": task(by="a" * 65),
    "operator with a line break": task(by="ana\nbudi"),
    "operator written backwards": task(by="ana\u202e"),
    "operator that is no text": task(by="\ud800"),
    "no id": {"do": "open_once", "by": "a"},
    "id that is too long": task("1" * 65),
    "id of another type": task(1),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_malformed_task_is_ignored_and_counted_and_the_next_one_is_obeyed(time: Time, wrong: Any) -> None:
    tasks = Tasks(ALL, URL, time)
    tasks.take([wrong, task("good")], NOW)
    assert [item["id"] for item in tasks.hand_out()] == ["good"]
    assert tasks.ignored == 1


@pytest.mark.parametrize("answer", [None, {}, "open_once", 3, {"id": "a", "do": "open_once", "by": "b"}])
def test_an_answer_without_a_list_asks_for_nothing(time: Time, answer: Any) -> None:
    tasks = Tasks(ALL, URL, time)
    assert not tasks.take(answer, NOW)
    assert tasks.hand_out() == []


def test_an_id_counts_once_whatever_it_asks_for(time: Time) -> None:
    tasks = Tasks(ALL, URL, time)
    tasks.take([task(), task()], NOW)
    assert len(tasks.hand_out()) == 1
    assert not tasks.take([task(do="pull"), task(do="enable")], NOW)
    assert tasks.hand_out() == []
    assert tasks.ignored == 3


def test_a_task_that_the_lane_did_not_fetch_in_time_is_never_done(time: Time) -> None:
    tasks = Tasks(ALL, URL, time)
    tasks.take([task("slow")], NOW - LIFE_MS - 1)  # its heartbeat took that long
    tasks.take([task("last moment")], NOW - LIFE_MS)
    tasks.take([task("new")], NOW)
    assert [item["id"] for item in tasks.hand_out()] == ["last moment", "new"]
    tasks.take([task("later")], NOW)
    time.ms += LIFE_MS + 1
    assert tasks.ignored == 2
    assert tasks.hand_out() == []


def test_a_server_that_asks_for_very_much_fills_nothing(time: Time) -> None:
    tasks = Tasks(ALL, URL, time)
    for beat in range(3):
        tasks.take([task(f"{beat}-{n}") for n in range(TASKS_MAX + 5)], NOW)
    assert [item["id"] for item in tasks.hand_out()] == [f"0-{n}" for n in range(TASKS_MAX)]
    assert tasks.ignored == 5 + 2 * (TASKS_MAX + 5)
