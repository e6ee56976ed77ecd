"""Relay, lamp, buzzer and contacts of one unit: the one owner of the pins.

`pulse`, `patterns` and `edges` are pure (they take `now`), `board` joins them to gpiozero pins without a thread,
`gpio` gives the board its owner thread and is the `gate.ports.Actuator`. What an input means (a passage, an alarm) is
the lane's to say; nothing here decides or records.
"""

from gate.actuator.gpio import GpioActuator
from gate.actuator.profiles import Profile, check_profiles, load_profile

__all__ = ["GpioActuator", "Profile", "check_profiles", "load_profile"]
