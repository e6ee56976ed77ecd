"""Joins the demo's actor to a running lane."""

from __future__ import annotations

from pathlib import Path

from gate.app import GateApp
from gate.demo.actor import Actor


def follow(app: GateApp) -> None:
    """People walk, cues happen; ends with the lane."""
    video = next((item for item in app.settings.inputs if item.kind == "video"), None)
    actor = Actor(app.actuator.drive, Path(video.device) if video else None)
    end = app.view.subscribe(actor.hear)
    app.at_end(end)
    app.at_end(actor.close)
