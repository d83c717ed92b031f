"""What words alone tell about a claim."""

import pytest

from components.caption.evidence import Wanted, clash, vocabulary

SQUARES = "A blue square and a yellow square."


@pytest.mark.parametrize(
    ("claim", "text", "kind"),
    [
        ("a red square", SQUARES, "colour"),
        ("a blue square", SQUARES, None),
        ("a red circle", SQUARES, None),
        ("two squares", SQUARES, None),
        ("three squares", SQUARES, "number"),
        ("no squares", SQUARES, "negation"),
        ("no people", "a crowd of people", "negation"),
        ("people", "a street without people", "negation"),
        ("two dogs", "A dog runs. A dog sits.", None),
        ("two dogs", "several dogs", None),
        ("2 large dogs", "three small dogs", "number"),
        ("a black and white cat", "a gray cat", "colour"),
        ("a white cat", "a black and white cat", None),
        ("a golden ring", "a gold ring", None),
        ("a red hat", "a man in a blue coat and a red hat", None),
        ("a green bus parked outside", "a red car parked outside", None),
        ("a red square", None, None),
    ],
)
def test_clashes(claim: str, text: str | None, kind: str | None) -> None:
    assert clash(claim, text) == kind


def test_what_a_claim_asks_of_its_evidence() -> None:
    named = Wanted.of("named Dotalwen", opening=False)
    assert (named.words, named.specifics) == (frozenset({"dotalwen"}), frozenset({"dotalwen"}))
    assert named.named_in("IMG Dotalwen.jpg")
    assert not named.named_in("Dotal")
    assert not named.named_in(None)
    assert named.coverage("DOTALWEN hd") == 1
    castle = Wanted.of("a stone castle in Wales", opening=False)
    assert castle.coverage("Wales, a castle") == pytest.approx(2 / 3)
    assert castle.coverage("Wales", "stone castles") == 1
    seen = Wanted.of("a dog", opening=False)
    assert not seen.named_in("a dog")  # nothing is named
    assert Wanted.of("it is", opening=False).coverage(None) == 1


def test_vocabulary_knows_the_parts_of_compounds() -> None:
    assert {"blue-eyed", "blue", "eyed", "cat"} <= vocabulary("blue-eyed cats")
    assert vocabulary("my_photo_of_Paris", None) >= {"paris"}
