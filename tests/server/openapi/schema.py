"""Validates what the server says against OpenAI's document."""

from __future__ import annotations

import functools
import gzip
import json
from typing import Any

import jsonschema_rs

from tests.server.openapi.cut import CUT


@functools.cache
def document() -> dict[str, Any]:
    """The cut document."""
    loaded = json.loads(gzip.decompress(CUT.read_bytes()))
    assert isinstance(loaded, dict)
    return loaded


@functools.cache
def _validator(name: str) -> jsonschema_rs.Validator:
    root = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    return jsonschema_rs.validator_for(root)


@functools.cache
def _events() -> dict[str, str]:
    """The schema's name of every type of event of Responses."""
    schemas = document()["components"]["schemas"]
    names = [option["$ref"].split("/")[-1] for option in schemas["ResponseStreamEvent"]["anyOf"]]
    return {kind: name for name in names for kind in schemas[name]["properties"]["type"]["enum"]}


def check(name: str, value: Any) -> None:
    """Asserts that a value is what a schema says, and says where it is not."""
    problems = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
        for error in _validator(name).iter_errors(value)
    ]
    assert not problems, (name, problems, json.dumps(value)[:2000])


def check_event(event: dict[str, Any]) -> None:
    """Asserts that an event of a Responses stream is what the schema of its type says."""
    kind = event.get("type")
    assert kind in _events(), f"no such event: {kind}"
    check(_events()[kind], event)
    if "response" in event:
        check("Response", event["response"])
