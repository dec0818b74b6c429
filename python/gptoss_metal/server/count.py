"""How many tokens a request's prompt has."""

from __future__ import annotations

from gptoss_metal.harmony.render import Renderer
from gptoss_metal.server.prompts import setting_of
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.served import Served


def count(request: TurnRequest, served: Served) -> int:
    """Tokens of system message, tools and conversation.

    Raises:
        Problem: there is no such model.
        Error: the request cannot be rendered.
    """
    full = request.with_defaults(served.preset(request.model))
    names, setting = setting_of(full)
    prompt = Renderer(served.model.vocabulary).prompt(names.messages(full.messages), setting)
    return len(prompt.ids)
