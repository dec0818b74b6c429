"""The special tokens of harmony, and which of them end a turn.

Source of the ids: the o200k_harmony encoding, as defined by OpenAI's openai-harmony 0.0.8.
"""

from __future__ import annotations

from typing import Final

START_OF_TEXT: Final = 199998
END_OF_TEXT: Final = 199999
RETURN: Final = 200002
CONSTRAIN: Final = 200003
CHANNEL: Final = 200005
START: Final = 200006
END: Final = 200007
MESSAGE: Final = 200008
CALL: Final = 200012
ASSISTANT: Final = 173781
"""The ordinary word that follows ``<|start|>`` when the model speaks."""

ORDINARY: Final = 199998
"""Ids below this are ordinary text, the lines of o200k_base.tiktoken."""

STOP: Final = frozenset({END_OF_TEXT, RETURN, CALL})
"""A turn ends with these; ``<|end|>`` only ends a message, and another one follows."""

FORMAT: Final = frozenset({CONSTRAIN, CHANNEL, START, END, MESSAGE}) | STOP
"""All that a model may say besides ordinary text; every other special is reserved."""

NAMES: Final = {
    START_OF_TEXT: "<|startoftext|>",
    END_OF_TEXT: "<|endoftext|>",
    RETURN: "<|return|>",
    CONSTRAIN: "<|constrain|>",
    CHANNEL: "<|channel|>",
    START: "<|start|>",
    END: "<|end|>",
    MESSAGE: "<|message|>",
    CALL: "<|call|>",
}

CHANNELS: Final = ("analysis", "commentary", "final")


def name(token: int) -> str:
    """How a special token is written, e.g. ``<|end|>`` or ``<|reserved_200000|>``."""
    return NAMES.get(token, f"<|reserved_{token}|>")
