"""Sentences copied from the prompt."""

import pytest

from components.caption.artefacts import without_artefacts
from components.caption.stage_params import ARTEFACTS
from components.core.prompts import load_prompt

KEPT = "A blue square and a yellow square, named Dotalwen."


@pytest.mark.parametrize(
    ("sentence", "keyword"),
    [
        ("It gives real-world information.", "real-world"),
        ("This adds Real World knowledge.", "Real World"),
        ("The sentence structure is refined.", "sentence structure"),
        ("Sentence 1 says so.", "Sentence 1"),
        ("The New Sentence is this.", "New Sentence"),
        ("According to the alt-texts, it is old.", "alt-texts"),
    ],
)
def test_the_sentence_goes_and_the_rest_stays(sentence: str, keyword: str) -> None:
    cleaned = without_artefacts(f"{KEPT} {sentence} It is large.", ARTEFACTS, [])
    assert cleaned.text == f"{KEPT} It is large."
    assert cleaned.removed == [(sentence, keyword)]


def test_every_sentence_may_go() -> None:
    cleaned = without_artefacts("Sentence 1 is real-world.", ARTEFACTS, ["real-world"])
    assert (cleaned.text, len(cleaned.removed)) == ("", 1)


@pytest.mark.parametrize("known", ["A real-world test of tyres", "the Real World (TV series)"])
def test_what_the_alternative_text_says_is_no_artefact(known: str) -> None:
    caption = "A car in a real-world test. Sentence 2 is longer."
    cleaned = without_artefacts(caption, ARTEFACTS, [None, known])
    assert cleaned.text == "A car in a real-world test."
    assert [keyword for _, keyword in cleaned.removed] == ["Sentence 2"]


@pytest.mark.parametrize(
    "caption", [KEPT, "A surreal-world map.", "The sentence structured by commas.", "Sentence 12 of 30.", ""]
)
def test_other_words_are_left_alone(caption: str) -> None:
    assert without_artefacts(caption, ARTEFACTS, []).text == caption
    assert without_artefacts(caption, [" "], []).removed == []


def test_the_prompts_own_labels_are_keywords() -> None:
    fuse = load_prompt("fuse-v1").words
    for label in ("Sentence 1", "Sentence 2", "New Sentence"):
        assert label in fuse
        assert without_artefacts(f"{label}: a dog.", ARTEFACTS, []).removed
