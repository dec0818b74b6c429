"""Requests without a question: they load the model, or unload it."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from gptoss_metal.server.ollama.answer import Form
from gptoss_metal.server.served import Served


async def load_or_unload(form: Form, keep_alive: float | None, served: Served) -> Response:
    """Loads the model for `keep_alive` seconds without work, or unloads it if they are 0.

    Raises:
        Problem: clients may not use that name.
        Error: the model cannot be loaded.
    """
    served.check_name(form.model)
    engine = served.turns.engine
    if keep_alive == 0:
        engine.unload()  # as soon as nothing runs
        return JSONResponse(form.empty("unload"))
    await engine.ready()
    engine.keep_alive(keep_alive)
    return JSONResponse(form.empty("load"))
