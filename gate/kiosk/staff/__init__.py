"""What staff use: sign-in, the local API, its live line. Served on the LAN by TLS, or on loopback by configuration.

Here is decided who may; what happens at the lane is `gate.lane.commands`, reached through `ports.LaneDesk` alone.
"""
