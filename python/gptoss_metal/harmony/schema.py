"""JSON schemas in the form that openai-harmony's renderer understands.

It renders ``$ref``, ``const`` and ``anyOf`` as ``any``; the model would never learn what the
argument is. References are inlined, and unions with null become ``nullable``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

_UNIONS: Final = ("anyOf", "oneOf")
_DEFINITIONS: Final = ("$defs", "definitions")
_DEEPEST: Final = 24
_MOST_REFERENCES: Final = 6
_MOST_NODES: Final = 20_000


def plain(schema: Mapping[str, Any]) -> Schema:
    """Returns an equivalent schema without ``$ref``, ``const`` and avoidable ``anyOf``.

    A reference to itself, directly or through others, ends as ``{}`` (anything); so does one that
    leads nowhere, or through more than six others, and all that is beyond 20,000 inlined schemas.
    """
    return _Inliner(schema).plain(schema, ())


class _Inliner:
    """Inlines the references to one root; it counts schemas, which inlining can multiply."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes = 0

    def plain(self, node: Any, path: tuple[str, ...]) -> Schema:
        self._nodes += 1
        if not isinstance(node, Mapping) or len(path) > _DEEPEST or self._nodes > _MOST_NODES:
            return {}
        reference = node.get("$ref")
        if isinstance(reference, str):
            if reference in path or sum(map(bool, path)) >= _MOST_REFERENCES:
                return {}
            aside = {key: value for key, value in node.items() if key != "$ref"}
            target = _resolve(reference, self._root)
            return self.plain({**target, **aside}, (*path, reference))
        inner = (*path, "")
        out: Schema = {}
        for key, value in node.items():
            if key == "properties" and isinstance(value, Mapping):
                out[key] = {name: self.plain(item, inner) for name, item in value.items()}
            elif key in ("items", "additionalProperties") and isinstance(value, Mapping):
                out[key] = self.plain(value, inner)
            elif key in (*_UNIONS, "allOf") and isinstance(value, list):
                out[key] = [self.plain(item, inner) for item in value]
            elif key not in _DEFINITIONS:
                out[key] = value
        return _without_union(_without_const(out))


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    node: Any = root
    for part in reference.removeprefix("#").split("/"):
        if part:
            key = part.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else {}


def _without_const(node: Schema) -> Schema:
    if "const" in node:
        value = node.pop("const")
        if isinstance(value, str):
            node.update(type="string", enum=[value])
    elif "enum" in node and "type" not in node and _all_strings(node["enum"]):
        node["type"] = "string"
    return node


def _all_strings(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _without_union(node: Schema) -> Schema:
    parts = node.get("allOf")
    if isinstance(parts, list) and len(parts) == 1:
        rest = {key: value for key, value in node.items() if key != "allOf"}
        node = {**parts[0], **rest}
    for key in _UNIONS:
        if isinstance(node.get(key), list):
            node = _merged(node, key)
    return _nullable(node)


def _merged(node: Schema, key: str) -> Schema:
    """``anyOf`` of one type and null, or of bare types, as one type."""
    options = [option for option in node[key] if option.get("type") != "null"]
    null = len(options) < len(node[key])
    rest = {name: value for name, value in node.items() if name != key}
    if len(options) == 1:
        merged = {**options[0], **rest}
        return {**merged, "nullable": True} if null else merged
    if options and all(_is_bare(option) for option in options):
        names = [name for option in options for name in _types(option)]
        return {**rest, "type": list(dict.fromkeys([*names, *(["null"] if null else [])]))}
    return {**rest, "oneOf": [*options, *([{"type": "null"}] if null else [])]}


def _is_bare(option: Schema) -> bool:
    return bool(_types(option)) and not set(option) - {"type", "description", "title"}


def _types(option: Schema) -> list[str]:
    kind = option.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return [kind for kind in kinds if isinstance(kind, str)]  # whatever else a client wrote there


def _nullable(node: Schema) -> Schema:
    """``type: [X, "null"]`` as ``nullable``, which alone keeps enums, items and properties."""
    kinds = _types(node)
    if "null" not in kinds or len(kinds) != 2:
        return node
    out = {**node, "type": next(kind for kind in kinds if kind != "null"), "nullable": True}
    if isinstance(out.get("enum"), list):
        out["enum"] = [value for value in out["enum"] if value is not None]
    return out
