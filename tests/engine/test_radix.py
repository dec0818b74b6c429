"""The radix index against a list of sequences."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss_metal.engine.radix import Place, Radix

SEQUENCES = st.lists(st.integers(0, 2), min_size=1, max_size=9).map(tuple)
ACTIONS = st.lists(st.tuples(st.sampled_from(["put", "remove"]), SEQUENCES), max_size=60)
Sequence = tuple[int, ...]


def array(sequence: Sequence) -> npt.NDArray[np.int32]:
    return np.array(sequence, np.int32)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(ACTIONS, st.lists(SEQUENCES, min_size=1, max_size=12), st.integers(1, 10))
def test_it_is_the_list_of_what_was_put(
    actions: list[tuple[str, Sequence]], asked: list[Sequence], bound: int
) -> None:
    radix: Radix[str] = Radix()
    model: dict[Sequence, str] = {}
    places: dict[Sequence, Place[str]] = {}
    for number, (action, sequence) in enumerate(actions):
        if action == "put":
            places[sequence] = radix.put(array(sequence), f"value {number}")
            model[sequence] = f"value {number}"
        else:
            radix.remove(array(sequence))
            model.pop(sequence, None)
            places.pop(sequence, None)
        assert len(radix) == len(model)
        assert radix.nodes() <= 2 * len(model) + 1
        assert {key: tuple(place.tokens()) for key, place in places.items()} == {
            key: key for key in model
        }
    assert sorted(radix.values()) == sorted(model.values())
    for sequence in [*asked, *model]:
        assert radix.get(array(sequence)) == model.get(sequence)
        expected = [
            (length, model[sequence[:length]])
            for length in range(min(len(sequence), bound - 1), 0, -1)
            if sequence[:length] in model
        ]
        assert list(radix.prefixes(array(sequence), bound)) == expected


def test_it_keeps_no_view_of_what_it_was_given() -> None:
    radix: Radix[int] = Radix()
    tokens = array((1, 2, 3))
    radix.put(tokens, 7)
    tokens[:] = 9
    assert radix.get(array((1, 2, 3))) == 7


def test_long_shared_beginnings_are_stored_once() -> None:
    radix: Radix[int] = Radix()
    common = np.arange(10_000, dtype=np.int32)
    for number in range(50):
        radix.put(np.append(common, np.int32(number)), number)
    assert radix.nodes() == 52
