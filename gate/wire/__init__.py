"""Every format that two parts of Gate share, each written once: bytes in, values out, and back.

Pure: no file, no socket, no clock. Gate, hub and central import from here; nowhere else is a schema, a signing string
or a message spelled out. Section numbers in docstrings are those of the contracts.
"""
