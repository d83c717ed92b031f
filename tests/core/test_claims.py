"""Captions cut into claims, and put together again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.claims import (
    Claim,
    content_words,
    kind,
    normal,
    orphans,
    remove,
    sentences,
    specifics,
    split_claims,
)


def texts(caption: str) -> list[str]:
    return [claim.text for claim in split_claims(caption)]


def without(caption: str, *unwanted: str) -> str:
    chosen = [claim for claim in split_claims(caption) if claim.text in unwanted]
    assert len(chosen) == len(unwanted), texts(caption)
    return remove(caption, chosen)


SCENE = "A blue square and a yellow square, named Dotalwen."


@pytest.mark.parametrize(
    ("caption", "claims"),
    [
        (SCENE, ["A blue square", "a yellow square", "named Dotalwen"]),
        ("A black and white photograph.", ["A black and white photograph"]),
        ("A large, red, round ball.", ["A large, red, round ball"]),
        ("A dog, a cat, and a bird.", ["A dog", "a cat", "a bird"]),
        ("A road between a house and a tree.", ["A road between a house and a tree"]),
        ("Two dogs play; three cats watch.", ["Two dogs play", "three cats watch"]),
        ("A red car is parked and two dogs are playing.", ["A red car is parked", "two dogs are playing"]),
        ("A man, a woman, and a child are walking.", ["A man, a woman, and a child are walking"]),
        ("It happened on June 5, 2019, in Rome.", ["It happened on June 5, 2019", "in Rome"]),
        ("It costs 1,000 euros, or 3.5 % more.", ["It costs 1,000 euros", "3.5 % more"]),
        ('The sign reads "Stop, and a half".', ['The sign reads "Stop, and a half"']),
        ("A tower (tall, and a bit crooked) stands.", ["A tower (tall, and a bit crooked) stands"]),
        ("A dog, sitting on a mat.", ["A dog", "sitting on a mat"]),
        ("Behind her, a window opens, and a dog sits.", ["Behind her, a window opens", "a dog sits"]),
        ("In Paris, France, a dog, which is red.", ["In Paris, France, a dog", "which is red"]),
        ("On it there is a vase, an open book.", ["On it there is a vase", "an open book"]),
        ("Seated at a table, a woman reads.", ["Seated at a table, a woman reads"]),
        ("…", []),
        ("", []),
        ("no punctuation at all", ["no punctuation at all"]),
    ],
)
def test_claims(caption: str, claims: list[str]) -> None:
    assert texts(caption) == claims


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Dr. J. R. Smith measures 3.5 m. It is dark.", ["Dr. J. R. Smith measures 3.5 m.", "It is dark."]),
        ("The U.S. Navy sails at 5 p.m. on the Thames.", ["The U.S. Navy sails at 5 p.m. on the Thames."]),
        ('He said "Stop." Then he left!', ['He said "Stop."', "Then he left!"]),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ("one\n\ntwo", ["one", "two"]),
        ("山の上に塔がある。空は青い。", ["山の上に塔がある。", "空は青い。"]),
        ("See example.org. Next.", ["See example.org.", "Next."]),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert [text[start:stop] for start, stop in sentences(text)] == parts


@pytest.mark.parametrize(
    ("caption", "unwanted", "left"),
    [
        (SCENE, ["a yellow square"], "A blue square, named Dotalwen."),
        (SCENE, ["A blue square"], "A yellow square, named Dotalwen."),
        (SCENE, ["named Dotalwen"], "A blue square and a yellow square."),
        (SCENE, ["A blue square", "a yellow square"], ""),  # the name has nothing left to name
        ("A dog, a cat, and a bird.", ["a bird"], "A dog and a cat."),
        ("A dog, a cat, and a bird.", ["a cat"], "A dog and a bird."),
        ("A dog, a cat, a cow, and a bird.", ["a bird"], "A dog, a cat, and a cow."),
        ("A bowl of apples, oranges, and pears.", ["A bowl of apples"], "Oranges and pears."),
        ("A man, wearing a hat, and a dog.", ["A man"], "A dog."),
        ("A man, wearing a hat, and a dog.", ["wearing a hat"], "A man and a dog."),
        ("A man, and a dog, wearing a collar.", ["a dog"], "A man."),
        ("There is a bus, which is red. A tree.", ["There is a bus"], "A tree."),
        ("There is a bus, which is red. A tree.", ["which is red"], "There is a bus. A tree."),
        ("Ada Bo, an actor, seated in a car.", ["an actor"], "Ada Bo, seated in a car."),
        ("Ada Bo, an actor, seated in a car.", ["Ada Bo"], "An actor, seated in a car."),
        ("The sun shines, while Ada Lovelace reads.", ["The sun shines"], "Ada Lovelace reads."),
        ("lower case, named Bo", ["named Bo"], "lower case"),
        ("A dog. A cat! A cow?", ["A cat"], "A dog. A cow?"),
    ],
)
def test_what_is_left_reads_on(caption: str, unwanted: list[str], left: str) -> None:
    assert without(caption, *unwanted) == left


def test_orphans_are_told_apart_from_what_is_unwanted() -> None:
    blue, yellow, name = split_claims(SCENE)
    assert orphans(SCENE, [blue, yellow]) == [name]
    assert orphans(SCENE, [yellow]) == []
    man, hat, _ = split_claims("A man, wearing a hat, and a dog.")
    assert orphans("A man, wearing a hat, and a dog.", [man]) == [hat]


def test_content_words_compare_singular_and_digits() -> None:
    assert content_words("The two dogs' boxes, glasses and ponies") == ["2", "dog", "box", "glass", "pony"]
    assert content_words("One dog on a bus in 1,200 cities") == ["dog", "bus", "1200", "city"]
    assert normal("Lovelace’s") == "lovelace"


def test_specifics_are_names_and_figures_but_not_what_is_read_or_counted() -> None:
    assert specifics("A portrait of Ada Lovelace, painted in 1840.") == ["ada", "lovelace", "1840"]
    assert specifics('Two dogs beside a sign that reads "Main Street 5".') == []
    assert specifics("Children play. Dotalwen Castle stands.") == ["dotalwen", "castle"]
    assert specifics("an iPhone of the McDonald's") == ["iphone", "mcdonald"]


def test_kinds() -> None:
    assert [kind(text) for text in ("a cat", "named Bo", "1912", "Paris", "wearing red", "in a field")] == [
        "thing", "knowledge", "knowledge", "knowledge", "detail", "detail",
    ]  # fmt: skip


PIECES = [
    "A dog", "a cat", "and", ",", ".", ";", "named Bo", "while", "wearing a hat", "Dr. X", "3.5", "are",
    '"quoted, and a"', "(in", ")", "\n", "“", "’", "-", ":", "を、",
]  # fmt: skip
CAPTIONS = st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join)


@given(st.one_of(CAPTIONS, st.text(max_size=60)), st.data())
def test_any_text_can_be_cut_and_put_together(caption: str, data: st.DataObject) -> None:
    claims = split_claims(caption)
    at = 0
    for claim in claims:
        assert at <= claim.start < claim.stop <= len(caption)
        assert caption[claim.start : claim.stop] == claim.text == claim.text.strip()
        at = claim.stop
    assert remove(caption, []) == caption
    assert not claims or remove(caption, claims) == ""
    chosen = data.draw(st.sets(st.sampled_from(claims))) if claims else set[Claim]()
    left = remove(caption, chosen)
    gone = {*chosen, *orphans(caption, chosen)}
    assert len(left) <= len(caption) + 3 * len(claims)
    for claim in claims:
        if claim not in gone:
            assert claim.text[1:] in left
    if claims:
        assert (left == "") == (gone == set(claims))
