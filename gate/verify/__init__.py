"""Bytes to authentic claims and authentic objects: ticket formats, key set, trusted set.

Pure, and the first thing a stranger's bytes meet. `verify` raises, it never returns a bool. Whether an authentic ticket
may pass is not asked here (that is `gate.decision`), nor is any file read (that is `gate.storage` and `gate.sync`).
"""
