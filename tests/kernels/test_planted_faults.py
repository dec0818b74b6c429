"""Planted faults: proof that the tests of integer products notice what they are there for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from . import test_products as tests
from .conftest import SANITIZED, SOURCES
from .products import Products
from .programs import EMULATED_ARM, EMULATED_CPUS, THIS, plant

Check = Callable[[Products], None]


def _products(products: Products) -> None:
    tests.test_products(products, "mxfp4")


def _sums(products: Products) -> None:
    tests.test_sums_are_exact(products, "q8", 192)


def _scales(products: Products) -> None:
    tests.test_scales_of_mxfp4(products, 0)


def _no_number(products: Products) -> None:
    tests.test_scale_of_mxfp4_that_is_no_number(products)


def _order(products: Products) -> None:
    tests.test_results_do_not_depend_on_what_else_is_computed(products, "q8", 192)


def _not_a_number(products: Products) -> None:
    tests.test_not_a_number_stays_in_its_row(products, "q8", float("nan"), 63)


FAULTS: dict[str, tuple[str, str, str, str, Check]] = {
    "two registers of codes change places": (
        "avx2", "integer_avx2.h", "out[1] = even_bytes(odd);", "out[1] = odd_bytes(even);",
        _products,
    ),
    "products of two are summed in 16 bits": (
        "avx512", "integer_avx512.h", "_mm512_add_epi32(total", "_mm512_add_epi16(total", _sums,
    ),
    "half a step reads what follows the matrix": (
        "avx512", "integer_avx512.h", "G == 4 ? load(p + 64) : _mm512_setzero_si512()",
        "load(p + 64)", _sums,
    ),
    "the smallest scale is zero": ("avx2", "integer_avx2.h", "0x00400000", "0", _scales),
    "sums do not start where they are taken to": (
        "avx512vnni", "integer_vnni.h", "_mm512_sub_ps(_mm512_castsi512_ps(sum), scale)",
        "_mm512_castsi512_ps(sum)", _scales,
    ),
    "a scale that is no number reaches the sign": (
        "avx512vnni", "integer_vnni.h", "_mm512_adds_epi16", "_mm512_add_epi16", _no_number,
    ),
    "what is no number is taken for one": (
        "portable", "integer_impl.h", "V::sum(check) == 0", "true", _not_a_number,
    ),
    "four sums at once have another order than one": (
        "avx512", "simd_avx512.h",
        "0x4E));\n    all = _mm512_add_ps(all, _mm512_permute_ps(all, 0xB1",
        "0xB1));\n    all = _mm512_add_ps(all, _mm512_permute_ps(all, 0x4E", _order,
    ),
    "the lower byte does not fit": (
        "neondot", "integer_neon.h", "vrshrn_n_s16(", "vshrn_n_s16(", _sums,
    ),
    "two joint rows have the weights of one": (
        "neoni8mm", "integer_impl.h", "weights<storage, G>(p, p + other * kGroupBytes)",
        "weights<storage, G>(p, p)", _products,
    ),
    "a last row takes what follows it for its partner": (
        "neoni8mm", "integer_impl.h", "row + 1 < w.rows ? w.cols / kGroup : 0", "w.cols / kGroup",
        _products,
    ),
    "low bytes weigh as much as high ones": (
        "neoni8mm", "integer_neon.h", "{1, 0x1p-8f, 1, 0x1p-8f}", "{1, 1, 1, 1}", _products,
    ),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_noticed(
    fault: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    isa, header, old, new, check = FAULTS[fault]
    planted = plant(tmp_path, header, old, new)
    if isa in THIS.sets:
        products = Products((THIS.compile(tmp_path, SOURCES, [*SANITIZED, planted]),), isa)
        if not products.supported:
            pytest.skip(f"this processor does not run {isa!r} code")
    else:
        program = EMULATED_ARM.compile(tmp_path, SOURCES, [planted])
        emulator = request.getfixturevalue("emulator")
        products = Products((emulator, "-cpu", EMULATED_CPUS[isa], program), isa)
    with pytest.raises(AssertionError):
        check(products)
