import pytest

from components.filter import characters as c


@pytest.mark.parametrize(
    ("character", "classes"),
    [
        ("a", c.LETTER | c.LOWER),
        ("\u00c9", c.LETTER | c.UPPER | c.CAPITAL),
        ("\u05d0", c.LETTER | c.LOWER | c.UPPER),
        ("7", c.DIGIT | c.ASCII_DIGIT),
        ("\u2003", c.SPACE),
        ("\u2192", 0),
        ("\u2705", c.ICON | c.PREFIX | c.SUFFIX),
        ("\u20ac", c.CURRENCY | c.PREFIX),
        ("\u5929", c.LETTER | c.LOWER | c.UPPER | c.UNSPACED),
        ("\u3002", c.MARK | c.PREFIX | c.SUFFIX | c.SYMBOL | c.PUNCTUATION | c.STOP | c.TERMINAL),
        ("\u1b7d", c.PUNCTUATION | c.SYMBOL | c.TERMINAL),
        ("-", c.PUNCTUATION | c.SYMBOL),
    ],
)
def test_classes(character: str, classes: int) -> None:
    assert c.table()[ord(character)] == classes
