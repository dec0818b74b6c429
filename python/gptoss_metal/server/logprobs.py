"""The fields that ask for log-probabilities, where APIs name them as Chat Completions does."""

from __future__ import annotations

from gptoss_metal.sampling import MOST_LOGPROBS
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem


def read_logprobs(fields: Fields) -> int | None:
    """``logprobs`` and ``top_logprobs``: alternatives per token, None for no report.

    Raises:
        Problem: another type, too many, or alternatives of what is not reported.
    """
    top = fields.integer("top_logprobs", 0, MOST_LOGPROBS)
    if fields.flag("logprobs"):
        return top or 0
    if top:
        raise Problem(
            "[serve] top_logprobs without logprobs. Try: logprobs true.", param="top_logprobs"
        )
    return None
