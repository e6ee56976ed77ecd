"""Controller profiles: what they bound, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.actuator.profiles import OWN, check_profiles, load_profile
from gate.config import parse
from gate.errors import ConfigError


def problems(call: object, *arguments: object) -> dict[str, tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        call(*arguments)  # type: ignore[operator]
    return {key: (problem, hint) for key, problem, hint in caught.value.problems}


def write(folder: Path, name: str, text: str) -> tuple[Path]:
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return (folder,)


@pytest.mark.parametrize("name", sorted(path.stem for path in OWN.glob("*.toml")))
def test_every_profile_of_the_package_is_valid_and_says_what_it_is(name: str) -> None:
    profile = load_profile(name, (OWN,))
    assert profile.title
    assert 0 < profile.max_s <= 1
    assert profile.pulse_min_ms <= 300 <= profile.pulse_max_ms, "the default pulse fits"


def test_the_expected_profiles_are_there() -> None:
    assert {path.stem for path in OWN.glob("*.toml")} >= {"strike", "tripod"}


def test_level_mode_is_refused_without_a_declared_hardware_limit(tmp_path: Path) -> None:
    folders = write(tmp_path, "hold", 'mode = "level"')
    assert set(problems(load_profile, "hold", folders)) == {"profile.hold.mode"}
    write(tmp_path, "hold", 'mode = "level"\nhardware_limit_s = 6')
    assert load_profile("hold", folders).max_s == 6


def test_a_window_longer_than_the_hardware_limit_is_refused(tmp_path: Path) -> None:
    folders = write(tmp_path, "hold", 'mode = "level"\nhardware_limit_s = 4')
    settings = parse('[lane.entry]\nprofile = "hold"\nwindow_s = 5.0')
    assert set(problems(check_profiles, settings, folders)) == {"lane.entry.window_s"}


def test_all_problems_of_all_lanes_are_told_at_once(tmp_path: Path) -> None:
    folders = write(tmp_path, "short", 'pulse_max_ms = 200\ndirections = ["exit"]')
    settings = parse('[lane.entry]\nprofile = "short"\n[lane.exit]\nprofile = "none-such"\nrelay_pin = 4')
    found = problems(check_profiles, settings, folders)
    assert set(found) == {"lane.entry.pulse_ms", "lane.entry.profile", "profile.none-such"}
    assert "short" in found["profile.none-such"][1], "the hint lists what there is"


WRONG = {
    "unknown key": ("pulse_maxms = 300", "profile.x.pulse_maxms"),
    "out of range": ("pulse_max_ms = 5000", "profile.x.pulse_max_ms"),
    "range the wrong way round": ("pulse_min_ms = 500\npulse_max_ms = 300", "profile.x.pulse_min_ms"),
    "no TOML": ("title = Strike", "profile.x"),
}


@pytest.mark.parametrize(("text", "key"), WRONG.values(), ids=WRONG)
def test_a_wrong_profile_is_refused(tmp_path: Path, text: str, key: str) -> None:
    assert set(problems(load_profile, "x", write(tmp_path, "x", text))) == {key}


def test_a_profile_name_is_no_path(tmp_path: Path) -> None:
    write(tmp_path, "x", "")
    assert set(problems(load_profile, "../x", (tmp_path / "y", tmp_path))) == {"profile.../x"}


def test_a_site_profile_goes_before_the_one_of_the_package(tmp_path: Path) -> None:
    (site,) = write(tmp_path, "strike", 'title = "Ours"')
    assert load_profile("strike", (site, OWN)).title == "Ours"
