"""How many tokens a request's prompt has."""

from __future__ import annotations

from gptoss_metal.harmony.render import Renderer, Setting
from gptoss_metal.server.names import Names
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.served import Served


def count(request: TurnRequest, served: Served) -> int:
    """Tokens of system message, tools and conversation.

    Raises:
        Problem: there is no such model.
        Error: the request cannot be rendered.
    """
    full = request.with_defaults(served.preset(request.model))
    names = Names(tool.name for tool in full.tools)
    setting = Setting(
        full.reasoning_effort or "medium",
        full.instructions,
        names.tools(full.tools),
        full.response_format,
        builtins=full.builtins,
    )
    prompt = Renderer(served.model.vocabulary).prompt(names.messages(full.messages), setting)
    return len(prompt.ids)
