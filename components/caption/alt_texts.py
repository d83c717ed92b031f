"""Which alternative text of an image says something about it.

Alternative texts of web pages are often a file's name, a hash, an address, "image", or nothing. What
knowledge a caption can be given comes from the others (KALE, arXiv 2411.07461, section 2.1), so the
longest of those within a limit is chosen; ties go by the text itself, so that order plays no part.
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from components.core.nearby_text import one_line, start_of

MAX_CHARACTERS: Final = 10_000
"""Characters of a text that are looked at: what hostile pages hold beyond is cut off."""
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_UNSEEN: Final = re.compile(
    "[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\ufff9-\ufffb\ud800-\udfff]"
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Han."""
_IMAGE_ENDING: Final = re.compile(
    r"\.(?:jpe?g|jpe|jfif|png|gif|webp|bmp|tiff?|avif|svg|heic|jp2|ico)(?:\?\S*)?$", re.IGNORECASE
)
_ADDRESS: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|www\.|data:|mailto:)\S*|\S+\.(?:com|org|net|html?|php)(?:/\S*)?", re.IGNORECASE
)
_HASH: Final = re.compile(r"(?=\S*\d)[0-9a-f]{8,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_UNDERSCORED: Final = re.compile(r"[A-Za-z0-9%.+-]*_[A-Za-z0-9_%.+-]*")
_LETTERS_OR_DIGITS: Final = re.compile(r"[A-Za-z]+|\d+")
_MOST_LOST: Final = 0.1

# words that fit any image; English first, then what content systems put there in other languages
_NOISE: Final = frozenset(
    """
    a about ad ads advertisement alt an and attachment avatar banner blank bullet button by caption click
    close copy decorative default description download dsc dscf dscn empty enlarge expand favicon fig figure
    file for from full fullscreen gif graphic here hide icon illustration imag image images img in invalid
    jpeg jpg larger load loading lazy logo missing more new next no none not null of on or photo photograph
    photos pic picture pictures pics pict placeholder png post preview previous screenshot see share show
    size slide slider spacer sponsor sponsored svg tap the this thumb thumbnail to undefined unnamed untitled
    unknown view wa webp with www zoom
    abbildung afbeelding bild bilder datei foto fotos
    fotografía fotografia imagen imágenes más sin título un una ver
    de des du la le photographie plus sans titre voir
    di il imagem imagens immagine immagini senza titolo
    obraz resim zdjęcie
    без изображение картинка названия рисунок фото
    图 图像 图片 照片 圖片 画像 写真 イメージ รูปภาพ 사진 이미지
    """.split()  # noqa: SIM905 - a list of 150 words would take 150 lines
)
_PHRASES: Final = re.compile(
    r"opens? in (?:a )?new (?:tab|window)|(?:share|follow|like|find) (?:us |this )?(?:on|via) \w+|"
    r"skip to (?:main )?content|back to top|(?:read|learn|show|see|view) (?:more|all)|search|menu|home|"
    r"play(?: video| button)?|arrow(?: left| right| up| down)?|(?:left|right|up|down) arrow|"
    r"(?:profile|cover|featured|header|background|hero|main) (?:image|photo|picture)",
    re.IGNORECASE,
)


def clean(text: str | None) -> str:
    """The text on one line, NFC, without markup, entities and what can't be seen.

    HTML entities are resolved twice, as many pages escape them twice.
    """
    if not text:
        return ""
    plain = html.unescape(html.unescape(text[:MAX_CHARACTERS]))
    plain = _UNSEEN.sub("", _TAG.sub(" ", plain))
    return one_line(unicodedata.normalize("NFC", _CONTROLS.sub(" ", plain)))


def count_words(text: str) -> int:
    """Words that have a letter; of scripts without spaces two letters count as one."""
    unspaced = len(_UNSPACED.findall(text))
    return len(_WORD.findall(_UNSPACED.sub(" ", text))) + (unspaced + 1) // 2


def _without_ending(text: str) -> str:
    """A text that is a title with an image file's ending, without that ending."""
    bare = _IMAGE_ENDING.sub("", text).strip()
    return bare if " " in bare else text


def _is_code(token: str) -> bool:
    """IMG_2034, p1010001, 34fkd93kfs; but not COVID-19, iPhone15, Apollo11."""
    if _UNDERSCORED.fullmatch(token):
        return True
    if not token.isascii():
        return False
    runs = _LETTERS_OR_DIGITS.findall(token)
    digits = sum(len(run) for run in runs if run.isdigit())
    letters = sum(map(len, runs)) - digits
    return len(runs) > 3 or (digits >= 4 and digits >= letters)


def is_informative(text: str) -> bool:
    """Whether a clean text says anything about an image.

    It does not where it is nothing but a file's name, addresses, hashes, numbers, words that fit any
    image ("image of", "Bild 3") or a phrase of a page's controls; nor where a tenth of its characters
    was lost to a wrong encoding.
    """
    if text.count("\ufffd") > _MOST_LOST * len(text) or _PHRASES.fullmatch(text):
        return False
    tokens = text.split()
    if len(tokens) == 1 and _IMAGE_ENDING.search(text):
        return False
    return any(_tells(token) for token in tokens)


def _tells(token: str) -> bool:
    if _ADDRESS.fullmatch(token) or _HASH.fullmatch(token) or _is_code(token):
        return False
    # one letter of a script with spaces is no word: an initial, the x of 100x200
    return any(
        word.casefold() not in _NOISE and (len(word) > 1 or _UNSPACED.search(word))
        for word in _WORD.findall(token)
    )


@functools.lru_cache(1024)  # the same few fill many pages
def usable(text: str | None, longest: int, min_words: int) -> tuple[bool, int, str] | None:
    """A text as it would be used, with what it is ranked by; None where it is not.

    Returns:
        whether it had to be cut, minus its length, the text: the least is the best.
    """
    whole = _without_ending(clean(text))
    cut = start_of(whole, longest)
    if not is_informative(whole) or count_words(cut) < min_words:
        return None
    return cut != whole, -len(cut), cut


def ranked(texts: Iterable[str | None], longest: int, min_words: int = 1) -> list[str]:
    """The informative ones of the texts, cleaned, the best first; none twice.

    Longer is better up to `longest` characters; texts that had to be cut to that come after all others.

    Args:
        longest: characters; cut between words.
        min_words: words below which a text is left out.
    """
    found = {form for text in texts if (form := usable(text, longest, min_words)) is not None}
    return list(dict.fromkeys(text for _, _, text in sorted(found)))
