"""One layer at the real width of gpt-oss-20b, where only the vocabulary is small.

With a quarter of the experts always; with all 32 (half a gigabyte, which transformers takes long
to dequantize, and 7 GB in float64) as a long test. `pytest -s` shows the numbers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from .cases import DENSE_TYPES, Case, Shape
from .measures import difference
from .test_default import assert_as_close_as_bfloat16
from .test_exact import KEPT, TOLERANCE

REAL_WIDTH: dict[str, Any] = {
    "top_k": 4,
    "hidden": 2880,
    "intermediate": 2880,
    "heads": 64,
    "kv_heads": 8,
    "window": 128,
    "vocab": 512,
    "layers": 1,
    "seed": 1,
}
SHAPES = [
    pytest.param(Shape.of("8 experts", 150, experts=8, **REAL_WIDTH), id="8-experts"),
    pytest.param(
        Shape.of("32 experts", 150, experts=32, **REAL_WIDTH),
        id="32-experts",
        marks=pytest.mark.long,
    ),
]


@pytest.fixture(scope="module", params=SHAPES)
def wide(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Case]:
    """The case, whose files are deleted afterwards."""
    directory = tmp_path_factory.mktemp("width")
    yield Case(request.param, directory)
    shutil.rmtree(directory)


@pytest.mark.parametrize("dense", DENSE_TYPES)
def test_exact_logits(wide: Case, dense: str) -> None:
    truth = wide.truth(dense)
    assert truth.router_margin >= 1e-4
    found = difference(wide.ours(dense, "exact"), truth.logits)
    print(f"\n{wide.shape.name:12} real width, exact {dense:4} - reference: {found}")
    assert found.largest <= KEPT
    assert found.same_argmax


def test_exact_logits_are_those_of_transformers(wide: Case) -> None:
    """Of transformers alone: mlx-lm takes no model without a full-attention layer."""
    found = difference(wide.ours("bf16", "exact"), wide.transformers)
    print(f"\n{wide.shape.name:12} real width, exact bf16 - transformers: {found}")
    assert found.largest <= TOLERANCE
    assert found.same_argmax


@pytest.mark.parametrize("dense", DENSE_TYPES)
def test_at_least_as_close_as_bfloat16(wide: Case, dense: str) -> None:
    assert_as_close_as_bfloat16(wide, dense, wide.ours(dense, "default"))
