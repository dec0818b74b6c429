"""Cuts OpenAI's OpenAPI document down to the structure of the paths that gptoss-metal serves.

    python tests/server/openapi/cut.py openapi.json

writes ``openai.json.gz`` beside this file: names, types, enumerations and what is required, without
a word of prose or an example. See README.md for where the document comes from.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CUT = Path(__file__).with_name("openai.json.gz")
SERVED = {
    "/chat/completions": ("post",),
    "/completions": ("post",),
    "/models": ("get",),
    "/models/{model}": ("get",),
    "/responses": ("post",),
    "/responses/{response_id}": ("get", "delete"),
    "/responses/{response_id}/input_items": ("get",),
}
PROSE = {"description", "example", "examples", "summary", "tags", "title", "externalDocs"}
# Whose keys are names of things, not keywords of the schema language.
NAMED = {"properties", "schemas", "responses", "paths", "patternProperties", "$defs", "content"}
REFERENCE = "#/components/"


def cut(document: dict[str, Any]) -> dict[str, Any]:
    """The document of the served paths: the components they need, and no prose."""
    paths = {
        path: {method: document["paths"][path][method] for method in methods}
        for path, methods in SERVED.items()
    }
    _correct(paths)
    needed: dict[str, dict[str, Any]] = {}
    waiting = list(_references(paths))
    while waiting:
        kind, name = waiting.pop()
        found = needed.setdefault(kind, {})
        if name not in found:
            found[name] = document["components"][kind][name]
            waiting += _references(found[name])
    components = {kind: dict(sorted(found.items())) for kind, found in sorted(needed.items())}
    title = {"title": "The structure of OpenAI's API", "version": document["info"]["version"]}
    return {
        "openapi": document["openapi"],
        "info": title,
        "paths": _bare(paths, named=True),
        "components": {kind: _bare(found, named=True) for kind, found in components.items()},
    }


def _correct(paths: dict[str, Any]) -> None:
    """Gives the one error that the document describes without its envelope that envelope."""
    answers = paths["/responses/{response_id}"]["delete"]["responses"]
    schema = answers["404"]["content"]["application/json"]["schema"]
    schema["$ref"] = REFERENCE + "schemas/ErrorResponse"


def _references(node: Any) -> Iterator[tuple[str, str]]:
    """The (kind, name) of every component that a part of the document refers to."""
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str):
            kind, name = target.removeprefix(REFERENCE).split("/")
            yield kind, name
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _bare(node: Any, *, named: bool = False) -> Any:
    """The same without prose; `named` where the keys are names and all stay."""
    if isinstance(node, list):
        return [_bare(value) for value in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _bare(value, named=not named and key in NAMED)
        for key, value in node.items()
        if named or (key not in PROSE and not key.startswith("x-"))
    }
    return kept if named else _nullable(kept)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0's `nullable`, which the document uses here and there, in the words of 3.1."""
    if schema.pop("nullable", False) is not True:
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def main() -> None:
    """Reads the whole document, writes the cut one."""
    document = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    text = json.dumps(cut(document), separators=(",", ":"))
    CUT.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{CUT.name}: {len(text)} characters, {CUT.stat().st_size} bytes compressed")


if __name__ == "__main__":
    main()
