"""The pin factory named by the configuration, and never another.

gpiozero by itself falls back to whatever factory imports, and a gate whose relay hangs on a pretended pin opens for nobody;
so the factory is made here by its name, or not at all.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

from gate.errors import DeviceError

Factory = Any
"""A `gpiozero.Factory`. gpiozero has no types."""

_MOCK_REVISION = "c03111"
"""Pi 4B. Said here because MockFactory otherwise asks the environment."""


def open_factory(name: str, work_dir: Path) -> Factory:
    """Make the factory `lgpio` or `mock`. Whoever opens it closes it: gpiozero's exit hook closes only its global one.

    Args:
        name: as in `pins.factory`.
        work_dir: writable folder; lgpio makes its notification pipes there the first time it is loaded.

    Raises: DeviceError when it cannot be had here.
    """
    if name == "mock":
        return MockFactory(revision=_MOCK_REVISION, pin_class=MockPin)
    if name != "lgpio":
        raise DeviceError(f"there is no pin factory {name!r}")
    if not os.access(work_dir, os.W_OK):
        raise DeviceError(f"pins: lgpio needs a writable folder, and {work_dir} is none")
    os.environ["LG_WD"] = str(work_dir)
    try:
        return _lgpio_factory()
    except ImportError as error:
        hint = (
            "install the distribution's python3-lgpio, or gate[pi]; for a gate without pins set pins.factory = 'mock'"
        )
        raise DeviceError(f"pins: lgpio is not installed ({error}); {hint}") from error
    except Exception as error:  # lgpio.error and gpiozero's PinError have no common base but this
        raise DeviceError(f"pins: the GPIO chip cannot be opened ({error}); is the user in group gpio?") from error


def _lgpio_factory() -> Factory:
    import lgpio
    from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin

    class SteadyPin(LGPIOPin):  # type: ignore[misc]  # gpiozero has no types
        """An output that never leaves its rest level on the way in and keeps it on the way out.

        LGPIOPin claims an output low and writes the level after that, so an active-low relay would pulse at every start;
        and it lets go of a pin with no pull at all, so that the level then depends on the weather. `output_with_state`
        is only ever called with the rest level (`initial_value=False`).
        """

        _rest: bool | None = None

        def output_with_state(self, state: bool) -> None:
            self._rest = bool(state)
            lgpio.gpio_claim_output(self.factory._handle, self._number, int(self._rest))

        def close(self) -> None:
            if self._rest is None:
                super().close()
            elif self.factory._handle is not None:
                pull = lgpio.SET_PULL_UP if self._rest else lgpio.SET_PULL_DOWN
                lgpio.gpio_claim_input(self.factory._handle, self._number, pull)

    factory = LGPIOFactory()
    factory.pin_class = SteadyPin
    return factory
