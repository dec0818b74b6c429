"""Synthetic harmony dialogues for the demo model; everything follows from a seed."""

from .dialogue import Dialogue, Setting, noise_words, random_dialogue, random_setting
from .render import Renderer, Sample

__all__ = [
    "Dialogue",
    "Renderer",
    "Sample",
    "Setting",
    "noise_words",
    "random_dialogue",
    "random_setting",
]
