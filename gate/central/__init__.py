"""The central server: events, keys, tickets, signed manifests, devices, and the check-ins that gates push.

`service.Central` is the whole of it as one object (used in process by `gate demo` and the command line), `api.create_app`
puts the sync protocol in front of it, `cli.app` is the command line. Nothing here knows a lane, a camera or a pin.
"""
