"""How Anthropic's thinking settings become gpt-oss's reasoning effort.

gpt-oss always reasons, at one of three efforts. What the client sees of it, and how much there is:

===========================  ==========================================  ==================
``thinking``                 effort                                      thinking blocks
===========================  ==========================================  ==================
left out                     the model's or alias's default              no
``disabled``                 low                                         no
``enabled``                  by ``budget_tokens``: below 4096 low,       yes
                             below 16384 medium, from there high
``adaptive``                 the model's or alias's default              yes
===========================  ==========================================  ==================

``output_config.effort`` (also ``effort``) decides the effort whatever ``thinking`` says: ``low``,
``medium``, ``high``, and ``xhigh`` and ``max``, which are high. With ``display: "omitted"`` a
thinking block has no text; its signature brings the reasoning back.
"""

from __future__ import annotations

from typing import Final, Literal

from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem

Display = Literal["shown", "omitted", "none"]
LEVELS: Final = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
MEDIUM_FROM: Final = 4096
HIGH_FROM: Final = 16384
LEAST_BUDGET: Final = 1024
_MOST: Final = 2**31 - 1


def read_effort(fields: Fields) -> str | None:
    """The reasoning effort, or None for the default.

    Raises:
        Problem: a setting that cannot be.
    """
    chosen = fields.inner("output_config").choice("effort", tuple(LEVELS))
    chosen = chosen or fields.choice("effort", tuple(LEVELS))
    thinking = fields.inner("thinking")
    kind, budget = _kind(fields), thinking.integer("budget_tokens", LEAST_BUDGET, _MOST)
    if kind == "enabled" and budget is None:
        raise Problem(
            f"[serve] thinking.budget_tokens is missing. Try: {MEDIUM_FROM}.",
            param="thinking.budget_tokens",
        )
    if chosen is not None:
        return LEVELS[chosen]
    if kind == "disabled":
        return "low"
    if kind == "enabled" and budget is not None:
        return "low" if budget < MEDIUM_FROM else "medium" if budget < HIGH_FROM else "high"
    return None


def read_display(fields: Fields) -> Display:
    """What the client wants to see of the reasoning.

    Raises:
        Problem: a setting that cannot be.
    """
    if _kind(fields) in (None, "disabled"):
        return "none"
    display = fields.inner("thinking").choice("display", ("summarized", "full", "omitted"))
    return "omitted" if display == "omitted" else "shown"


def _kind(fields: Fields) -> str | None:
    if fields.object("thinking") is None:
        return None
    kind = fields.inner("thinking").choice("type", ("enabled", "disabled", "adaptive"))
    if kind is None:
        raise fields.inner("thinking").wrong("type", "enabled, disabled or adaptive")
    return kind
