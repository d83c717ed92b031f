"""Which alternative text of an image says something about it.

Alternative texts of web pages are often a file's name, a hash, an address, "image", or nothing. What
knowledge a caption can be given comes from the others (KALE, arXiv 2411.07461, section 2.1), so the
longest of those within a limit is chosen; ties go by the text itself, so that order plays no part.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from components.core.nearby_text import one_line, start_of

_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_UNSEEN: Final = re.compile(
    "[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\ufff9-\ufffb\ud800-\udfff]"
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Han."""
_IMAGE_ENDING: Final = re.compile(
    r"\.(?:jpe?g|jpe|jfif|png|gif|webp|bmp|tiff?|avif|svg|heic|jp2|ico)(?:\?\S*)?$", re.IGNORECASE
)
_ADDRESS: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|www\.|data:|mailto:)\S*|\S+\.(?:com|org|net|html?|php)(?:/\S*)?", re.IGNORECASE
)
_HASH: Final = re.compile(r"(?=\S*\d)[0-9a-f]{8,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CODE: Final = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9+/=_.~-]+")
"""One run of ASCII letters, digits and joints: IMG_2034, p1010001, image-001, 34fkd93kfs."""
_NAMELIKE: Final = re.compile(r"[A-Za-z0-9%]+(?:[_%.+-]+[A-Za-z0-9%]+)+")
_MOST_LOST: Final = 0.1

# English first, then what content systems put there in other languages
_BOILERPLATE: Final = frozenset(
    """
    a about ad ads advertisement alt an and arrow attachment avatar background banner blank bullet button by
    caption click close copy cover decorative default description download empty enlarge expand facebook
    favicon featured feed fig figure file for from full fullscreen gallery gif graphic header here hero hide
    home icon illustration image images img in instagram invalid jpeg jpg large larger linkedin list load
    loading lazy logo main medium menu missing more my na new next no none not null of on open opens or page
    photo photograph photos pic picture pictures pics pinterest pixel placeholder play png post preview
    previous print profile read scan screen screenshot search see share show site size slide slider small
    spacer sponsor sponsored svg tab tap text the this thumb thumbnail to tracking transparent twitter undefined
    unnamed untitled unknown view webp whatsapp window with www youtube zoom your
    abbildung bild bilder foto fotos datei
    imagen imágenes fotografía sin título ver más
    photographie sans titre une un de la le du des voir plus
    immagine immagini imagem imagens afbeelding bild obraz zdjęcie resim
    изображение фото картинка без названия рисунок
    """.split()
)
_BOILERPLATE_UNSPACED: Final = frozenset(
    {"图片", "图像", "照片", "图", "圖片", "照片", "画像", "写真", "イメージ", "รูปภาพ", "사진", "이미지"}
)


def clean(text: str | None) -> str:
    """The text on one line, NFC, without markup, entities and what can't be seen.

    HTML entities are resolved twice, as many pages escape them twice.
    """
    if not text:
        return ""
    plain = html.unescape(html.unescape(text))
    plain = _TAG.sub(" ", plain)
    plain = _UNSEEN.sub("", plain)
    plain = "".join(" " if unicodedata.category(c) == "Cc" else c for c in plain)
    return one_line(unicodedata.normalize("NFC", plain))


def count_words(text: str) -> int:
    """Words that have a letter; of scripts without spaces two letters count as one."""
    unspaced = len(_UNSPACED.findall(text))
    return len(_WORD.findall(_UNSPACED.sub(" ", text))) + (unspaced + 1) // 2


def _without_ending(text: str) -> str:
    """A text that is a title with an image file's ending, without that ending."""
    bare = _IMAGE_ENDING.sub("", text)
    return bare if " " in bare.strip() else text


def is_informative(text: str) -> bool:
    """Whether a clean text says anything about an image.

    It does not where it has no letter, or is nothing but a file's name, an address, a hash, a code, or
    words that fit any image ("image of", "click to enlarge", "Bild 3"); nor where a tenth of it was lost
    to a wrong encoding.
    """
    words = _WORD.findall(text)
    if not words or text.count("\ufffd") > _MOST_LOST * len(text):
        return False
    if " " not in text:
        if _IMAGE_ENDING.search(text) or _ADDRESS.fullmatch(text) or _HASH.fullmatch(text):
            return False
        if _CODE.fullmatch(text) or ("_" in text and _NAMELIKE.fullmatch(text)):
            return False
    told = [
        word
        for token in text.split()
        if not (_ADDRESS.fullmatch(token) or _HASH.fullmatch(token))
        for word in _WORD.findall(token)
    ]
    return any(
        word.casefold() not in _BOILERPLATE and word not in _BOILERPLATE_UNSPACED and _says_something(word)
        for word in told
    )


def _says_something(word: str) -> bool:
    """One letter of a script with spaces is no word (the x of "100 x 200", an initial)."""
    return len(word) > 1 or bool(_UNSPACED.search(word))


def ranked(texts: Iterable[str | None], longest: int, min_words: int = 1) -> list[str]:
    """The informative ones of the texts, cleaned, the best first; none twice.

    Longer is better up to `longest` characters; texts that had to be cut to that come after all others.

    Args:
        longest: characters; cut between words.
        min_words: words below which a text is left out.
    """
    found: dict[str, tuple[bool, int, str]] = {}
    for text in {clean(text) for text in texts}:
        whole = _without_ending(text)
        if not is_informative(whole):
            continue
        cut = start_of(whole, longest)
        if count_words(cut) < min_words:
            continue
        rank = (cut != whole, -len(cut), cut)
        found[cut] = min(rank, found.get(cut, rank))
    return sorted(found, key=found.__getitem__)
