"""One scan's path and the lane's states: pure but for the ports it is given.

Read `lane.py` top to bottom for the way of a scan: verify, facts, decision, one durable row, relay, screen.
No thread, no clock reading, no file: `app.py` turns the handle.
"""
