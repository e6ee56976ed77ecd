"""`gate demo`: a whole event on one machine, with the real processes and a drawn camera.

`event` makes the tickets, `script` says who comes to the gate and what the gate must answer, `seed` keeps what takes
long to make, `actor` moves the simulated contacts, `supervisor` starts and watches the processes.
"""
