"""Classes of characters at word boundaries; the boundaries themselves are tested with the kernel."""

import pytest

from components.dedup.word_bounds import TABLE_SIZE, WordBreak, word_break_classes


@pytest.mark.parametrize(
    ("characters", "kind"),
    [
        ("aZéЖω가ªʰ々", WordBreak.LETTER),
        ("אש", WordBreak.HEBREW),
        ("0٣९\u066b", WordBreak.NUMERIC),
        ("カｶー㋐", WordBreak.KATAKANA),
        ("ひ漢กကប½!$€\u200bᥐ", WordBreak.OTHER),
        ("_‿\u202f", WordBreak.EXTEND_NUM_LET),
        (" \t\n\r\u00a0\u3000\u2028", WordBreak.SPACE),
        ("\u0301\u00ad\u200e\u0903\ufe0f", WordBreak.EXTEND),
        (".’", WordBreak.MID_NUM_LET),
        (":·", WordBreak.MID_LETTER),
        (",;", WordBreak.MID_NUM),
        ("👩❤", WordBreak.PICTOGRAPH),
        ("🇩", WordBreak.FLAG),
    ],
)
def test_classes_of_uax_29(characters: str, kind: WordBreak) -> None:
    classes = word_break_classes()
    assert {character: WordBreak(classes[ord(character)]) for character in characters} == dict.fromkeys(
        characters, kind
    )


def test_one_class_for_every_code_point_of_the_table() -> None:
    classes = word_break_classes()
    assert classes.shape == (TABLE_SIZE,)
    assert set(classes.tolist()) == {int(kind) for kind in WordBreak}
