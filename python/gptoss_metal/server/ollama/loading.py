"""Requests without a question: they load the model, or unload it."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from gptoss_metal.server.ollama.answer import Form
from gptoss_metal.server.served import Served


async def load_or_unload(form: Form, keep_alive: float | None, served: Served) -> Response:
    """Loads the model for `keep_alive` seconds, or unloads it if they are 0.

    Raises:
        Problem: clients may not use that name.
    """
    served.check_name(form.model)
    return JSONResponse(form.empty("unload" if keep_alive == 0 else "load"))
