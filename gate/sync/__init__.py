"""Talk with the server: pull trust, manifests and others' check-ins, push our own. The only process with a network.

`protocol` is pure (what to send, what an answer means, how long to wait); `store` alone writes sync.db; `files` brings base
files in; `client` speaks HTTP; `pull`, `push`, `feed`, `heartbeat` are one round each of what `worker` repeats in threads.
Nothing here decides about a ticket or touches a pin, and everything fetched passes `gate.verify.trust` before it is stored.
"""
