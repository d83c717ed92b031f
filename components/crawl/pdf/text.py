"""Characters of a PDF page -> runs: pieces of one line of text, with box, size and direction.

PDFium gives characters in content order, and `characters` asks it for all of them; numpy does the rest.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pypdfium2.raw as pdfium

from components.crawl.pdf.characters import characters, measure_runs

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in points, origin top left."""

GAP_EM: Final = 1.0
"""A horizontal gap wider than this many line heights ends a run: it may be a gutter or a table cell."""

_BULLETS: Final = {0xF0B7: "•", 0xF0A7: "▪", 0xF0D8: "➢", 0xF076: "❖", 0xF0FC: "✓", 0xF0A8: "◦"}
_LIGATURES: Final = {c: unicodedata.normalize("NFKC", chr(c)) for c in range(0xFB00, 0xFB07)}
_HYPHEN: Final = 0x02  # what PDFium gives for a hyphen at the end of a line
# C0 and C1 controls, byte-order mark, non-characters: nothing to read
_REMOVED: Final[dict[int, Any]] = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0xFEFF, 0xFFFE, 0xFFFF, 0x200B)),
}
_TRANSLATE: Final[dict[int, Any]] = {
    **_REMOVED,
    **_LIGATURES,
    **_BULLETS,
    _HYPHEN: "\u00ad",
    0x09: " ",
    0xA0: " ",
}
_BLANK: Final = np.zeros(0x3002, dtype=bool)
_BLANK[[0x20, 0xA0, 0x09, 0x0A, 0x0D, 0x3000, *range(0x2000, 0x200B)]] = True
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_LAM: Final = 0x0644
_ALEFS: Final = np.array([0x0622, 0x0623, 0x0625, 0x0627], dtype=np.uint32)


_INT, _PTR = ctypes.c_int, ctypes.c_void_p
# without ctypesgen's conversions, which cost more than the call
_font_info = ctypes.CFUNCTYPE(ctypes.c_ulong, _PTR, _INT, _PTR, ctypes.c_ulong, _PTR)(
    ctypes.cast(pdfium.FPDFText_GetFontInfo, _PTR).value or 0
)


class Frame(NamedTuple):
    """How a page is shown: visible box in page space and clockwise rotation in quarter turns."""

    left: float
    bottom: float
    right: float
    top: float
    turns: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points as shown."""
        width, height = self.right - self.left, self.top - self.bottom
        return (height, width) if self.turns % 2 else (width, height)

    def shown(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) of left, bottom, right, top in page space -> x0, y0, x1, y1 as shown."""
        width, height = self.right - self.left, self.top - self.bottom
        flipped = np.stack(
            [
                boxes[:, 0] - self.left,
                self.top - boxes[:, 3],
                boxes[:, 2] - self.left,
                self.top - boxes[:, 1],
            ],
            axis=1,
        )
        return turned(flipped, width, height, self.turns)


def turned(boxes: np.ndarray, width: float, height: float, turns: int) -> np.ndarray:
    """Boxes (n, 4) on a page of `width` x `height`, after `turns` clockwise quarter turns of it."""
    for _ in range(turns % 4):
        boxes = np.stack(
            [height - boxes[:, 3], boxes[:, 0], height - boxes[:, 1], boxes[:, 2]],
            axis=1,
        )
        width, height = height, width
    return boxes


@dataclass(slots=True)
class Run:
    """Characters that follow one another on one line without a wide gap.

    Attributes:
        text: in logical order, single spaces inside, no spaces at the ends.
        x0, y0, x1, y1: box in points in the upright frame of its text direction, origin top left.
        size: font size in points.
        bold: whether the font says so.
        italic: the same for slanted letters.
        mono: whether every letter of the font is as wide as the next.
        rtl: whether it reads from right to left.
        order: place in the content stream.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    bold: bool
    italic: bool
    mono: bool
    rtl: bool
    order: int


@dataclass(slots=True)
class PageText:
    """Text of one page.

    Attributes:
        runs: clockwise quarter turns of the text as shown -> its runs, in that frame.
        characters: how many there are on the page, spaces included.
        unmapped: how many had no Unicode value and are left out.
        slanted: how many stood at an angle (watermarks) and are left out.
        repeated: how many were printed twice at the same place (fake bold) and are left out once.
    """

    runs: dict[int, list[Run]]
    characters: int = 0
    unmapped: int = 0
    slanted: int = 0
    repeated: int = 0


def _is_rtl(codes: np.ndarray) -> np.ndarray:
    right_to_left: np.ndarray = (
        ((codes >= 0x0590) & (codes <= 0x08FF))
        | ((codes >= 0xFB1D) & (codes <= 0xFDFF))
        | ((codes >= 0xFE70) & (codes <= 0xFEFC))
    )
    return right_to_left


def _fix_lam_alef(codes: np.ndarray, boxes: np.ndarray) -> None:
    """PDFium reverses right-to-left lines letter by letter, also inside the lam-alef ligature."""
    if not (codes == _LAM).any():
        return
    swapped = (
        (codes[1:] == _LAM) & np.isin(codes[:-1], _ALEFS) & np.all(boxes[:-1] == boxes[1:], axis=1)
    ).nonzero()[0]
    codes[swapped], codes[swapped + 1] = codes[swapped + 1].copy(), codes[swapped].copy()


def _overprinted(codes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """True for a character that was printed before at the same place, other than by a ligature."""
    grid = np.round(boxes[:, :2] * 2).astype(np.int64)
    keys = (codes.astype(np.int64) << 40) ^ (grid[:, 0] << 20) ^ grid[:, 1]
    ordered = np.sort(keys)
    if not (ordered[1:] == ordered[:-1]).any():  # nearly every page
        return np.zeros(len(keys), dtype=bool)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    later: np.ndarray = np.arange(len(codes)) - first[inverse] > 3
    return later


def _effective_size(size: float, matrix: list[float], fallback: float) -> float:
    """Font size in points: the set size times the scale of the character's matrix."""
    if not any(matrix):
        return fallback
    effective = size * math.hypot(matrix[2], matrix[3])
    return effective if 0.5 <= effective <= 1000 else fallback


def _font_style(text_page: int, index: int) -> tuple[bool, bool, bool]:
    """Whether the font of a character is bold, italic, monospaced."""
    name = ctypes.create_string_buffer(128)
    flags = ctypes.c_int(0)
    length = _font_info(text_page, index, ctypes.addressof(name), 128, ctypes.addressof(flags))
    lower = name.value.lower() if 0 < length <= 128 else b""
    # CMBX, CMTI, CMTT: Computer Modern; bits 19, 7, 1 of the flags: ForceBold, Italic, FixedPitch
    bold = any(word in lower for word in (b"bold", b"black", b"cmbx")) or bool(flags.value & (1 << 18))
    italic = any(word in lower for word in (b"ital", b"obli", b"cmti")) or bool(flags.value & (1 << 6))
    mono = any(word in lower for word in (b"mono", b"courier", b"cmtt")) or bool(flags.value & 1)
    return bold, italic, mono


def _string(raw: str) -> str:
    """Readable text of PDFium's characters; halves of surrogate pairs are joined."""
    if raw.isascii() and raw.isprintable():
        return " ".join(raw.split())
    raw = raw.translate(_TRANSLATE)
    if _SURROGATES.search(raw):
        raw = raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return unicodedata.normalize("NFC", " ".join(raw.split()))


def _breaks(codes: np.ndarray, boxes: np.ndarray, newline: np.ndarray, rtl: np.ndarray) -> np.ndarray:
    """True where a character starts a new run; `newline` says that a line ended before it."""
    x0, y0, x1, y1 = boxes.T
    height = np.maximum(y1 - y0, 0.1)
    shorter = np.minimum(height[1:], height[:-1])
    overlap = np.minimum(y1[1:], y1[:-1]) - np.maximum(y0[1:], y0[:-1])
    gap = np.maximum(x0[1:] - x1[:-1], x0[:-1] - x1[1:])
    backwards = (x0[1:] < x0[:-1] - 0.5 * shorter) & ~rtl[1:] & ~rtl[:-1]
    breaks = np.ones(len(codes), dtype=bool)
    breaks[1:] = newline[1:] | (overlap < 0.3 * shorter) | (gap > GAP_EM * shorter) | backwards
    return breaks


def _runs(
    text_page: int, codes: np.ndarray, boxes: np.ndarray, index: np.ndarray, ink: np.ndarray
) -> list[Run]:
    """Runs of characters that share one text direction, in content order.

    Args:
        text_page: address of PDFium's text page.
        codes: code points, spaces and line ends included.
        boxes: (n, 4) in the upright frame.
        index: (n,) PDFium's character numbers.
        ink: (n,) False for spaces and line ends.
    """
    places = ink.nonzero()[0]
    if not len(places):
        return []
    ends_before = np.cumsum((codes == 0x0A) | (codes == 0x0D))
    newline = np.diff(ends_before[places], prepend=0) > 0
    rtl = _is_rtl(codes[places])
    starts = _breaks(codes[places], boxes[places], newline, rtl).nonzero()[0]
    stops = np.append(starts[1:], len(places))
    firsts, lasts = places[starts].tolist(), places[stops - 1].tolist()
    leaning = np.add.reduceat(rtl.astype(np.int64), starts)
    measured, matrices, fonts = measure_runs(text_page, boxes[places], index[places], starts, stops)
    raw = codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    styles: dict[int, tuple[bool, bool, bool]] = {}

    def style(number: int, font: int) -> tuple[bool, bool, bool]:
        if not font:
            return _font_style(text_page, number)
        if font not in styles:
            styles[font] = _font_style(text_page, number)
        return styles[font]

    runs: list[Run] = []
    for first, last, (x0, y0, x1, y1, size), matrix, samples, is_rtl in zip(
        firsts,
        lasts,
        measured.tolist(),
        matrices.tolist(),
        fonts.tolist(),
        (2 * leaning > stops - starts).tolist(),
        strict=True,
    ):
        text = _string(raw[first : last + 1])
        if not text:
            continue
        if samples[1] and samples[1] == samples[3] == samples[5]:
            bold, italic, mono = style(samples[0], samples[1])
        else:
            found = {style(samples[at], samples[at + 1]) for at in (0, 2, 4)}
            bold, italic, mono = (all(kind) for kind in zip(*found, strict=True))
        runs.append(
            Run(
                text=text,
                x0=x0,
                y0=y0,
                x1=x1,
                y1=max(y1, y0 + 0.1),
                size=_effective_size(size, matrix, y1 - y0),
                bold=bold,
                italic=italic,
                mono=mono,
                rtl=is_rtl,
                order=len(runs),
            )
        )
    return runs


def read_page(text_page: int, count: int, frame: Frame) -> PageText:
    """All readable text of a page.

    Args:
        text_page: address of a loaded FPDF_TEXTPAGE.
        count: its number of characters; the caller has checked that it is not too large.
        frame: how the page is shown.
    """
    if count <= 0:
        return PageText({})
    codes, raw, angles = characters(text_page, count)
    # FS_RECTF is left, top, right, bottom
    boxes = frame.shown(np.nan_to_num(raw[:, [0, 3, 2, 1]].astype(np.float64)))
    blank = _BLANK[np.minimum(codes, len(_BLANK) - 1)]
    unmapped = (codes == 0) | (codes == 0xFFFD) | (codes == 0xFFFE)
    ink = ~blank & ~unmapped & ((codes >= 0x20) | (codes == _HYPHEN))
    # PDFium makes up spaces and line ends; they have no angle of their own
    degrees = np.rad2deg(angles) + 90 * frame.turns
    quarter = np.round(degrees / 90).astype(np.int64)
    slanted = ink & (np.abs(degrees - 90 * quarter) > 10)
    previous = np.maximum.accumulate(np.where(ink, np.arange(count), 0))
    quarter = (quarter % 4)[previous]
    repeated = np.zeros(count, dtype=bool)
    repeated[ink] = _overprinted(codes[ink], boxes[ink])
    ink &= ~slanted & ~repeated
    kept = ~slanted & ~repeated & ~unmapped
    width, height = frame.size
    found = PageText({}, count, int(unmapped.sum()), int(slanted.sum()), int(repeated.sum()))
    for turns in np.unique(quarter[ink]).tolist() if ink.any() else []:
        mine = (kept & (quarter == turns)).nonzero()[0]
        upright = turned(boxes[mine], width, height, -turns % 4)
        mine_codes = codes[mine]
        _fix_lam_alef(mine_codes, upright)
        runs = _runs(text_page, mine_codes, upright, mine, ink[mine])
        if runs:
            found.runs[turns] = runs
    return found
