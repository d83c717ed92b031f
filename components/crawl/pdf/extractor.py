"""PDF -> interleaved texts and images (MINT-1T), with PDFium.

MINT-1T drops files over 50 MB or 50 pages and pages without text, puts texts in order by columns and
anchors an image by its box. This reader does the same, and beyond it keeps captions with their
pictures, removes what repeats on every page, and renders figures that are drawn with paths.

It is split by what is looked at: characters (`text`), objects (`images`), order
(`layout`), paragraphs (`blocks`), margins (`furniture`), drawings and captions
(`figures`), headings and joints between pages (`document`).
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pypdfium2 as pdfium2
import pypdfium2.raw as pdfium

from components.core.errors import BadRecord, Drop
from components.core.records import Extracted, Image, Item
from components.crawl.pdf import document, figures, furniture
from components.crawl.pdf.blocks import Block, blocks_of, text_of, vocabulary
from components.crawl.pdf.images import ImageReader, Lost, PageObjects, page_objects, png_image
from components.crawl.pdf.layout import reading_order
from components.crawl.pdf.params import Notes, PdfParams, PdfReason
from components.crawl.pdf.text import Box, Frame, PageText, Run, read_page, turned

__all__ = ["PdfParams", "PdfReason", "extract_pdf"]

RENDER_DPI: Final = 144
MAX_RENDER_SIDE: Final = 4000
MIN_PART_SIDE: Final = 256
"""Pixels; pictures inside a rendered figure that are smaller are not kept beside it."""

_JUNK_TITLE: Final = re.compile(
    r"(?:untitled.*|microsoft \w+ - .*|.*\.(?:docx?|pdf|tex|dvi|indd|qxd|ps|rtf|pptx?|xlsx?|odt)|"
    r"(?:document|dokument|slide|presentation|powerpoint|layout|print|title)[ \w-]{0,14}|[\W\d_]*)",
    re.IGNORECASE,
)
_CATALOG: Final = re.compile(rb"(?<!\d)(\d{1,9})\s+0\s+obj\s*<<[^>]{0,500}?/Type\s*/Catalog\b")
_NO_PAGES: Final = re.compile(
    rb"/Type\s*/Pages\b[^>]{0,200}/Count\s+0\b|/Count\s+0\b[^>]{0,200}/Type\s*/Pages\b"
)
_LICENSE: Final = re.compile(
    rb"(?:cc:license[^>]{0,80}resource|xmpRights:WebStatement)[\s=\"'>]{1,4}"
    rb"(https?://creativecommons\.org/[^\"'<\s]{1,100})"
)


def _turned_size(size: tuple[float, float], turns: int) -> tuple[float, float]:
    return (size[1], size[0]) if turns % 2 else size


@dataclass(slots=True)
class _Page:
    """One page with text, between reading and layout. Boxes of `runs` are in the upright frame."""

    index: int
    frame: Frame
    text: PageText
    turns: int
    objects: PageObjects
    pictures: list[tuple[str, Box]] = field(default_factory=list)

    @property
    def runs(self) -> list[Run]:
        """Text in the page's main direction."""
        return self.text.runs[self.turns]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the upright frame."""
        return _turned_size(self.frame.size, self.turns)

    def upright(self, boxes: Any) -> np.ndarray:
        """Boxes as shown -> in the upright frame of the main direction."""
        return turned(np.asarray(boxes, dtype=np.float64).reshape(-1, 4), *self.frame.size, -self.turns % 4)


def _has_end(payload: bytes) -> bool:
    return b"%%EOF" in payload[-2048:]


def _parsed(payload: bytes) -> Any:
    """PDFium's document. A file whose end is missing gets a trailer that names its catalog.

    PDFium finds the objects of a damaged file by itself, but not where to begin. Crawls cut files off.
    """
    try:
        return pdfium2.PdfDocument(payload)
    except pdfium2.PdfiumError:
        catalog = None if _has_end(payload) or b"/Encrypt" in payload else _CATALOG.search(payload)
        if not catalog:
            raise
        trailer = b"\nendobj\ntrailer\n<< /Root %s 0 R >>\nstartxref\n0\n%%%%EOF\n"
        return pdfium2.PdfDocument(payload + trailer % catalog.group(1))


@contextmanager
def _opened(payload: bytes) -> Iterator[Any]:
    """The document, or `Drop` / `BadRecord` with the reason."""
    if not payload:
        raise BadRecord(PdfReason.EMPTY, "the file has no bytes")
    if b"%PDF-" not in payload[:1024]:
        raise BadRecord(PdfReason.NOT_A_PDF, f"it starts with {payload[:8]!r}")
    try:
        pdf = _parsed(payload)
    except pdfium2.PdfiumError as error:
        # PDFium's last error outlives the file it was about, so the file must say it, too
        if b"/Encrypt" in payload and error.err_code in (
            pdfium.FPDF_ERR_PASSWORD,
            pdfium.FPDF_ERR_SECURITY,
        ):
            raise Drop(PdfReason.ENCRYPTED, "it needs a password") from None
        if _NO_PAGES.search(payload):
            raise BadRecord(PdfReason.NO_PAGES, "its page tree has no pages") from None
        cut = "" if _has_end(payload) else ": it has no end, so it may be cut off"
        raise BadRecord(PdfReason.MALFORMED, f"PDFium can't read its structure{cut}") from None
    try:
        yield pdf
    finally:
        pdf.close()


@contextmanager
def _loaded(pdf: Any, index: int) -> Iterator[Any]:
    page = pdfium.FPDF_LoadPage(pdf, index)
    try:
        yield page
    finally:
        if page:
            pdfium.FPDF_ClosePage(page)


def _frame(page: Any) -> Frame:
    box = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page, box)
    return Frame(box.left, box.bottom, box.right, box.top, pdfium.FPDFPage_GetRotation(page) % 4)


def _page_text(page: Any, frame: Frame, limit: int) -> PageText | None:
    """Text of a page; None where it has more characters than the limit."""
    text_page = pdfium.FPDFText_LoadPage(page)
    if not text_page:
        return PageText({})
    try:
        count = pdfium.FPDFText_CountChars(text_page)
        if count > limit:
            return None
        return read_page(ctypes.cast(text_page, ctypes.c_void_p).value or 0, count, frame)
    finally:
        pdfium.FPDFText_ClosePage(text_page)


def _read_pictures(page: Any, read: _Page, reader: ImageReader, limit: int, notes: Notes) -> None:
    for handle, box in read.objects.images:
        where = f"page {read.index + 1}"
        if len(reader.images) >= limit:
            notes.add(PdfReason.TOO_MANY_IMAGES, where)
            continue
        try:
            image_id = reader.read(page, handle)
        except Lost as error:
            notes.add(PdfReason.IMAGE_LOST, f"{where}: {error}")
            continue
        if image_id is None:
            notes.add(PdfReason.IMAGE_TOO_SMALL, where)
        elif (image_id, box) not in read.pictures:
            read.pictures.append((image_id, box))
    read.objects.images = []  # handles end with the page


def _read_pages(pdf: Any, reader: ImageReader, params: PdfParams, notes: Notes) -> list[_Page]:
    """Pages with text, with their pictures."""
    pages: list[_Page] = []
    unreadable = 0
    for index in range(len(pdf)):
        where = f"page {index + 1}"
        with _loaded(pdf, index) as page:
            if not page:
                notes.add(PdfReason.PAGE_UNREADABLE, where)
                unreadable += 1
                continue
            frame = _frame(page)
            text = _page_text(page, frame, params.max_characters)
            if text is None:
                notes.add(PdfReason.PAGE_TOO_COMPLEX, f"{where}: over {params.max_characters} characters")
                continue
            for reason, amount in (
                (PdfReason.UNMAPPED_TEXT, text.unmapped),
                (PdfReason.SLANTED_TEXT, text.slanted),
                (PdfReason.OVERPRINTED_TEXT, text.repeated),
            ):
                if amount:
                    notes.add(reason, where, amount)
            if not text.runs:
                notes.add(PdfReason.PAGE_WITHOUT_TEXT, where)
                continue
            turns = max(text.runs, key=lambda t: (sum(len(r.text) for r in text.runs[t]), -t))
            objects = page_objects(page, frame, params.max_objects, paths_too=params.render_vector_figures)
            if objects.truncated:
                notes.add(PdfReason.PAGE_TOO_COMPLEX, f"{where}: over {params.max_objects} objects")
            read = _Page(index, frame, text, turns, objects)
            _read_pictures(page, read, reader, params.max_images, notes)
            pages.append(read)
    if unreadable == len(pdf):
        raise BadRecord(PdfReason.MALFORMED, "none of its pages can be read")
    return pages


def _remove_furniture(pages: Sequence[_Page], notes: Notes) -> None:
    found = furniture.find([p.runs for p in pages], [p.size[1] for p in pages])
    if sum(len(runs) for _, _, runs, _ in found) == sum(len(p.runs) for p in pages):
        return  # a document of one line a page would be left with nothing
    gone: set[int] = set()
    for kind, _, runs, text in found:
        notes.add(PdfReason(kind), text[:100])
        gone.update(id(r) for r in runs)
    sideways = [[r for t, runs in sorted(p.text.runs.items()) if t != p.turns for r in runs] for p in pages]
    for run in (r for runs in furniture.find_sideways(sideways) for r in runs):
        notes.add(PdfReason.RUNNING_SIDEWAYS, run.text[:100])
        gone.add(id(run))
    for page in pages:
        page.text.runs = {t: [r for r in runs if id(r) not in gone] for t, runs in page.text.runs.items()}


def _render(page: Any, box: Box, size: tuple[float, float], turns: int) -> np.ndarray:
    """RGB pixels of a part of a page, `turns` clockwise quarter turns of the text undone.

    Fonts that the file does not embed are PDFium's own or the system's: then, and only then, the bytes
    depend on the machine.
    """
    longest = max(box[2] - box[0], box[3] - box[1], 1.0)
    scale = min(RENDER_DPI / 72, MAX_RENDER_SIDE / longest)
    width, height = max(round((box[2] - box[0]) * scale), 1), max(round((box[3] - box[1]) * scale), 1)
    bitmap = pdfium2.PdfBitmap.new_native(width, height, pdfium.FPDFBitmap_BGRx)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        place = (
            round(-box[0] * scale),
            round(-box[1] * scale),
            round(size[0] * scale),
            round(size[1] * scale),
        )
        pdfium.FPDF_RenderPageBitmap(bitmap, page, *place, -turns % 4, 0)
        return np.ascontiguousarray(bitmap.to_numpy()[:, :, 2::-1])
    finally:
        bitmap.close()


def _is_part(image: Image) -> bool:
    """Whether a picture inside a drawing says nothing alone."""
    return min(image.width, image.height) < MIN_PART_SIDE


def _add_drawings(pdf: Any, page: _Page, reader: ImageReader, notes: Notes) -> None:
    """Render the figures drawn with paths; labels and small pictures in them leave text and pictures."""
    boxes: list[Box] = [tuple(b) for b in page.upright([b for _, b in page.pictures]).tolist()]
    found = figures.drawings(page.runs, page.upright(page.objects.paths), boxes, page.size)
    if not found:
        return
    parts: set[int] = set()
    with _loaded(pdf, page.index) as handle:
        if not handle:
            return
        for drawing in found:
            image = png_image(_render(handle, drawing.box, page.size, page.turns))
            reader.images.setdefault(image.id, image)
            shown = turned(np.array([drawing.box]), *page.size, page.turns)[0]
            page.pictures.append((image.id, tuple(shown.tolist())))
            small = [i for i in drawing.parts if _is_part(reader.images[page.pictures[i][0]])]
            parts.update(small)
            if small:
                notes.add(PdfReason.FIGURE_PARTS, f"page {page.index + 1}", len(small))
            if drawing.labels:
                notes.add(PdfReason.FIGURE_LABELS, f"page {page.index + 1}", len(drawing.labels))
    page.pictures = [p for i, p in enumerate(page.pictures) if i not in parts]
    page.text.runs[page.turns] = figures.without(page.runs, found)


def _blocks(page: _Page) -> list[Block]:
    """Blocks of a page in reading order: text in the main direction first, then sideways text."""
    boxes = [
        (key, tuple(box)) for key, box in enumerate(page.upright([b for _, b in page.pictures]).tolist())
    ]
    width, height = page.size
    placed, behind = figures.as_figures(boxes, page.runs, width * height)
    blocks = [Block("figure", [], boxes[key][1], figure=key) for key in behind]
    for region in reading_order([*page.runs, *placed]):
        blocks += blocks_of(region)
    shown: list[Block] = []
    for turns, group in [(page.turns, blocks)] + [
        (turns, [b for region in reading_order(runs) for b in blocks_of(region)])
        for turns, runs in sorted(page.text.runs.items())
        if turns != page.turns
    ]:
        size = _turned_size(page.frame.size, turns)
        for block in group:
            if block.figure is not None:
                block.box = boxes[block.figure][1]  # the layout saw it a little smaller
            block.box = tuple(turned(np.array([block.box]), *size, turns)[0].tolist())
            block.page = page.index + 1
        shown += group
    return shown


def _items(blocks: Sequence[Block], pages: Sequence[_Page], reader: ImageReader) -> list[Item]:
    by_number = {p.index + 1: p for p in pages}
    items: list[Item] = []
    for block in blocks:
        x0, y0, x1, y1 = (round(v, 2) for v in block.box)
        if block.figure is not None:
            image = reader.images[by_number[block.page].pictures[block.figure][0]]
            items.append(
                Item(
                    kind="image",
                    role="figure",
                    image_id=image.id,
                    caption=block.caption,
                    page=block.page,
                    bbox=(x0, y0, x1, y1),
                    width=image.width,
                    height=image.height,
                )
            )
        elif block.text:
            items.append(
                Item(
                    kind="text",
                    role=block.role,
                    text=block.text,
                    level=block.level,
                    page=block.page,
                    bbox=(x0, y0, x1, y1),
                )
            )
    return items


def _title(pdf: Any, blocks: Sequence[Block]) -> str | None:
    """The document's title field unless it is a file name or a default; else its first main heading."""
    stated = " ".join((pdf.get_metadata_value("Title") or "").split())
    if stated and not _JUNK_TITLE.fullmatch(stated):
        return stated[:500]
    first = blocks[0].page if blocks else 0
    return next((b.text for b in blocks if b.level == 1 and b.page == first), None)


def _language(pdf: Any) -> str | None:
    length = pdfium.FPDFCatalog_GetLanguage(pdf, None, 0)
    if not 2 < length <= 200:
        return None
    buffer = (ctypes.c_ushort * (length // 2))()
    pdfium.FPDFCatalog_GetLanguage(pdf, buffer, length)
    language = bytes(buffer).decode("utf-16-le", "ignore").rstrip("\0").strip()
    return language if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", language) else None


def extract_pdf(payload: bytes, *, url: str | None = None, params: PdfParams | None = None) -> Extracted:
    """Texts and images of a PDF file in reading order.

    Every item has its page (from 1) and its box in points, origin at the top left of the page as shown.
    A paragraph that goes on in the next column or page is one item, with the box of its first part.
    JPEG and JPEG 2000 images keep their bytes; others become PNG, on white where they have a mask.
    A picture that is shown several times is one image, with an item wherever it stands.

    Args:
        payload: the whole file.
        url: where it came from; not looked at.
        params: limits; those of time and memory are for the caller's sandbox.

    Raises:
        Drop: too large, too many pages, needs a password, no text at all.
        BadRecord: empty, not a PDF, no pages, or PDFium can't read it.
    """
    params = params or PdfParams()
    if len(payload) > params.max_bytes:
        raise Drop(PdfReason.TOO_LARGE, "bytes", float(len(payload)), float(params.max_bytes))
    notes = Notes()
    with _opened(payload) as pdf:
        if len(pdf) > params.max_pages:
            raise Drop(PdfReason.TOO_MANY_PAGES, "pages", float(len(pdf)), float(params.max_pages))
        if not _has_end(payload):
            notes.add(PdfReason.REPAIRED, "it has no end, so it may be cut off")
        reader = ImageReader(pdf, payload, params.min_image_side)
        pages = _read_pages(pdf, reader, params, notes)
        if not pages:
            raise Drop(PdfReason.NO_TEXT, f"{len(pdf)} pages, none with text")
        _remove_furniture(pages, notes)
        layouts: list[list[Block]] = []
        for page in pages:
            if params.render_vector_figures:
                _add_drawings(pdf, page, reader, notes)
            layouts.append(_blocks(page))
        hyphenated = vocabulary(b for layout in layouts for b in layout)
        for layout in layouts:
            for block in layout:
                block.text = text_of(block, hyphenated)
        blocks = [b for layout in layouts for b in figures.attach_captions(layout)]
        document.set_headings(blocks)
        blocks = document.join_paragraphs(blocks, hyphenated)
        items = _items(blocks, pages, reader)
        if not any(item.kind == "text" for item in items):
            raise Drop(PdfReason.NO_TEXT, "nothing that can be read")
        if reader.masked_jpegs:
            notes.add(
                PdfReason.MASK_LEFT_OUT, "JPEG bytes are kept, their soft mask is not", reader.masked_jpegs
            )
        license_url = _LICENSE.search(payload) if b"creativecommons.org/" in payload else None
        shown = {item.image_id for item in items}
        return Extracted(
            items=items,
            images=[image for image in reader.images.values() if image.id in shown],
            title=_title(pdf, blocks),
            declared_language=_language(pdf),
            license=license_url.group(1).decode("latin-1") if license_url else None,
            notes=notes.all(),
        )
