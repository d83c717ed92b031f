from __future__ import annotations

import pytest

from components.publish import pictures
from components.publish.pictures import Pictures
from tests.publish import samples


def test_what_cannot_be_shown_is_none() -> None:
    shown = Pictures({"a": samples.jpeg(1), "b": b"no image"})
    figure = shown.of("a", "a disc", side=32)
    assert figure is not None
    assert (figure.alt, figure.width, figure.height) == ("a disc", 32, 24)
    assert shown.of("b") is None
    assert shown.of("c") is None


def test_a_page_holds_no_more_than_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Pictures({"a": samples.jpeg(1)}).of("a")
    assert one is not None
    monkeypatch.setattr(pictures, "IMAGE_BUDGET", 2 * len(one.src) + 1)
    shown = Pictures({"a": samples.jpeg(1)})
    assert [shown.of("a") is not None for _ in range(3)] == [True, True, False]
