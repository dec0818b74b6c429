"""``/v1/models``: what clients may ask for."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal.server.served import Served


async def list_models(request: Request, served: Served) -> Response:
    """All names."""
    data = [model_body(name, served) for name in served.all_names()]
    return JSONResponse({"object": "list", "data": data})


async def show_model(request: Request, served: Served) -> Response:
    """One name.

    Raises:
        Problem: clients may not use that name.
    """
    name = request.path_params["model"]
    served.check_name(name)
    return JSONResponse(model_body(name, served))


def model_body(name: str, served: Served) -> dict[str, Any]:
    """OpenAI's model object."""
    return {"id": name, "object": "model", "created": served.created, "owned_by": "gptoss-metal"}
