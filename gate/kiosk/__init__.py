"""The screen's server: gate display and demo page over loopback HTTP and WebSocket.

Here: routes, security headers, the fan-out of live messages to browsers. Not here: words and looks (they are in
`kiosk_ui/`), and anything that could change the lane. The kiosk sees the lane through `gate.ports.GateView` alone.
"""

from gate.kiosk.app import create_app
from gate.kiosk.assets import find_ui
from gate.kiosk.serve import KioskServer

__all__ = ["KioskServer", "create_app", "find_ui"]
