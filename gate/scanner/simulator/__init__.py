"""A gate camera that is drawn: hands bring phones and papers with real codes into view. Seeded, for demo, tests, bench.

`render_video` is what others need; `cards` draws what is held, `stage` what is behind it, `motion` how a hand moves.
Needs segno; the scanner child never imports it.
"""

from gate.scanner.simulator.render import Scene, Shown, render_video

__all__ = ["Scene", "Shown", "render_video"]
