"""gptoss-metal: OpenAI's gpt-oss models, run where their weights are.

>>> from gptoss_metal import Model
>>> model = Model.load("demo")
>>> for event in model.chat([{"role": "user", "content": "What is 27 + 15?"}]):
...     print(event)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from gptoss_metal.errors import Cancelled, Error

if TYPE_CHECKING:
    from gptoss_metal.config import Config
    from gptoss_metal.events import (
        CallDelta,
        CallOpened,
        Citation,
        Done,
        Event,
        Reasoning,
        Text,
        Token,
        ToolCall,
        ToolFinished,
        ToolStarted,
        Usage,
    )
    from gptoss_metal.model import Model
    from gptoss_metal.sampling import Sampling

__version__ = "0.1.0"

__all__ = [
    "CallDelta",
    "CallOpened",
    "Cancelled",
    "Citation",
    "Config",
    "Done",
    "Error",
    "Event",
    "Model",
    "Reasoning",
    "Sampling",
    "Text",
    "Token",
    "ToolCall",
    "ToolFinished",
    "ToolStarted",
    "Usage",
    "__version__",
]

_HOMES: Final = {
    "ToolStarted": "events",
    "ToolFinished": "events",
    "Citation": "events",
    "CallOpened": "events",
    "CallDelta": "events",
    "Config": "config",
    "Done": "events",
    "Event": "events",
    "Model": "model",
    "Reasoning": "events",
    "Sampling": "sampling",
    "Text": "events",
    "Token": "events",
    "ToolCall": "events",
    "Usage": "events",
}


def __getattr__(name: str) -> Any:
    """Imports public names when they are first used, so that the command line starts quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
