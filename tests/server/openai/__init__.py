"""Tests of Chat Completions, Completions and Models."""
