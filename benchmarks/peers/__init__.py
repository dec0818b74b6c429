"""Ours and other programs on the same weights, in the same minutes. See README.md."""
