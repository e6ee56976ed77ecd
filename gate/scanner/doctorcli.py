"""`gate doctor camera` and `gate doctor wedge`: what they print and their exit codes. The findings are made elsewhere."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from gate.cliout import CONFIG_PATH, fail, print_json, print_table
from gate.errors import ConfigError
from gate.settings import InputSettings

doctor_app = typer.Typer(help="Examine a camera or a reader before guests do.", no_args_is_help=True)

Config = Annotated[
    Path, typer.Option("--config", "-c", envvar="GATE_CONFIG", help="Configuration file.", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Input = Annotated[str | None, typer.Option("--input", help="Name of an [[input]] of the configuration.")]
Profile = Annotated[Path | None, typer.Option("--profile", help="Write what was found into this file (input.profile).")]
Sheet = Annotated[Path | None, typer.Option("--sheet", help="Only write the sheet to print, a PNG.")]


@doctor_app.command()
def camera(
    name: Input = None,
    file: Annotated[Path | None, typer.Option("--file", help="A picture or a folder of pictures instead.")] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="How long to look.", min=0.5, max=600)] = 5.0,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Find exposures with the target held still.")] = False,
    profile: Profile = None,
    sheet: Sheet = None,
    config: Config = CONFIG_PATH,
    json_: Json = False,
) -> None:
    """Focus, light, glare, dirt, frame rate, age, decode time, smallest readable module. Exit 1 with a warning."""
    from gate.scanner.doctor import examine, frames_of, frames_of_files
    from gate.scanner.sheets import save_sheet, target_sheet

    if sheet is not None:
        save_sheet(target_sheet(), sheet)
        _say({"ok": True, "sheet": str(sheet)}, as_json=json_)
        return
    if file is not None:
        report = examine(frames_of_files(file), live=False)
    else:
        from gate.scanner.sources import TEXT_KINDS, open_source

        settings = _input(config, name)
        if settings.kind in TEXT_KINDS:
            fail("usage", f"input {settings.name} is no camera: try `gate doctor wedge`", 2, as_json=json_)
        source = open_source(settings)
        facts = source.open()
        try:
            found = (
                _calibrate(source, profile or (Path(settings.profile) if settings.profile else None))
                if calibrate
                else {}
            )
            report = examine(frames_of(source, seconds), live=True, wanted_fps=facts.fps or settings.fps)
        finally:
            source.close()
        report = {**report, "source": facts.source, "size": list(facts.size), **found}
    _say(report, as_json=json_)
    raise typer.Exit(0 if report["ok"] else 1)


@doctor_app.command()
def wedge(
    name: Input = None,
    typed: Annotated[
        str | None, typer.Option("--typed", help="What the reader typed for the sheet; `-` = one line.")
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="How long to wait for the scan.", min=1, max=600)] = 30.0,
    profile: Profile = None,
    sheet: Sheet = None,
    config: Config = CONFIG_PATH,
    json_: Json = False,
) -> None:
    """Teach-in of a reader: prefix, suffix, AIM identifier, caps lock, keyboard layout. Exit 1 = not recognised."""
    import sys

    from gate.scanner.profile import save_profile
    from gate.scanner.sheets import save_sheet, wedge_sheet
    from gate.scanner.teach import learn, presses_of

    if sheet is not None:
        save_sheet(wedge_sheet(), sheet)
        _say({"ok": True, "sheet": str(sheet)}, as_json=json_)
        return
    if typed is not None:
        presses = presses_of(sys.stdin.readline() if typed == "-" else typed)
    else:
        settings = _input(config, name)
        if settings.kind != "evdev":
            fail(
                "usage", f"input {settings.name} is of kind {settings.kind}; give its text by --typed", 2, as_json=json_
            )
        profile = profile or (Path(settings.profile) if settings.profile else None)
        if not json_:
            print("scan the teach-in sheet now", flush=True)
        presses = _record(settings, seconds)
    lesson = learn(presses)
    if lesson.wedge is not None and profile is not None:
        save_profile(profile, wedge=lesson.wedge)
    result: dict[str, Any] = {"ok": lesson.wedge is not None, **(asdict(lesson.wedge) if lesson.wedge else {})}
    result |= {"slowest_ms": lesson.slowest_ms, "typed": lesson.as_us, "problems": lesson.problems}
    _say(result, as_json=json_)
    raise typer.Exit(0 if result["ok"] else 1)


def _input(config: Path, name: str | None) -> InputSettings:
    """The input named, or the first. Raises: ConfigError."""
    from gate.config import load
    from gate.settings import Settings

    settings = load(config) if config.exists() else Settings()
    for item in settings.inputs:
        if name in (None, item.name):
            return item
    known = ", ".join(item.name for item in settings.inputs) or "none"
    raise ConfigError([("input", f"there is no input {name}", f"there are: {known}")])


def _calibrate(source: Any, profile: Path | None) -> dict[str, Any]:
    """Walk through the exposures with the target in view."""
    from gate.scanner.control import target_figures
    from gate.scanner.decoder import Cascade
    from gate.scanner.doctor import frames_of
    from gate.scanner.exposure import Calibration, choose
    from gate.scanner.frames import to_gray
    from gate.scanner.profile import save_profile

    set_control = getattr(source, "control", None)
    if set_control is None or not set_control("exposure", 0.0):
        return {"calibrated": False, "why": "this camera has no exposure to set"}
    run, cascade = Calibration(), Cascade()
    for frame in frames_of(source, 30.0):
        gray = to_gray(frame.image)
        wanted = None if gray is None else run.frame(**target_figures(gray, cascade.look(gray).readings))
        if wanted is not None:
            set_control("exposure", wanted)
        if run.done:
            break
    exposure = choose(run.steps)
    if exposure is None:
        set_control("exposure", 0.0)
        return {"calibrated": False, "why": "the target was not read at any exposure"}
    set_control("exposure", exposure.normal_ms)
    if profile is not None:
        save_profile(profile, exposure=exposure)
    return {"calibrated": True, **asdict(exposure)}


def _record(settings: InputSettings, seconds: float) -> list[Any]:
    """Key events until half a second after the last one."""
    from gate.scanner.sources.evdev import WedgeSource
    from gate.scanner.teach import Press

    source = WedgeSource(replace(settings, profile=""))
    source.open()
    presses: list[Press] = []
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            event = source.press()
            if event is not None:
                presses.append(Press(*event))
                end = time.monotonic() + 0.5
    finally:
        source.close()
    return presses


def _say(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    rows = [(key, value) for key, value in report.items() if not isinstance(value, (list, dict)) or key == "size"]
    print_table(("", ""), rows)
    for item in report.get("warnings", []):
        print(f"warning: {item['name']}: {item['hint']}")
    for problem in report.get("problems", []):
        print(f"problem: {problem}")
