from __future__ import annotations

import pytest

from components.crawl.pdf.blocks import Block, Line, text_of


def line(text: str) -> Line:
    return Line(text, [], 0, 0, 100, 10, 10, False, False, False, False)


def block(*texts: str, role: str = "paragraph") -> Block:
    return Block(role, [line(text) for text in texts], (0, 0, 100, 10))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Introduction . . . . . . . . . . . 5", "Introduction 5"),
        ("Methods.............12", "Methods 12"),
        ("Name: ____________", "Name:"),
        ("Results · · · · · · · 7", "Results 7"),
        ("He paused ... and went on.", "He paused ... and went on."),
        ("And so it ended....", "And so it ended...."),
        ("a.b.c.d.e.f.g", "a.b.c.d.e.f.g"),
    ],
)
def test_leaders_are_no_text(raw: str, text: str) -> None:
    """2,400 dots between titles and pages made a whole book look like a repetition."""
    assert text_of(block(raw), frozenset()) == text


def test_code_keeps_its_dots() -> None:
    assert text_of(block("x = ......", role="code"), frozenset()) == "x = ......"


def test_leaders_of_joined_lines_go_too() -> None:
    assert text_of(block("One . . . . . . 1", "Two . . . . . . 2"), frozenset()) == "One 1 Two 2"
