"""Computed prefixes on disk: they survive a restart, and kill -9 at any byte."""
