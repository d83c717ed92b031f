"""One pair as it was read, and what of a row's or a JSON's fields becomes its texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from components.caption.pairs_params import PairColumns
from components.caption.reasons import CaptionReason
from components.core.errors import BadRecord, Drop
from components.core.records import Note

IMAGE_SUFFIXES: Final = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "jp2"}
)
"""Lower-case endings of the names of image files."""
MAX_URL: Final = 4096
"""Characters of an address; a longer one is not recorded."""
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Texts:
    """What a pair says about its image; no text is empty.

    Attributes:
        alts: alternative texts; more than one where the list gives several.
        caption: a caption beside the alternative text, where the list tells the two apart.
    """

    alts: tuple[str, ...] = ()
    caption: str | None = None
    title: str | None = None
    url: str | None = None
    page_url: str | None = None


@dataclass(slots=True)
class Pair:
    """An image with its texts, or the problem that there is instead.

    Attributes:
        place: where it was found in `uri`: an offset, a row, a name; unique there.
        offset: byte or row in `uri`.
        problem: why it is no pair; `image` is then empty.
        notes: parts of it that were lost or altered.
    """

    uri: str
    place: str
    offset: int = 0
    image: bytes = b""
    texts: Texts = Texts()
    problem: Drop | BadRecord | None = None
    notes: list[Note] = field(default_factory=list)


def is_image_name(name: str) -> bool:
    """Whether a file's name ends as that of an image."""
    return name.rpartition(".")[2].lower() in IMAGE_SUFFIXES


def decoded(data: bytes, limit: int, notes: list[Note], what: str) -> str:
    """UTF-8 text of at most `limit` bytes; what is none becomes U+FFFD, and a note."""
    if len(data) > limit:
        notes.append(Note(CaptionReason.TEXT_CUT, f"{what} is longer than {limit} bytes"))
        data = data[:limit]
        while data and data[-1] & 0xC0 == 0x80:  # do not end inside a character
            data = data[:-1]
        data = data[:-1] if data and data[-1] >= 0xC0 else data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append(Note(CaptionReason.TEXT_NOT_UTF8, f"{what} is not UTF-8"))
        return data.decode("utf-8", "replace")


def json_fields(data: bytes, limit: int, notes: list[Note], what: str) -> dict[str, Any]:
    """The fields of a JSON object; none, and a note, where it is none or longer than `limit` bytes."""
    try:
        if len(data) > limit:
            raise ValueError(f"longer than {limit} bytes")
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        notes.append(Note(CaptionReason.BAD_JSON, f"{what}: {error}"))
        return {}
    if not isinstance(fields, dict):
        notes.append(Note(CaptionReason.BAD_JSON, f"{what} holds no object"))
        return {}
    return fields


def field_kinds(fields: Mapping[str, Any]) -> dict[str, str]:
    """Kinds of the fields of a JSON object or a table's row, as `choose` knows them."""
    kinds = {}
    for name, value in fields.items():
        kinds[name] = "text" if isinstance(value, str) else "texts" if isinstance(value, list) else "other"
    return kinds


@dataclass(frozen=True, slots=True)
class Chosen:
    """The columns that are read; None where there is none of that meaning."""

    image: str | None = None
    path: str | None = None
    alt: str | None = None
    caption: str | None = None
    title: str | None = None
    url: str | None = None
    page_url: str | None = None

    @property
    def text_columns(self) -> list[str]:
        """Columns of texts, no name twice."""
        names = (self.alt, self.caption, self.title, self.url, self.page_url)
        return list(dict.fromkeys(name for name in names if name is not None))


def choose(kinds: Mapping[str, str], wanted: PairColumns) -> Chosen:
    """Which columns have which meaning.

    Args:
        kinds: column → text, texts (a list), binary, image (a struct with `bytes`) or other.
    """
    lower: dict[str, list[str]] = {}
    for name in kinds:
        lower.setdefault(name.lower(), []).append(name)

    def first(names: Iterable[str], *allowed: str) -> str | None:
        for name in names:
            for found in lower.get(name.lower(), ()):
                if kinds[found] in allowed:
                    return found
        return None

    texts = ("text", "texts", "binary")
    return Chosen(
        image=first(wanted.image, "binary", "image"),
        path=first(wanted.path, "text"),
        alt=first(wanted.alt, *texts),
        caption=first(wanted.caption, *texts),
        title=first(wanted.title, *texts),
        url=first(wanted.url, "text"),
        page_url=first(wanted.page_url, "text"),
    )


def _values(value: Any) -> list[str]:
    """The texts of a field: itself, or those of a list; none that is blank."""
    values = value if isinstance(value, list) else [value]
    cleaned = (_SURROGATES.sub("\ufffd", text).strip() for text in values if isinstance(text, str))
    return [text for text in cleaned if text]


def texts_of(fields: Mapping[str, Any], chosen: Chosen, alt_file: str | None = None) -> Texts:
    """The texts among the fields of a row.

    Args:
        alt_file: content of a text file beside the image, which comes before any field.
    """

    def values(column: str | None) -> list[str]:
        return _values(fields.get(column)) if column is not None else []

    def address(column: str | None) -> str | None:
        found = values(column)
        return found[0] if found and len(found[0]) <= MAX_URL else None

    alts = _values(alt_file) or values(chosen.alt)
    captions = values(chosen.caption)
    if not alts:
        alts, captions = captions, []
    title = values(chosen.title)
    caption = next((text for text in captions if text not in alts), None)
    return Texts(
        tuple(dict.fromkeys(alts)),
        caption,
        title[0] if title else None,
        address(chosen.url),
        address(chosen.page_url),
    )
