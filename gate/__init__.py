"""Gate: a ticket gate that decides offline.

What lives where is told by each package's first lines; imports go down only (see pyproject, importlinter).
"""

__version__ = "0.1.0"
