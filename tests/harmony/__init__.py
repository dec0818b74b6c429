"""Harmony under a grammar, and without one: no stream breaks it."""
