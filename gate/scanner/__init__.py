"""From light to text: camera, video and reader sources, the decoder cascade, hold-off, and the process around them.

Lives in a child process of the lane, one per input (`python -m gate.scanner`), so that a camera that hangs hangs alone;
`supervisor` and `wirepipe` are the lane's side. Nothing here knows what a text means: formats are `gate.verify`'s.
Import the submodules; this file stays empty so that a child loads only what its source needs.
"""
