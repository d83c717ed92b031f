"""Which tokens may follow on the way to a choice."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers", reason="needs the extra `torch`")

from components.caption.engines.choices import ChoiceTokens
from components.core.errors import ConfigurationError
from tests.caption.tiny_llava import tiny_llava

pytestmark = pytest.mark.torch


def _tokenizer():  # type: ignore[no-untyped-def]
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_llava())


def test_every_walk_ends_at_a_choice() -> None:
    tokenizer = _tokenizer()
    choices = ("yes", "no", "unsure", "not")
    tokens = ChoiceTokens(tokenizer, choices, [2])
    ended = set()
    todo: list[list[int]] = [[]]
    while todo:
        ids = todo.pop()
        for token in tokens.allowed(ids):
            if token == 2:
                ended.add(tokenizer.decode(ids))
            else:
                assert len(ids) < tokens.max_tokens
                todo.append([*ids, token])
    assert ended == set(choices)


def test_the_usual_spelling_is_allowed() -> None:
    tokenizer = _tokenizer()
    tokens = ChoiceTokens(tokenizer, ("not seen", "seen"), [2])
    for choice in ("not seen", "seen"):
        ids = tokenizer.encode(choice, add_special_tokens=False)
        for at, token in enumerate(ids):
            assert token in tokens.allowed(ids[:at])
        assert tokens.allowed(ids) == [2]


def test_after_a_choice_or_nonsense_only_the_end_may_come() -> None:
    tokenizer = _tokenizer()
    tokens = ChoiceTokens(tokenizer, ("yes", "no"), [2, 0])
    assert tokens.allowed([*tokenizer.encode("yes"), 2]) == [2, 0]
    assert tokens.allowed(tokenizer.encode("x")) == [2, 0]


def test_a_choice_out_of_parts_of_characters_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="猫"):
        ChoiceTokens(_tokenizer(), ("yes", "猫"), [2])
