"""The pins of one unit without a thread: devices, pulses, patterns and contacts, moved by `step(now)`.

Exactly one thread may call a board (the owner in `gate.actuator.gpio`, or a test). Times are monotonic seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from gpiozero import OutputDevice

from gate import steps
from gate.actuator.edges import Change, EdgeFilter
from gate.actuator.factory import Factory
from gate.actuator.patterns import DARK, Levels, SignalPlayer
from gate.actuator.profiles import Profile
from gate.actuator.pulse import ReleasePulse
from gate.errors import DeviceError
from gate.model import Verdict
from gate.ports import PinEvent
from gate.settings import Settings

logger = logging.getLogger(__name__)

STABLE_S = {
    "passage": 0.02,  # turnstile contacts last 50 ms and more; relay spikes on a long cable 1 to 5 ms
    "fire": 0.1,  # a panel holds its contact for minutes; motors starting next door do not
    "tamper": 0.1,
    "exit_request": 0.03,  # worn push buttons bounce for 10 to 20 ms
    "staff": 0.03,
}
HEARTBEAT_S = 0.25
"""Half a period of the heartbeat output: a charge-pump relay holds for about a second without it."""


class Contact:
    """One input pin: a dry contact to ground with the pull-up inside the chip, so closed reads low."""

    def __init__(self, factory: Factory, name: str, lane: str, pin: int, *, active_when_open: bool) -> None:
        self.name, self.lane = name, lane
        self.key = f"{name}.{lane}" if lane else name
        self.filter = EdgeFilter(STABLE_S[name])
        self._active_when_open = active_when_open
        self.pin = factory.pin(pin)
        # Also for GPIO 2 and 3: their fixed resistor is a pull-up.
        self.pin.input_with_pull("up")
        self._on_edge: Callable[[Any, Any], None] | None = None

    def watch(self, edge: Callable[[Contact, bool], None]) -> None:
        """Call `edge(contact, active)` at each raw edge, from gpiozero's thread."""

        def changed(_ticks: object, level: object) -> None:
            edge(self, self.means(bool(level)))

        self._on_edge = changed  # gpiozero keeps only a weak reference
        self.pin.bounce = None
        self.pin.edges = "both"
        self.pin.when_changed = changed

    def means(self, level: bool) -> bool:
        return level == self._active_when_open

    def read(self) -> bool:
        return self.means(bool(self.pin.state))

    def drive(self, active: bool) -> None:
        """Simulated pins only."""
        if active == self._active_when_open:
            self.pin.drive_high()
        else:
            self.pin.drive_low()

    def close(self) -> None:
        self.pin.when_changed = None
        self.pin.close()


class Relay:
    """One lane's release. `device` is None when the lane has no relay."""

    def __init__(self, device: Any | None, profile: Profile) -> None:
        self.device = device
        self.pulse = ReleasePulse(max_s=profile.max_s, rest_s=profile.rest_ms / 1000)
        self.level = False
        self.count = 0

    def write(self, level: bool) -> None:
        if self.device is not None:
            self.device.value = level
        changed, self.level = level != self.level, level
        if changed:
            steps.reach("pin.on" if level else "pin.off")


class Board:
    """All pins of one unit. Opened with every output at rest.

    Raises: DeviceError when a pin cannot be claimed; the ones claimed before are closed again.
    """

    def __init__(self, settings: Settings, factory: Factory, profiles: Mapping[str, Profile]) -> None:
        self._factory = factory
        self._devices: list[Any] = []
        self.contacts: list[Contact] = []
        try:
            self._open(settings, profiles)
        except Exception as error:
            self.close()
            raise DeviceError(f"pins: {error}") from error

    def _open(self, settings: Settings, profiles: Mapping[str, Profile]) -> None:
        pins = settings.pins
        self.relays = {
            name: Relay(self._output(lane.relay_pin, active_low=lane.active_low), profiles[name])
            for name, lane in settings.lanes.items()
        }
        self.lamp = tuple(self._output(pin) for pin in pins.lamp_pins) or (None, None, None)
        self.buzzer = self._output(pins.buzzer_pin)
        self._heartbeat = self._output(pins.heartbeat_pin)
        self._beat_at = float("-inf")
        self.beating = True
        """False = the heartbeat output stands still, and the relay behind it drops."""
        self._player = SignalPlayer()
        self._levels = DARK
        for name, lane in settings.lanes.items():
            if lane.passage != "none":
                self._contact("passage", name, lane.passage_pin, active_when_open=lane.passage == "nc")
        self._contact("fire", "", pins.fire_pin, active_when_open=pins.fire_normally_closed)
        # A closed cabinet closes its contact: opening it or cutting the wire is the same event.
        self._contact("tamper", "", pins.tamper_pin, active_when_open=True)
        self._contact("exit_request", "", pins.exit_request_pin, active_when_open=False)
        self._contact("staff", "", pins.staff_pin, active_when_open=False)
        self._self_test()

    def _self_test(self) -> None:
        """Every output has just been driven to rest: one that reads otherwise is shorted, or driven by somebody else."""
        wrong = [str(device.pin) for device in self._devices if device.value]
        if wrong:
            raise DeviceError(f"{', '.join(wrong)} does not read its rest level; look at the wiring")

    def _output(self, pin: int, *, active_low: bool = False) -> Any | None:
        if pin == 0:
            return None
        device = OutputDevice(pin, active_high=not active_low, initial_value=False, pin_factory=self._factory)
        self._devices.append(device)
        return device

    def _contact(self, name: str, lane: str, pin: int, *, active_when_open: bool) -> None:
        if pin:
            self.contacts.append(Contact(self._factory, name, lane, pin, active_when_open=active_when_open))

    def pulse(self, lane: str, seconds: float, now: float) -> bool:
        """Begin a pulse. Returns: False when the lane has no relay.

        Raises: ValueError when it is refused, KeyError for an unknown lane; whatever the pin raises.
        """
        relay = self.relays[lane]
        if relay.device is None:
            return False
        relay.pulse.request(now, seconds)
        try:
            relay.write(True)
        except Exception:
            relay.pulse.cancel()
            raise
        relay.count += 1
        return True

    def show(self, verdict: Verdict | None, now: float) -> None:
        """Begin the verdict's lamp and buzzer pattern."""
        self._player.show(verdict, now)

    def rest(self) -> None:
        """Every relay to rest. Tries all of them before it raises what the first failing one said."""
        failed: Exception | None = None
        for relay in self.relays.values():
            relay.pulse.cancel()
            try:
                relay.write(False)
            except Exception as error:  # noqa: BLE001 - raised below, once all relays were tried
                failed = failed or error
        if failed is not None:
            raise failed

    def edge(self, contact: Contact, active: bool, at: float) -> list[PinEvent]:
        """A raw edge that happened at `at`."""
        return _events(contact, contact.filter.feed(active, at))

    def step(self, now: float) -> list[PinEvent]:
        """Bring every output to where it has to be at `now`; returns the inputs' confirmed changes. Relays come first."""
        for relay in self.relays.values():
            level = relay.pulse.energised(now)
            if level != relay.level:
                relay.write(level)
        self._signals(self._player.levels(now))
        if self._heartbeat is not None and self.beating and now >= self._beat_at + HEARTBEAT_S:
            self._heartbeat.toggle()
            self._beat_at = now
        return [event for contact in self.contacts for event in _events(contact, contact.filter.settle(now))]

    def poll(self, now: float) -> list[PinEvent]:
        """Read every contact: what a lost edge would have told. Called now and then."""
        return [event for contact in self.contacts for event in self.edge(contact, contact.read(), now)]

    def differences(self) -> list[str]:
        """Relays whose pin reads other than it was driven: a shorted line, or somebody else drives it."""
        return [
            name
            for name, relay in self.relays.items()
            if relay.device is not None and bool(relay.device.value) != relay.level
        ]

    def next_change(self, now: float) -> float | None:
        """When `step` will have something to do if nothing happens before; None = nothing."""
        times = [relay.pulse.next_change(now) for relay in self.relays.values()]
        times.append(self._player.next_change(now))
        times += [contact.filter.next_change() for contact in self.contacts]
        if self._heartbeat is not None and self.beating:
            times.append(self._beat_at + HEARTBEAT_S)
        return min((t for t in times if t is not None), default=None)

    def snapshot(self) -> dict[str, Any]:
        """As `ports.Actuator.snapshot`; a lane's own inputs are named like `passage.entry`."""
        return {
            "relay": {name: relay.level for name, relay in self.relays.items()},
            "lamp": list(self._levels[:3]),
            "buzzer": self._levels.buzzer,
            "inputs": {contact.key: contact.filter.active for contact in self.contacts},
            "pulses": {name: relay.count for name, relay in self.relays.items()},
        }

    def close(self) -> None:
        """Outputs to rest, then every pin back to an input. From then on the wiring decides. Safe to call twice."""
        while self._devices:
            device = self._devices.pop(0)
            for action in (device.off, device.close):
                try:
                    action()
                except Exception:
                    logger.exception("a pin could not be put to rest: %r", device)
        while self.contacts:
            contact = self.contacts.pop()
            try:
                contact.close()
            except Exception:
                logger.exception("input %s could not be closed", contact.key)

    def _signals(self, levels: Levels) -> None:
        if levels == self._levels:
            return
        for device, level in zip((*self.lamp, self.buzzer), levels, strict=True):
            if device is not None:
                device.value = level
        self._levels = levels


def _events(contact: Contact, change: Change | None) -> list[PinEvent]:
    if change is None:
        return []
    return [PinEvent(contact.name, contact.lane, change.active, round(change.at * 1000))]
