"""A request for a response, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gptoss_metal.sampling import MOST_LOGPROBS, Sampling
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses.items_in import Item, ItemReader
from gptoss_metal.server.responses.tools import (
    Missing,
    Toolset,
    nothing_missing,
    read_tools,
)

EFFORTS: Final = {
    "none": "low",
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""OpenAI's reasoning efforts, and gpt-oss's for them: its reasoning cannot be switched off."""

ENCRYPTED: Final = "reasoning.encrypted_content"
LOGPROBS: Final = "message.output_text.logprobs"
SOURCES: Final = "web_search_call.action.sources"
OUTPUTS: Final = "code_interpreter_call.outputs"

_MOST: Final = 2**31 - 1
_METADATA_PAIRS, _METADATA_KEY, _METADATA_VALUE = 16, 64, 512
_ELSEWHERE: Final = {
    "conversation": "previous_response_id, or the whole conversation as input",
    "prompt": "instructions and input",
}


@dataclass(frozen=True)
class Asked:
    """A request for a response.

    Attributes:
        model: as the client named it.
        items: the new input.
        previous: id of the response that this one goes on from, or None.
        instructions: for this response only.
        toolset: the tools.
        sampling: how tokens are chosen.
        given: the fields of `sampling` that the client set itself.
        effort: gpt-oss's reasoning effort, or None for the model's default.
        response_format: as in Chat Completions, or None for free text.
        include: what the output shall contain in addition.
        max_output_tokens: the most to generate, or None.
        max_tool_calls: the most calls of built-in tools, or None.
        truncate: whether a conversation that is too long may lose its oldest turns.
        store: whether the response can be asked for later.
        stream: whether to answer with events.
        background: whether to answer before the response is complete.
        echo: the fields that the response repeats.
    """

    model: str
    items: list[Item]
    previous: str | None
    instructions: str | None
    toolset: Toolset
    sampling: Sampling
    given: frozenset[str]
    effort: str | None
    response_format: Mapping[str, Any] | None
    include: frozenset[str]
    max_output_tokens: int | None
    max_tool_calls: int | None
    truncate: bool
    store: bool
    stream: bool
    background: bool
    echo: dict[str, Any]


def read_request(
    body: Mapping[str, Any], reader: ItemReader, missing: Missing = nothing_missing
) -> Asked:
    """Reads the body of a request.

    Args:
        body: of the request.
        reader: of its items.
        missing: asked for the tools that the server runs.

    Raises:
        Problem: a field is missing or is not what it must be.
    """
    fields = Fields(body)
    model = fields.required("model")
    _check_elsewhere(fields)
    toolset = read_tools(fields, missing)
    include = frozenset(item for item in fields.items("include") if isinstance(item, str))
    sampling, given = _sampling(fields, include)
    reasoning = fields.inner("reasoning")
    effort = reasoning.choice("effort", tuple(EFFORTS))
    previous = fields.text("previous_response_id")
    if body.get("input") is None and previous is None:
        raise Problem(
            "[serve] input is missing. Try: a string, or a list of items.",
            param="input",
            code="missing_required_parameter",
        )
    store, background = fields.flag("store", True), fields.flag("background")
    if background and not store:
        raise Problem(
            "[serve] a response made in the background must be stored. Try: store true.",
            param="background",
        )
    return Asked(
        model=model,
        items=reader.read(fields),
        previous=previous,
        instructions=fields.text("instructions"),
        toolset=toolset,
        sampling=sampling,
        given=given,
        effort=EFFORTS[effort] if effort else None,
        response_format=_response_format(fields.inner("text")),
        include=include,
        max_output_tokens=fields.integer("max_output_tokens", 1, _MOST),
        max_tool_calls=fields.integer("max_tool_calls", 0, _MOST),
        truncate=fields.choice("truncation", ("auto", "disabled")) == "auto",
        store=store,
        stream=fields.flag("stream"),
        background=background,
        echo=_echo(fields, toolset, effort),
    )


def _check_elsewhere(fields: Fields) -> None:
    for name, remedy in _ELSEWHERE.items():
        if fields.body.get(name) is not None:
            raise Problem(
                f"[serve] {name} is kept by OpenAI's servers, not by this one. Try: {remedy}.",
                param=name,
                code="unsupported_parameter",
            )


def _sampling(fields: Fields, include: frozenset[str]) -> tuple[Sampling, frozenset[str]]:
    values: dict[str, Any] = {
        "temperature": fields.number("temperature", 0, 2),
        "top_p": fields.number("top_p", 0, 1),
    }
    values = {name: value for name, value in values.items() if value is not None}
    if values.get("top_p") == 0:
        values["top_p"] = 1e-9  # the likeliest token alone
    top = fields.integer("top_logprobs", 0, MOST_LOGPROBS)
    given = frozenset(values)
    return Sampling(**values, logprobs=(top or 0) if LOGPROBS in include else None), given


def _response_format(text: Fields) -> Mapping[str, Any] | None:
    text.choice("verbosity", ("low", "medium", "high"))
    form = text.inner("format")
    kind = form.choice("type", ("text", "json_object", "json_schema"))
    if kind == "json_object":
        return {"type": kind}
    if kind != "json_schema":
        return None
    schema: dict[str, Any] = {"name": form.required("name"), "schema": form.object("schema")}
    if schema["schema"] is None:
        raise form.wrong("schema", "a JSON schema")
    schema |= {"description": form.text("description"), "strict": form.flag("strict")}
    return {"type": kind, "json_schema": schema}


def _echo(fields: Fields, toolset: Toolset, effort: str | None) -> dict[str, Any]:
    body = fields.body
    temperature, top_p = fields.number("temperature", 0, 2), fields.number("top_p", 0, 1)
    reasoning = fields.inner("reasoning")
    options = ("auto", "concise", "detailed")
    summary = reasoning.choice("summary", options)
    echo = {
        "background": fields.flag("background"),
        "instructions": fields.text("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "metadata": _metadata(fields),
        "model": body["model"],
        "parallel_tool_calls": fields.flag("parallel_tool_calls", True),
        "previous_response_id": fields.text("previous_response_id"),
        "prompt_cache_key": fields.text("prompt_cache_key"),
        "reasoning": {"effort": effort, "summary": summary},
        "safety_identifier": fields.text("safety_identifier"),
        "service_tier": "default",
        "store": fields.flag("store", True),
        "temperature": 1.0 if temperature is None else temperature,
        "text": _text_echo(fields.inner("text")),
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": toolset.echo,
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": 1.0 if top_p is None else top_p,
        "truncation": fields.text("truncation") or "disabled",
    }
    user = fields.text("user")
    return echo if user is None else {**echo, "user": user}


def _text_echo(text: Fields) -> dict[str, Any]:
    form = dict(text.object("format") or {"type": "text"})
    return {"format": form, "verbosity": text.text("verbosity") or "medium"}


def _metadata(fields: Fields) -> dict[str, str]:
    given = fields.object("metadata") or {}
    fits = len(given) <= _METADATA_PAIRS and all(
        len(key) <= _METADATA_KEY and isinstance(value, str) and len(value) <= _METADATA_VALUE
        for key, value in given.items()
    )
    if not fits:
        raise fields.wrong(
            "metadata",
            f"at most {_METADATA_PAIRS} strings of {_METADATA_VALUE} characters, "
            f"under names of at most {_METADATA_KEY}",
        )
    return dict(given)
