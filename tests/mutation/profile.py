"""Pytest plugin of the mutation run: few examples, and the same ones for every mutant."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("mutation", max_examples=25, derandomize=True, deadline=None, database=None)
settings.load_profile("mutation")
