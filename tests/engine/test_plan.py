"""Where prompts are divided."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss_metal.engine.plan import APART, EVERY, Plan


def pieces(plan: Plan, start: int, length: int) -> list[tuple[int, int]]:
    found = []
    while start < length:
        end = plan.end(start)
        found.append((start, end))
        start = end
    return found


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.integers(1, 6000),
    st.sampled_from([1, 7, 64, 512, 1000]),
    st.lists(st.integers(-5, 7000), max_size=30),
    st.data(),
)
def test_pieces_cover_the_prompt_at_fixed_borders(
    length: int, chunk: int, marks: list[int], data: st.DataObject
) -> None:
    plan = Plan(length, chunk, marks)
    whole = pieces(plan, 0, length)
    borders = {end for _, end in whole}
    assert whole[0][0] == 0
    assert whole[-1][1] == length
    assert all(0 < end - start <= chunk for start, end in whole)
    assert plan.kept <= borders
    assert borders == {*range(chunk, length, chunk), *plan.kept, length}
    assert plan.kept >= set(range(EVERY, length, EVERY))
    resumed = data.draw(st.sampled_from(sorted(borders | {0})))
    assert pieces(plan, resumed, length) == [piece for piece in whole if piece[0] >= resumed]


def test_message_ends_are_kept_unless_they_are_close() -> None:
    marks = [60, 150, 160, 400, 410, 1000, 1030, 1040]
    assert Plan(1043, 512, marks).kept == {150, 400, 1000, 1024, 1040}


def test_a_longer_conversation_keeps_what_a_shorter_one_did() -> None:
    marks = [APART * n for n in range(1, 20)]
    for count in range(2, 20):
        shorter = Plan(marks[count - 1] + 2, 512, marks[:count])
        longer = Plan(marks[-1] + 2, 512, marks)
        assert shorter.kept - longer.kept == set()


def test_the_end_is_kept_where_no_message_end_is_near() -> None:
    assert Plan(500, 512).kept == {500}
    assert Plan(100, 512).kept == set()
    assert Plan(500, 512, [450]).kept == {450}
