"""The config of a model file: its limits, its JSON, and typed reading of a source's config."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gptoss_metal.config import Config

from .failure import failure

HEAD_DIM: Final = 64
MAX_COUNT: Final = 1 << 28
MAX_LAYERS: Final = 4096
MAX_EXPERTS: Final = 128
MAX_TOP_K: Final = 8
MAX_WIDTH: Final = 65536
SLIDING: Final = "sliding_attention"
FULL: Final = "full_attention"
LAYER_TYPES: Final = (SLIDING, FULL)
DENSE: Final = ("q8", "bf16")


def as_json(config: Config) -> dict[str, Any]:
    """Return the fields as JSON values, in the order of the specification."""
    return dataclasses.asdict(config) | {"layer_types": list(config.layer_types)}


def with_dense(config: Config, dense: str) -> Config:
    """Return the config with another storage of the dense weights.

    Raises:
        Error: ``dense`` is neither "q8" nor "bf16".
    """
    return checked(dataclasses.replace(config, dense=dense), "the conversion")


def qkv_rows(config: Config) -> int:
    """Return the rows of the fused projection: query heads, then key heads, then value heads."""
    return (config.num_attention_heads + 2 * config.num_key_value_heads) * config.head_dim


def alternating(layers: int) -> tuple[str, ...]:
    """Return gpt-oss's layer types: a sliding window on even layers, full attention on odd."""
    return tuple(LAYER_TYPES[i % 2] for i in range(layers))


def config_from_json(values: Mapping[str, Any], where: str) -> Config:
    """Return the config of a model file from its JSON object.

    Raises:
        Error: a key is missing, unknown or outside the limits; ``where`` names the file.
    """
    names = [field.name for field in dataclasses.fields(Config)]
    missing = [name for name in names if name not in values]
    unknown = [name for name in values if name not in names]
    if missing or unknown:
        what = f"has no {missing[0]!r}" if missing else f"has an unknown key {unknown[0]!r}"
        raise failure(f"{where}: config {what}", "convert the model again")
    fields = Fields(values, where)
    typed: dict[str, Any] = {}
    for field in dataclasses.fields(Config):
        match field.type:
            case "int":
                typed[field.name] = fields.integer(field.name)
            case "float":
                typed[field.name] = fields.number(field.name)
            case "bool":
                typed[field.name] = fields.flag(field.name)
            case "str":
                typed[field.name] = fields.text(field.name)
            case _:
                typed[field.name] = fields.layer_types(typed["num_hidden_layers"])
    return checked(Config(**typed), where)


def checked(config: Config, where: str) -> Config:
    """Return ``config`` unchanged if it lies within the limits of gptoss-metal.

    Raises:
        Error: it does not; the message names ``where``, the key, its value and the limit.
    """
    for key, good, limit in [*_shape_rules(config), *_number_rules(config)]:
        if not good:
            value = getattr(config, key)
            shown = f"{len(value)} entries" if key == "layer_types" else f"{value!r:.60}"
            raise failure(
                f"{where}: {key} is {shown}, but gptoss-metal needs {limit}",
                "a gpt-oss model within these limits (docs/MODEL_FILE.md lists them)",
            )
    return config


def _shape_rules(c: Config) -> list[tuple[str, bool, str]]:
    """Return (key, whether its value is allowed, what is allowed)."""
    top_k = min(MAX_TOP_K, c.num_local_experts)
    width = f"a multiple of 64 up to {MAX_WIDTH}"
    heads = f"1 to 1024 and a multiple of num_key_value_heads ({c.num_key_value_heads})"
    kinds = f"{c.num_hidden_layers} (num_hidden_layers) times {SLIDING!r} or {FULL!r}"
    return [
        ("num_hidden_layers", 1 <= c.num_hidden_layers <= MAX_LAYERS, f"1 to {MAX_LAYERS}"),
        ("num_local_experts", 1 <= c.num_local_experts <= MAX_EXPERTS, f"1 to {MAX_EXPERTS}"),
        ("num_experts_per_tok", 1 <= c.num_experts_per_tok <= top_k, f"1 to {top_k}"),
        ("hidden_size", _is_width(c.hidden_size), width),
        ("intermediate_size", _is_width(c.intermediate_size), width),
        ("head_dim", c.head_dim == HEAD_DIM, f"{HEAD_DIM}"),
        ("num_key_value_heads", 1 <= c.num_key_value_heads <= 1024, "1 to 1024"),
        (
            "num_attention_heads",
            1 <= c.num_attention_heads <= 1024
            and c.num_attention_heads % max(c.num_key_value_heads, 1) == 0,
            heads,
        ),
        (
            "layer_types",
            len(c.layer_types) == c.num_hidden_layers and set(c.layer_types) <= set(LAYER_TYPES),
            kinds,
        ),
        ("dense", c.dense in DENSE, "'q8' or 'bf16'"),
    ]


def _number_rules(c: Config) -> list[tuple[str, bool, str]]:
    count = f"1 to {MAX_COUNT}"
    return [
        ("vocab_size", 1 <= c.vocab_size <= MAX_COUNT, count),
        ("sliding_window", 1 <= c.sliding_window <= MAX_COUNT, count),
        ("max_position_embeddings", 1 <= c.max_position_embeddings <= MAX_COUNT, count),
        ("rope_original_context", 1 <= c.rope_original_context <= MAX_COUNT, count),
        ("rope_theta", 1 < c.rope_theta <= 1e12, "more than 1 and at most 1e12"),
        ("rope_factor", 1 <= c.rope_factor <= 1e6, "1 to 1e6"),
        ("rope_beta_slow", c.rope_beta_slow >= 1e-6, "at least 1e-6"),
        (
            "rope_beta_fast",
            c.rope_beta_slow < c.rope_beta_fast <= 1e6,
            f"more than rope_beta_slow ({c.rope_beta_slow}) and at most 1e6",
        ),
        ("rms_norm_eps", 0 < c.rms_norm_eps < 1, "between 0 and 1"),
        ("swiglu_limit", 0 < c.swiglu_limit <= 1e6, "more than 0 and at most 1e6"),
    ]


def _is_width(width: int) -> bool:
    return 64 <= width <= MAX_WIDTH and width % 64 == 0


@dataclass(frozen=True)
class Fields:
    """A JSON object read with types; every mistake is an Error that names ``where`` and the key."""

    values: Mapping[str, Any]
    where: str

    def integer(self, key: str, default: int | None = None) -> int:
        """Return a whole number (65536.0 counts as one)."""
        value = self._get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, value, "a whole number")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a finite number as a float."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, value, "a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._wrong(key, value, "a finite number")
        return number

    def flag(self, key: str, default: bool | None = None) -> bool:
        """Return true or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string."""
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, value, "a string")
        return value

    def section(self, key: str) -> Fields | None:
        """Return the object under ``key``, or None where it is missing or null."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(key, value, "an object")
        return Fields(value, f"{self.where}: {key}")

    def layer_types(self, layers: int) -> tuple[str, ...]:
        """Return ``layer_types``; where missing, gpt-oss's alternation over ``layers`` layers."""
        value = self.values.get("layer_types")
        if value is None:
            return alternating(min(layers, MAX_LAYERS))
        if not isinstance(value, list) or not all(isinstance(kind, str) for kind in value):
            raise self._wrong("layer_types", value, "a list of strings")
        return tuple(value)

    def require(self, key: str, wanted: object) -> None:
        """Check a key that may be missing (or null) but must not have another value."""
        value = self.values.get(key)
        if value is not None and value != wanted:
            raise failure(
                f"{self.where}: {key} is {value!r}, but gpt-oss has {wanted!r}",
                "a gpt-oss checkpoint; other architectures are not supported",
            )

    def _get(self, key: str, default: object) -> object:
        value = self.values.get(key)
        if value is None:
            value = default
        if value is None:
            raise failure(f"{self.where} has no {key!r}", "a complete gpt-oss config.json")
        return value

    def _wrong(self, key: str, value: object, wanted: str) -> Exception:
        return failure(
            f"{self.where}: {key} is {value!r:.60}, not {wanted}", "correct it in the file"
        )
