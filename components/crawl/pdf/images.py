"""Objects of a PDF page: pictures with their bytes, and the boxes of drawn paths."""

from __future__ import annotations

import ctypes
import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pypdfium2.raw as pdfium

from components.core.errors import BadRecord
from components.core.images import MAX_PIXELS, MAX_SIDE, read_image
from components.core.records import Image
from components.crawl.pdf.text import Box, Frame

PNG_LEVEL: Final = 4
"""Half the time of level 6 for files 4 % larger."""
MAX_FORM_DEPTH: Final = 12
"""Form XObjects nested deeper than this are not looked into."""

_SIMPLE_FILTERS: Final = {
    *("ASCIIHexDecode", "ASCII85Decode", "RunLengthDecode", "FlateDecode", "LZWDecode", "Crypt"),
    *("AHx", "A85", "RL", "Fl", "LZW"),
}
_KEPT_FILTERS: Final = {"DCTDecode", "DCT", "JPXDecode"}
_MASK_KEYS: Final = (b"/SMask", b"/Mask", b"/ImageMask", b"/IM ")


_CHANNELS: Final = {
    pdfium.FPDFBitmap_Gray: 1,
    pdfium.FPDFBitmap_BGR: 3,
    pdfium.FPDFBitmap_BGRx: 4,
    pdfium.FPDFBitmap_BGRA: 4,
}


_PTR, _INT = ctypes.c_void_p, ctypes.c_int
_SEEN_KINDS: Final = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING)


def _bare(function: Any, result: Any, *arguments: Any) -> Any:
    """A C function without ctypesgen's conversions, which cost more than the call."""
    return ctypes.CFUNCTYPE(result, *arguments)(ctypes.cast(function, _PTR).value or 0)


# asked once for every object of a page, of which there may be 100,000
_page_object = _bare(pdfium.FPDFPage_GetObject, _PTR, _PTR, _INT)
_form_object = _bare(pdfium.FPDFFormObj_GetObject, _PTR, _PTR, ctypes.c_ulong)
_type = _bare(pdfium.FPDFPageObj_GetType, _INT, _PTR)
_bounds = _bare(pdfium.FPDFPageObj_GetBounds, _INT, _PTR, _PTR, _PTR, _PTR, _PTR)


def _as_object(address: int) -> Any:
    return ctypes.cast(address, pdfium.FPDF_PAGEOBJECT)


@dataclass(slots=True)
class PageObjects:
    """What stands on a page beside text.

    Attributes:
        images: (object handle, box as shown) in drawing order.
        paths: (n, 4) boxes of drawn paths as shown.
        truncated: whether there were more objects than the limit.
    """

    images: list[tuple[Any, Box]]
    paths: np.ndarray
    truncated: bool = False


def _corners(box: Box, matrix: tuple[float, ...]) -> Box:
    """Box around the image of a box under an affine matrix (a, b, c, d, e, f)."""
    a, b, c, d, e, f = matrix
    xs = [a * x + c * y + e for x in (box[0], box[2]) for y in (box[1], box[3])]
    ys = [b * x + d * y + f for x in (box[0], box[2]) for y in (box[1], box[3])]
    return min(xs), min(ys), max(xs), max(ys)


def _product(inner: tuple[float, ...], outer: tuple[float, ...]) -> tuple[float, ...]:
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (
        *(a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j),
        *(e * g + f * i + k, e * h + f * j + m),
    )


def _walk(page: Any, limit: int) -> Iterator[tuple[Any, int, tuple[float, ...] | None]]:
    """Objects of a page and of the forms it draws, in drawing order: handle, type, matrix to the page.

    Handles are addresses. Bounded by `limit` objects and `MAX_FORM_DEPTH`; a form that draws itself ends
    there.
    """
    seen = 0
    stack: list[tuple[Any, bool, int, int, tuple[float, ...] | None]] = [
        (ctypes.cast(page, _PTR).value, False, 0, pdfium.FPDFPage_CountObjects(page), None)
    ]
    while stack:
        parent, is_form, at, count, matrix = stack.pop()
        while at < count and seen < limit:
            handle = (_form_object if is_form else _page_object)(parent, at)
            at += 1
            seen += 1
            kind = _type(handle) if handle else -1
            if kind == pdfium.FPDF_PAGEOBJ_FORM and len(stack) < MAX_FORM_DEPTH:
                raw, form = pdfium.FS_MATRIX(), _as_object(handle)
                if pdfium.FPDFPageObj_GetMatrix(form, raw):
                    own = (raw.a, raw.b, raw.c, raw.d, raw.e, raw.f)
                    stack.append((parent, is_form, at, count, matrix))
                    inside = _product(own, matrix) if matrix else own
                    stack.append((handle, True, 0, pdfium.FPDFFormObj_CountObjects(form), inside))
                    break
            elif kind >= 0:
                yield handle, kind, matrix
    if seen >= limit:
        yield None, -1, None


def page_objects(page: Any, frame: Frame, limit: int, *, paths_too: bool = True) -> PageObjects:
    """Pictures and, if asked for, paths of a loaded page that can be seen on it."""
    wanted = _SEEN_KINDS if paths_too else _SEEN_KINDS[:1]
    found = PageObjects([], np.zeros((0, 4)))
    width, height = frame.size
    images: list[tuple[Any, Box]] = []
    paths: list[Box] = []
    edges = (ctypes.c_float * 4)()
    at = ctypes.addressof(edges)
    for handle, kind, matrix in _walk(page, limit):
        if handle is None:
            found.truncated = True
            break
        if kind not in wanted:
            continue
        if not _bounds(handle, at, at + 4, at + 8, at + 12):
            continue
        box: Box = tuple(edges)
        if matrix:
            box = _corners(box, matrix)
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            images.append((_as_object(handle), box))
        else:
            paths.append(box)

    def visible(boxes: list[Box]) -> np.ndarray:
        shown = frame.shown(np.nan_to_num(np.array(boxes, dtype=np.float64).reshape(-1, 4)))
        clipped: np.ndarray = np.clip(shown, 0, [width, height, width, height])
        return clipped

    for (handle, _), clipped in zip(images, visible([b for _, b in images]).tolist(), strict=True):
        if clipped[2] > clipped[0] and clipped[3] > clipped[1]:
            found.images.append((handle, tuple(clipped)))
    shown = visible(paths)
    found.paths = shown[(shown[:, 2] > shown[:, 0]) | (shown[:, 3] > shown[:, 1])]
    return found


def encode_png(pixels: np.ndarray) -> bytes:
    """PNG of (height, width) grey or (height, width, 3) RGB bytes; two-valued grey takes one bit a pixel.

    Written here because the bytes name the image: they must not change with the compressor that an
    imaging library happens to bundle. Python's own zlib gives the same stream everywhere.
    """
    height, width = pixels.shape[:2]
    colour, depth = (2, 8) if pixels.ndim == 3 else (0, 8)
    if colour == 0 and bool(np.all((pixels == 0) | (pixels == 255))):
        lines, depth, step = np.packbits(pixels > 0, axis=1), 1, 1
    else:
        lines, step = pixels.reshape(height, -1), (3 if colour else 1)
    tag = np.zeros((height, 1), dtype=np.uint8)
    if depth == 8:
        left = lines.copy()
        left[:, step:] -= lines[:, :-step]
        # one filter for the whole picture: photographs shrink by a third with "Sub", drawings without
        if (
            np.abs(left.view(np.int8)[::8].astype(np.int16)).sum()
            < np.abs(lines.view(np.int8)[::8].astype(np.int16)).sum()
        ):
            lines, tag = left, tag + 1
    body = zlib.compress(np.concatenate([tag.astype(np.uint8), lines], axis=1).tobytes(), PNG_LEVEL)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def png_image(pixels: np.ndarray) -> Image:
    """An image of (height, width) grey or (height, width, 3) RGB bytes, as PNG."""
    data = encode_png(pixels)
    height, width = pixels.shape[:2]
    return Image(hashlib.sha256(data).hexdigest(), data, len(data), "png", width, height)


def _is_grey(rgb: np.ndarray) -> bool:
    """Whether all three channels are alike; most colour pictures show that they are not in a few rows."""
    return all(
        np.array_equal(part[:, :, 0], part[:, :, 1]) and np.array_equal(part[:, :, 1], part[:, :, 2])
        for part in (rgb[::16], rgb)
    )


def _bytes(bitmap: Any) -> tuple[np.ndarray, int]:
    """Bytes (height, width, channels) of a PDFium bitmap, which is freed, and its format."""
    width, height = pdfium.FPDFBitmap_GetWidth(bitmap), pdfium.FPDFBitmap_GetHeight(bitmap)
    stride, kind = pdfium.FPDFBitmap_GetStride(bitmap), pdfium.FPDFBitmap_GetFormat(bitmap)
    channels = _CHANNELS.get(kind, 0)
    try:
        if not channels:
            raise Lost("PDFium gives it in a form of its own")
        raw = ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), stride * height)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    rows = np.frombuffer(raw, dtype=np.uint8).reshape(height, stride)
    return rows[:, : width * channels].reshape(height, width, channels), kind


def _is_see_through(array: np.ndarray, kind: int) -> bool:
    if kind != pdfium.FPDFBitmap_BGRA:
        return False
    # alpha is the highest byte of a pixel: whole pixels are compared many times as fast as every fourth byte
    return int(np.ascontiguousarray(array).view("<u4").min(initial=0xFFFFFFFF)) < 0xFF000000


def _pixels(array: np.ndarray, kind: int) -> np.ndarray:
    """Grey or RGB bytes of a bitmap's, on white paper."""
    if array.shape[2] == 1:
        return np.ascontiguousarray(array[:, :, 0])
    if _is_see_through(array, kind):
        alpha = array[:, :, 3].astype(np.uint16)
        colours = array[:, :, :3].astype(np.uint16)
        array = ((colours * alpha[:, :, None] + 255 * (255 - alpha[:, :, None]) + 127) // 255).astype(
            np.uint8
        )
    rgb = np.ascontiguousarray(array[:, :, 2::-1])
    return np.ascontiguousarray(rgb[:, :, 0]) if _is_grey(rgb) else rgb


def _filters(handle: Any) -> list[str]:
    names = []
    for index in range(min(pdfium.FPDFImageObj_GetImageFilterCount(handle), 16)):
        buffer = ctypes.create_string_buffer(64)
        pdfium.FPDFImageObj_GetImageFilter(handle, index, buffer, 64)
        names.append(buffer.value.decode("latin-1"))
    return names


def _data(handle: Any, function: Any) -> bytes:
    length = function(handle, None, 0)
    buffer = (ctypes.c_ubyte * length)()
    function(handle, buffer, length)
    return bytes(buffer)


class Lost(Exception):
    """A picture that can't be had; the message says why."""


@dataclass(slots=True)
class ImageReader:
    """Reads the pictures of one document; the same stream on many pages is decoded once.

    Args:
        pdf: the open document.
        payload: its bytes.
        min_side: pictures with a side of fewer pixels are left out.
    """

    pdf: Any
    payload: bytes
    min_side: int
    images: dict[str, Image] = field(default_factory=dict)
    masked_jpegs: int = 0
    _known: dict[bytes, str | None] = field(default_factory=dict)
    _has_masks: bool = field(init=False)

    def __post_init__(self) -> None:
        # a stream's dictionary is never compressed: what the bytes don't name is not there
        self._has_masks = any(key in self.payload for key in _MASK_KEYS)

    def read(self, page: Any, handle: Any) -> str | None:
        """The id of the picture, which is then in `images`; None for one that is too small.

        Raises:
            Lost: it can't be decoded, or is larger than `components.core.images` allows.
        """
        width, height = ctypes.c_uint(), ctypes.c_uint()
        if not pdfium.FPDFImageObj_GetImagePixelSize(handle, width, height):
            raise Lost("it has no size")
        if min(width.value, height.value) < self.min_side:
            return None
        if max(width.value, height.value) > MAX_SIDE or width.value * height.value > MAX_PIXELS:
            raise Lost(f"its dictionary says {width.value}x{height.value} pixels")
        filters = _filters(handle)
        raw = _data(handle, pdfium.FPDFImageObj_GetImageDataRaw)
        key = hashlib.sha256(f"{filters}{width.value}x{height.value}".encode() + raw).digest()
        if key not in self._known:
            self._known[key] = None
            self._known[key] = self._read(page, handle, filters)
        found = self._known[key]
        if found is None:
            raise Lost("the same picture could not be read before")
        return found

    def _read(self, page: Any, handle: Any, filters: list[str]) -> str:
        complex_filters = [f for f in filters if f not in _SIMPLE_FILTERS]
        try:
            if len(complex_filters) == 1 and filters[-1] in _KEPT_FILTERS:
                image = read_image(_data(handle, pdfium.FPDFImageObj_GetImageDataDecoded))
                if self._has_masks and _is_see_through(*self._rendered(page, handle)):
                    self.masked_jpegs += 1
            else:
                image = png_image(self._painted(page, handle))
        except BadRecord as error:
            raise Lost(error.detail or str(error)) from None
        self.images.setdefault(image.id, image)
        return image.id

    def _painted(self, page: Any, handle: Any) -> np.ndarray:
        """The picture's pixels; where it has a mask, as it is seen on white paper."""
        if self._has_masks:
            drawn = self._rendered(page, handle)
            if _is_see_through(*drawn):
                return _pixels(*drawn)
        bitmap = pdfium.FPDFImageObj_GetBitmap(handle)
        if not bitmap:
            raise Lost("PDFium can't decode it")
        return _pixels(*_bytes(bitmap))

    def _rendered(self, page: Any, handle: Any) -> tuple[np.ndarray, int]:
        """The picture drawn at its own size, upright, with its masks applied."""
        own, native = pdfium.FS_MATRIX(), pdfium.FS_MATRIX()
        width, height = ctypes.c_uint(), ctypes.c_uint()
        pdfium.FPDFImageObj_GetImagePixelSize(handle, width, height)
        native.a, native.d = width.value, height.value
        if not pdfium.FPDFPageObj_GetMatrix(handle, own):
            raise Lost("it has no place")
        pdfium.FPDFPageObj_SetMatrix(handle, native)
        try:
            bitmap = pdfium.FPDFImageObj_GetRenderedBitmap(self.pdf, page, handle)
        finally:
            pdfium.FPDFPageObj_SetMatrix(handle, own)
        if not bitmap:
            raise Lost("PDFium can't draw it")
        return _bytes(bitmap)
