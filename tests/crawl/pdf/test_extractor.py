"""The PDF reader on real files and on files written byte by byte."""

from __future__ import annotations

import hashlib
import io
import pickle
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from components.core.errors import BadRecord, Drop
from components.core.records import Extracted, Item
from components.core.sandbox import Sandbox, SandboxReason
from components.crawl.pdf.extractor import PdfParams, PdfReason, extract_pdf
from components.crawl.pdf.images import encode_png
from tests.crawl.pdf_bytes import CATALOG, document, draw, file_of, image, lines, stream, text

DATA = Path(__file__).parents[2] / "data" / "pdf"
HELLO = text(100, 700, "Hello world")


def texts(found: Extracted) -> list[str]:
    return [item.text for item in found.items if item.text]


def pictures(found: Extracted) -> list[Item]:
    return [item for item in found.items if item.kind == "image"]


def reasons(found: Extracted) -> set[str]:
    return {note.reason for note in found.notes}


def decoded(found: Extracted, index: int = 0) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(found.images[index].bytes))


def jpeg(size: tuple[int, int] = (20, 10)) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def test_two_columns_are_read_one_after_the_other() -> None:
    found = extract_pdf((DATA / "two_columns.pdf").read_bytes())
    whole = "\n".join(texts(found))
    names = (
        "ABSTRACT ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE TEN ELEVEN TWELVE THIRTEEN FOURTEEN FIFTEEN "
    )
    names += "SIXTEEN SEVENTEEN EIGHTEEN NINETEEN TWENTY TWENTYONE TWENTYTWO TWENTYTHREE TWENTYFOUR"
    places = [whole.index(f"{name} ") for name in names.split()]
    assert places == sorted(places)
    # one paragraph a name, also where it goes on in the next column behind a footnote
    worker = [t for t in texts(found) if " worker finds" in t]
    assert len(worker) == 24
    assert all(t.endswith("that a retransmission changes nothing.") for t in worker)
    assert any(t.startswith("1FOOTNOTE") for t in texts(found))
    # ligatures and hyphens of TeX
    assert all(
        "finds an efficient configuration" in t and "flattens" in t and "unfinished file" in t for t in worker
    )
    assert "\u00ad" not in whole
    headings = [(item.text, item.level) for item in found.items if item.role == "heading"]
    assert headings[0] == ("Columns, Footnotes and Ligatures", 1)
    assert [h for h in headings if h[1] == 2] == [("1 Opening", 2), ("2 Middle", 2), ("3 End", 2)]
    assert [item.text for item in found.items if item.role == "list"] == [
        "1. take a shard,",
        "2. write its marker.",
    ]
    assert reasons(found) == {PdfReason.PAGE_NUMBER, PdfReason.RUNNING_HEADER}
    assert "Annals" not in whole
    assert found.title == "Columns, Footnotes and Ligatures"


def test_figures_stand_in_reading_order_with_their_captions() -> None:
    found = extract_pdf((DATA / "spanning_figure.pdf").read_bytes())
    order = [
        item.caption.split(":")[0] if item.caption else item.text.split()[0]
        for item in found.items
        if (item.caption or item.text or "").split()[0]
        in {"ALPHA", "BRAVO", "DELTA", "ECHO", "FOXTROT", "GOLF", "HOTEL", "Figure"}
    ]
    assert order == ["ALPHA", "BRAVO", "Figure 1", "DELTA", "ECHO", "Figure 2", "FOXTROT", "GOLF", "HOTEL"]
    chart, photo = pictures(found)
    assert chart.caption == "Figure 1: Shards committed by each of five runs."
    assert photo.caption == "Figure 2: A gradient across both columns."
    assert (photo.page, photo.width, photo.height) == (2, 240, 160)
    kept = {i.id: i for i in found.images}[photo.image_id or ""]
    assert kept.bytes == (DATA / "gradient.jpg").read_bytes()
    # the bars are blue on white, and their labels are in the picture only
    drawn = PIL.Image.open(io.BytesIO({i.id: i for i in found.images}[chart.image_id or ""].bytes))
    colours = {c for _, c in drawn.getcolors(100_000) or []}
    assert {(255, 255, 255), (51, 102, 153)} <= colours
    assert not any("run 3" in t for t in texts(found))
    assert PdfReason.FIGURE_LABELS in reasons(found)
    table = next(item for item in found.items if item.role == "table")
    assert table.text == "Stage\tShards\tSeconds\nread\t12\t3.5\nfilter\t12\t1.25\ndedup\t8\t0.75"
    assert found.declared_language == "en-GB"
    assert found.title == "Shards that never change"


def test_drawings_are_left_as_text_when_not_asked_for() -> None:
    payload = (DATA / "spanning_figure.pdf").read_bytes()
    found = extract_pdf(payload, params=PdfParams(render_vector_figures=False))
    assert [p.caption for p in pictures(found)] == ["Figure 2: A gradient across both columns."]
    assert any(t.startswith("Figure 1: ") for t in texts(found))


@pytest.mark.parametrize("name", ["two_columns", "spanning_figure"])
def test_the_same_bytes_give_the_same_records(name: str) -> None:
    payload = (DATA / f"{name}.pdf").read_bytes()
    first = extract_pdf(payload)
    assert extract_pdf(payload) == first
    with Sandbox(extract_pdf, timeout_s=60, memory_bytes=PdfParams().memory_bytes) as sandbox:
        assert sandbox.call(payload) == first
    for item in first.items:
        x0, y0, x1, y1 = item.bbox or (0, 0, 0, 0)
        assert 0 <= x0 < x1 <= 613 and 0 <= y0 < y1 <= 843
        assert (item.page or 0) >= 1
    assert all(hashlib.sha256(i.bytes).hexdigest() == i.id for i in first.images)


@pytest.mark.parametrize(
    ("entries", "box"),
    [
        (b"/MediaBox [0 0 600 800]", (100, 100)),
        (b"/MediaBox [0 0 600 800] /CropBox [50 100 600 750]", (50, 50)),
        (b"/MediaBox [-100 -100 600 800]", (200, 100)),
    ],
)
def test_boxes_count_from_the_top_left_of_the_visible_page(entries: bytes, box: tuple[float, float]) -> None:
    [item] = extract_pdf(document([HELLO], page_entries=entries)).items
    x0, y0, x1, y1 = item.bbox or (0, 0, 0, 0)
    assert x0 == pytest.approx(box[0], abs=1)
    assert y0 < box[1] < y1  # the baseline is inside the box
    assert x1 - x0 == pytest.approx(62, abs=6)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_pages_are_read_in_the_direction_of_their_text(turn: int) -> None:
    content = lines(100, 700, ["first line of it", "second line of it", "third line of it"])
    entries = b"/MediaBox [0 0 600 800] /Rotate %d" % turn
    found = extract_pdf(document([content], page_entries=entries))
    assert texts(found) == ["first line of it second line of it third line of it"]
    x0, y0, x1, y1 = found.items[0].bbox or (0, 0, 0, 0)
    width, height = (800, 600) if turn % 180 else (600, 800)
    assert 0 < x0 < x1 < width and 0 < y0 < y1 < height
    assert (x1 - x0 > y1 - y0) is (turn == 180)  # sideways text is higher than wide


def test_hyphens_ligatures_and_running_lines() -> None:
    body = [
        "A sentence about the deter-",
        "mination of a well-known e\x01x, and \x02ow.",
        "A well-",
        "known end.",
    ]
    pages = [
        text(100, 760, "The Running Header")
        + lines(100, 600 - 10 * n, [f"Chapter {'abcd'[n]} opens.", *body])
        + text(290, 40, str(n + 11))
        for n in range(4)
    ]
    found = extract_pdf(document(pages))
    whole = " ".join(texts(found))
    assert whole.count("determination") == 4
    assert whole.count("efix") == 4 or whole.count("efi") == 4
    assert whole.count("flow") == 4
    assert whole.count("well-known") == 8
    assert "Running" not in whole and "14" not in whole
    kinds = {note.reason: note.detail for note in found.notes}
    assert kinds[PdfReason.RUNNING_HEADER] == "4: The Running Header"
    assert kinds[PdfReason.PAGE_NUMBER] == "4: 11; 12; 13"


def test_jpegs_keep_their_bytes_and_repeats_are_one_image() -> None:
    data = jpeg()
    logo = image(20, 10, data, b"/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode", packed=False)
    page = HELLO + draw("Im", 100, 500, 200, 100)
    found = extract_pdf(
        document([page, page, page], resources=b"/XObject << /Im 100 0 R >>", extra={100: logo})
    )
    assert [i.bytes for i in found.images] == [data]
    shown = pictures(found)
    assert [p.page for p in shown] == [1, 2, 3]
    assert {p.image_id for p in shown} == {hashlib.sha256(data).hexdigest()}
    assert shown[0].bbox == (100, 200, 300, 300)


def test_other_images_become_png_with_the_same_pixels() -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    colour = image(9, 7, pixels.tobytes(), b"/ColorSpace /DeviceRGB /BitsPerComponent 8")
    page = HELLO + draw("Im", 100, 500, 90, 70)
    found = extract_pdf(document([page], resources=b"/XObject << /Im 100 0 R >>", extra={100: colour}))
    assert found.images[0].format == "png"
    assert np.array_equal(np.asarray(decoded(found)), pixels)


def test_soft_masks_show_white_paper() -> None:
    pixels = bytes([255, 0, 0]) * 16
    masked = image(4, 4, pixels, b"/ColorSpace /DeviceRGB /BitsPerComponent 8 /SMask 101 0 R")
    mask = image(4, 4, bytes([0] * 8 + [255] * 8), b"/ColorSpace /DeviceGray /BitsPerComponent 8")
    page = HELLO + draw("Im", 100, 500, 40, 40)
    files = {"resources": b"/XObject << /Im 100 0 R >>", "extra": {100: masked, 101: mask}}
    found = extract_pdf(document([page], **files))  # type: ignore[arg-type]
    assert np.asarray(decoded(found))[:, 0].tolist() == [[255, 255, 255]] * 2 + [[255, 0, 0]] * 2
    photo = jpeg((4, 4))
    files["extra"] = {
        100: image(
            4,
            4,
            photo,
            b"/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode /SMask 101 0 R",
            packed=False,
        ),
        101: mask,
    }
    found = extract_pdf(document([page], **files))  # type: ignore[arg-type]
    assert found.images[0].bytes == photo
    assert PdfReason.MASK_LEFT_OUT in reasons(found)


def test_two_valued_images_take_one_bit_a_pixel() -> None:
    rows = np.random.default_rng(3).integers(0, 2, (11, 13), dtype=np.uint8)
    scan = image(13, 11, np.packbits(rows, axis=1).tobytes(), b"/ColorSpace /DeviceGray /BitsPerComponent 1")
    page = HELLO + draw("Im", 100, 500, 130, 110)
    found = extract_pdf(document([page], resources=b"/XObject << /Im 100 0 R >>", extra={100: scan}))
    assert decoded(found).mode == "1"
    assert np.array_equal(np.asarray(decoded(found)), rows.astype(bool))


def _read(png: bytes) -> np.ndarray:
    picture = PIL.Image.open(io.BytesIO(png))
    return np.asarray(picture.convert("L") if picture.mode == "1" else picture)


@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (5, 6, 3), (64, 64, 3)])
def test_png_keeps_every_pixel(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    smooth = (np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 256).astype(np.uint8)
    for one in (pixels, smooth):
        assert np.array_equal(_read(encode_png(one)), one)


def test_images_in_forms_are_found_where_they_stand() -> None:
    forms = {
        100: image(
            20, 10, jpeg(), b"/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode", packed=False
        ),
        101: stream(
            draw("Im", 10, 10, 40, 20),
            b"/Type /XObject /Subtype /Form /BBox [0 0 100 100] /Matrix [1 0 0 1 5 5] "
            b"/Resources << /XObject << /Im 100 0 R >> >>",
        ),
        102: stream(
            b"q 1 0 0 1 20 20 cm /In Do Q",
            b"/Type /XObject /Subtype /Form /BBox [0 0 200 200] /Resources << /XObject << /In 101 0 R >> >>",
        ),
    }
    page = HELLO + b"q 2 0 0 2 100 300 cm /Out Do Q\n"
    found = extract_pdf(document([page], resources=b"/XObject << /Out 102 0 R >>", extra=forms))
    [shown] = pictures(found)
    # ((10 + 5 + 20) * 2 + 100, (10 + 5 + 20) * 2 + 300), 80 wide and 40 high
    assert shown.bbox == (170, 390, 250, 430)


def test_bad_images_are_notes_not_failures() -> None:
    objects = {
        100: image(90_000, 90_000, b"x" * 50, b"/ColorSpace /DeviceRGB /BitsPerComponent 8"),
        101: image(
            20,
            10,
            jpeg()[:60],
            b"/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode",
            packed=False,
        ),
        102: image(2, 1, b"\x00" * 6, b"/ColorSpace /DeviceRGB /BitsPerComponent 8"),
    }
    page = HELLO + draw("A", 10, 10, 90, 90) + draw("B", 110, 10, 90, 90) + draw("C", 210, 10, 90, 90)
    found = extract_pdf(
        document([page], resources=b"/XObject << /A 100 0 R /B 101 0 R /C 102 0 R >>", extra=objects)
    )
    assert texts(found) == ["Hello world"]
    assert not found.images and not pictures(found)
    assert reasons(found) == {PdfReason.IMAGE_LOST, PdfReason.IMAGE_TOO_SMALL}
    assert "90000x90000" in next(n.detail for n in found.notes if n.reason == PdfReason.IMAGE_LOST)


def test_pages_without_text_are_left_out() -> None:
    data = image(
        20, 10, jpeg(), b"/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode", packed=False
    )
    scan = draw("Im", 0, 0, 600, 800)
    files = {"resources": b"/XObject << /Im 100 0 R >>", "extra": {100: data}}
    found = extract_pdf(document([HELLO, scan], **files))  # type: ignore[arg-type]
    assert not found.images
    assert [(n.reason, n.detail) for n in found.notes] == [(PdfReason.PAGE_WITHOUT_TEXT, "1: page 2")]
    with pytest.raises(Drop) as drop:
        extract_pdf(document([scan], **files))  # type: ignore[arg-type]
    assert drop.value.reason == PdfReason.NO_TEXT


def test_size_and_pages_are_limited() -> None:
    payload = document([HELLO] * 3)
    with pytest.raises(Drop) as large:
        extract_pdf(payload, params=PdfParams(max_bytes=len(payload) - 1))
    assert (large.value.reason, large.value.score) == (PdfReason.TOO_LARGE, len(payload))
    with pytest.raises(Drop) as long:
        extract_pdf(payload, params=PdfParams(max_pages=2))
    assert (long.value.reason, long.value.score, long.value.threshold) == (PdfReason.TOO_MANY_PAGES, 3, 2)
    assert len(texts(extract_pdf(payload, params=PdfParams(max_pages=3, max_bytes=len(payload))))) == 3
    assert (PdfParams().max_bytes, PdfParams().max_pages) == (50_000_000, 50)


def test_encrypted_files_need_no_password_or_are_dropped() -> None:
    with pytest.raises(Drop) as drop:
        extract_pdf((DATA / "encrypted.pdf").read_bytes())
    assert drop.value.reason == PdfReason.ENCRYPTED
    found = extract_pdf((DATA / "encrypted_no_password.pdf").read_bytes())
    assert texts(found) == ["Only the holder of the key reads this line."]


LOOPING_PAGES = file_of(
    {
        1: CATALOG,
        2: b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        4: b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 4 0 R] /Count 1 >>",
    }
)


def test_the_reason_does_not_depend_on_the_file_before() -> None:
    with pytest.raises(Drop):
        extract_pdf((DATA / "encrypted.pdf").read_bytes())
    with pytest.raises(BadRecord) as caught:  # PDFium's last error is still that of the encrypted file
        extract_pdf(NO_PAGES)
    assert caught.value.reason == PdfReason.NO_PAGES


NO_PAGES = file_of({1: CATALOG, 2: b"<< /Type /Pages /Kids [] /Count 0 >>"})
LYING_COUNT = file_of({1: CATALOG, 2: b"<< /Type /Pages /Kids [] /Count 30 >>"})


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", PdfReason.EMPTY),
        (b"<html>no pdf</html>", PdfReason.NOT_A_PDF),
        (b"%PDF-1.7\n", PdfReason.MALFORMED),
        (b"%PDF-1.7\n" + b"\x00\xff" * 5000, PdfReason.MALFORMED),
        (NO_PAGES, PdfReason.NO_PAGES),
        (LYING_COUNT, PdfReason.MALFORMED),
        (LOOPING_PAGES, PdfReason.MALFORMED),
    ],
)
def test_bad_files_fail_with_their_reason(payload: bytes, reason: PdfReason) -> None:
    start = time.process_time()
    with pytest.raises(BadRecord) as bad:
        extract_pdf(payload)
    assert bad.value.reason == reason
    assert bad.value.detail
    assert time.process_time() - start < 60


def test_a_file_that_was_cut_off_gives_what_is_left_of_it() -> None:
    whole = document([text(100, 700, f"Page number {'abc'[n]}") for n in range(3)])
    # the tail (cross-references) is gone, all objects are there
    found = extract_pdf(whole[: whole.index(b"xref\n")])
    assert texts(found) == ["Page number a", "Page number b", "Page number c"]
    assert PdfReason.REPAIRED in reasons(found)
    ends: set[int | str] = set()
    # the catalog is the first object: pages that are whole are read
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9):
        try:
            ends.add(len(texts(extract_pdf(whole[: int(share * len(whole))]))))
        except (BadRecord, Drop) as bad:
            ends.add(bad.reason)
    assert ends & {1, 2, 3}
    assert PdfReason.MALFORMED in ends or PdfReason.NO_PAGES in ends


def _form(content: bytes, number: int) -> bytes:
    """A form XObject whose name "In" is the object of that number."""
    return stream(
        content,
        b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /In %d 0 R >> >>" % number,
    )


def test_forms_that_draw_themselves_and_deep_nesting_end() -> None:
    chain = {number: _form(b"/In Do", number + 1) for number in range(101, 160)} | {
        160: _form(b"/In Do", 101)
    }
    page = HELLO + b"/Me Do /Deep Do\n"
    resources = b"/XObject << /Me 100 0 R /Deep 101 0 R >>"
    found = extract_pdf(document([page], resources=resources, extra={100: _form(b"/In Do", 100), **chain}))
    assert texts(found) == ["Hello world"]


def test_a_form_bomb_costs_its_time_limit_and_no_more() -> None:
    # PDFium itself unfolds a form that draws itself twice: only the sandbox ends that
    bomb = document(
        [HELLO + b"/Me Do\n"],
        resources=b"/XObject << /Me 100 0 R >>",
        extra={100: _form(b"/In Do /In Do", 100)},
    )
    with Sandbox(extract_pdf, timeout_s=4, memory_bytes=1 << 30) as sandbox:
        with pytest.raises(BadRecord) as bad:
            sandbox.call(bomb)
        assert bad.value.reason in {SandboxReason.TIMEOUT, SandboxReason.OUT_OF_MEMORY, SandboxReason.CRASHED}
        assert texts(sandbox.call(document([HELLO]))) == ["Hello world"]


def test_pages_with_too_much_on_them_are_bounded() -> None:
    many = HELLO + b"".join(b"%d 10 5 5 re f\n" % (i % 500) for i in range(400))
    assert PdfReason.PAGE_TOO_COMPLEX in reasons(
        extract_pdf(document([many]), params=PdfParams(max_objects=100))
    )
    assert reasons(extract_pdf(document([many]))) == set()
    two = document([HELLO, text(100, 700, "x" * 50)])
    found = extract_pdf(two, params=PdfParams(max_characters=20))
    assert texts(found) == ["Hello world"]
    assert PdfReason.PAGE_TOO_COMPLEX in reasons(found)
    crowd = HELLO + b"".join(draw("Im", 10 * i, 10, 9, 9) + draw("Jm", 10 * i, 30, 9, 9) for i in range(5))
    objects = {
        100: image(8, 8, bytes(64), b"/ColorSpace /DeviceGray /BitsPerComponent 8"),
        101: image(8, 8, bytes([99]) * 64, b"/ColorSpace /DeviceGray /BitsPerComponent 8"),
    }
    found = extract_pdf(
        document([crowd], resources=b"/XObject << /Im 100 0 R /Jm 101 0 R >>", extra=objects),
        params=PdfParams(max_images=1),
    )
    assert len(found.images) == 1
    assert PdfReason.TOO_MANY_IMAGES in reasons(found)


def test_watermarks_and_fake_bold_are_read_once_or_not_at_all() -> None:
    slanted = b"BT /F1 40 Tf 0.7 0.7 -0.7 0.7 100 300 Tm (DRAFT) Tj ET\n"
    twice = text(100, 600, "Printed twice") + HELLO + text(100.1, 600, "Printed twice")
    found = extract_pdf(document([slanted + twice]))
    assert sorted(texts(found)) == ["Hello world", "Printed twice"]
    assert PdfReason.SLANTED_TEXT in reasons(found)


def test_the_reader_works_in_a_sandbox_and_within_its_limits() -> None:
    params = PdfParams()
    payload = (DATA / "spanning_figure.pdf").read_bytes()
    with Sandbox(extract_pdf, timeout_s=params.timeout_s, memory_bytes=params.memory_bytes) as sandbox:
        found = sandbox.call(payload, params=params)
        assert len(found.images) == 2
        with pytest.raises(Drop) as drop:
            sandbox.call((DATA / "encrypted.pdf").read_bytes())
        assert drop.value.reason == PdfReason.ENCRYPTED
        with pytest.raises(BadRecord) as bad:
            sandbox.call(LOOPING_PAGES)
        assert bad.value.reason == PdfReason.MALFORMED
        assert len(pickle.dumps(found)) > 1000
    # 81 million pixels out of 200 KB: more than this sandbox lets it have
    bomb = image(9000, 9000, bytes(9000 * 9000 * 3), b"/ColorSpace /DeviceRGB /BitsPerComponent 8")
    page = HELLO + draw("Im", 100, 100, 200, 200)
    payload = document([page], resources=b"/XObject << /Im 100 0 R >>", extra={100: bomb})
    with Sandbox(extract_pdf, timeout_s=60, memory_bytes=1 << 28) as sandbox:
        with pytest.raises(BadRecord) as bad:
            sandbox.call(payload)
        assert bad.value.reason in set(SandboxReason)
        assert texts(sandbox.call(document([HELLO]))) == ["Hello world"]


@pytest.mark.corpora
def test_every_file_of_the_corpus_ends_as_items_or_a_reason(corpora: Path) -> None:
    outcomes: dict[str, str] = {}
    with Sandbox(extract_pdf, timeout_s=120, memory_bytes=1 << 30) as sandbox:
        for path in sorted((corpora / "pdf").rglob("*.pdf")):
            try:
                found = sandbox.call(path.read_bytes())
            except (BadRecord, Drop) as error:
                outcomes[path.name] = str(error.reason)
                continue
            ids = {i.id for i in found.images}
            assert {p.image_id for p in pictures(found)} == ids, path.name
            assert texts(found), path.name
    assert len([o for o in outcomes.values() if o in set(SandboxReason)]) == 0, outcomes
    assert outcomes["tests__pdfs__password-example.pdf"] == PdfReason.ENCRYPTED
    assert outcomes["tests__pdfs__empty.pdf"] == PdfReason.EMPTY
    assert outcomes["009-pdflatex-geotopo__GeoTopo-komprimiert.pdf"] == PdfReason.TOO_MANY_PAGES
    assert len(outcomes) <= 13


@pytest.mark.corpora
def test_real_papers_are_read_by_columns(corpora: Path) -> None:
    def whole(name: str) -> str:
        return "\n".join(texts(extract_pdf((corpora / "pdf" / name).read_bytes())))

    register = whole("pdfplumber/tests__pdfs__federal-register-2020-17221.pdf")
    # the foot of one column and the head of the next
    assert "Soekarno-Hatta International Airport in Jakarta" in register
    assert "jbell" not in register
    arabic = whole("docling/sources/right_to_left_01.pdf")
    assert arabic.startswith("تحسين الإنتاجية وحل المشكلات من خلال البرمجة بلغة R و")
