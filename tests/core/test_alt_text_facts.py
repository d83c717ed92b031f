import pytest

from components.core.alt_text_facts import facts, kept


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("img of Dotalwen hd", {"dotalwen"}),
        ("Dotalwen", {"dotalwen"}),
        ("Photo: The Golden Gate Bridge in 1937", {"golden", "gate", "bridge", "1937"}),
        ("Kodak's new model, 1,200 dollars", {"kodak", "1200"}),
        ("BIG SALE 50% off".upper(), {"50%"}),
        ("a red ball on the grass", set()),
        ("IMG_2041.jpg", {"2041"}),
        ("", set()),
        (None, set()),
    ],
)
def test_names_and_numbers(text: str | None, found: set[str]) -> None:
    assert facts(text) == found


def test_kept_are_those_that_a_caption_holds_in_whatever_form() -> None:
    wanted = facts("The Smiths at Shea Stadium, 1,200 seats")
    assert kept(wanted, "Smith's band in the Shea arena before 1200 people") == {"smith", "shea", "1200"}
    assert kept(frozenset(), "Smith") == frozenset()
