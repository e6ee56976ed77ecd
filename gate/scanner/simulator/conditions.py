"""What goes wrong at a door, as numbers: thirteen conditions at three severities each. Data only, no drawing.

Sizes are in modules of the code, so that a condition means the same at every distance. Severities were set once so that
a plain decoder has an easy, a doubtful and a nearly hopeless case of each; they compare pipelines and predict no venue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Strain:
    """One view through a gate camera. The defaults are a good day."""

    medium: str = ""
    """phone, phone_dark, paper, badge; empty = drawn by the seed."""
    px: tuple[float, float] = (2.6, 4.0)
    """Range of pixels per module."""
    blur: float = 0.15
    """Length of the path during one exposure at the fastest moment, modules."""
    defocus: float = 0.25
    """Sigma of the lens blur, modules."""
    noise: float = 2.5
    """Sigma of the sensor noise, gray levels."""
    light: float = 1.0
    """Share of the light; the sensor's noise stays."""
    bands: float = 0.0
    """Depth of the dark bands of a pulsed lamp under a rolling shutter."""
    moire: float = 0.0
    """Amplitude of the beat between the pixels of screen and sensor."""
    glare: float = 0.0
    """Diameter of a saturated reflection, share of the code's side."""
    cracks: int = 0
    finger: float = 0.0
    """How far a finger tip reaches over the code, share of its side."""
    tilt: float = 12.0
    """Largest turn out of the picture plane, degrees."""
    washed: float = 0.0
    """How far white light over the picture lifts the dark modules, 0-1."""
    shadow: float = 0.0
    """Depth of a hard shadow whose edge lies over the code."""


_PLAIN = Strain()


def _of(**keys: tuple[object, object, object]) -> tuple[Strain, Strain, Strain]:
    a, b, c = (replace(_PLAIN, **{k: v[i] for k, v in keys.items()}) for i in range(3))  # type: ignore[arg-type]
    return a, b, c


def _one(word: str) -> tuple[str, str, str]:
    return word, word, word


CONDITIONS: Mapping[str, tuple[Strain, Strain, Strain]] = MappingProxyType(
    {
        "motion": _of(blur=(1.2, 1.7, 2.2)),
        "defocus": _of(defocus=(0.38, 0.48, 0.58)),
        "bands": _of(bands=(0.65, 0.8, 0.9), light=(0.8, 0.7, 0.6)),
        "moire": _of(medium=_one("phone"), moire=(0.4, 0.55, 0.7)),
        "noise": _of(noise=(16.0, 26.0, 36.0)),
        "glare": _of(glare=(0.35, 0.5, 0.65)),
        "low light": _of(light=(0.14, 0.10, 0.07), noise=(4.0, 4.5, 5.0)),
        "cracks": _of(medium=_one("phone"), cracks=(5, 10, 16)),
        "dark mode": _of(medium=_one("phone_dark"), defocus=(0.3, 0.42, 0.5), noise=(4.0, 8.0, 12.0)),
        "finger": _of(finger=(0.16, 0.22, 0.28)),
        "far": _of(px=((1.6, 1.9), (1.4, 1.6), (1.25, 1.4)), defocus=(0.25, 0.3, 0.35)),
        "tilted": _of(tilt=(42.0, 52.0, 60.0), defocus=(0.3, 0.35, 0.4)),
        "washed out": _of(washed=(0.75, 0.85, 0.92), shadow=(0.0, 0.2, 0.3)),
    }
)
SEVERITIES = ("mild", "medium", "hard")
