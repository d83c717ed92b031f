"""Texts beside an image."""

from hypothesis import given
from hypothesis import strategies as st

from components.core.nearby_text import end_of, nearby, one_line, start_of


def item(text: str | None) -> dict[str, str | None]:
    return {"text": text}


def test_the_nearest_texts_are_taken() -> None:
    items = [item("far"), item(" the  one\nbefore "), item(None), item(None), item("after it"), item("far")]
    assert nearby(items, 2, 100) == ("the one before", "after it")
    assert nearby(items, 2, 6) == ("before", "after")
    assert nearby(items, 0, 100) == ("", "the one before")
    assert nearby(items, 2, 0) == ("", "")


@given(st.text(max_size=40).map(one_line), st.integers(1, 50))
def test_a_cut_is_a_part_that_is_short_enough(text: str, length: int) -> None:
    start, end = start_of(text, length), end_of(text, length)
    assert text.startswith(start)
    assert text.endswith(end)
    assert max(len(start), len(end)) <= length
    if len(text) <= length:
        assert start == end == text
