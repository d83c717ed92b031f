"""Speed and pictures of the PDF reader beside pdfplumber, on the same files.

    python benchmarks/pdf_speed.py CORPUS [--rounds 5] [--max-pages 20]

CORPUS holds PDF files anywhere below it. Ours gives blocks in reading order with boxes and the bytes of
every picture; it is also timed with the rendering of drawings, which the peer does not do. pdfplumber gives
lines with boxes and each picture's decoded stream. Both read the same files from memory, one after the
other in alternating rounds of one process; files that either can't read, and longer ones, are left out and
counted. Bars: 15 times pdfplumber's pages a CPU-second, and 0.98 of its pictures found with their bytes.

A picture is counted for each place on a page where pdfplumber's `page.images` has it: inline pictures,
masks and repeated pictures included. It is found if ours shows a picture with bytes on that page whose box
covers half of it, or lists its bytes as lying behind the text. Pictures outside the page, with a side below
3 pixels (rules, shadows), or on pages without any text (which MINT-1T leaves out) are left out by rule;
they are counted apart.
"""

from __future__ import annotations

import argparse
import io
import logging
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pdfplumber

from components.core.errors import BadRecord, Drop
from components.core.records import Extracted
from components.crawl.pdf.extractor import PdfParams, extract_pdf

BAR_SPEED, BAR_IMAGES = 15.0, 0.98
MIN_SIDE = PdfParams().min_image_side


def ours(payload: bytes) -> Extracted:
    return extract_pdf(payload)


def without_drawings(payload: bytes) -> Extracted:
    return extract_pdf(payload, params=PdfParams(render_vector_figures=False))


def theirs(payload: bytes) -> int:
    """Lines and picture bytes of every page; the number of both."""
    found = 0
    with pdfplumber.open(io.BytesIO(payload)) as pdf:
        for page in pdf.pages:
            found += len(page.extract_text_lines(return_chars=False))
            found += sum(len(image["stream"].get_data() or b"") > 0 for image in page.images)
            page.close()
    return found


def cpu(call: Callable[[bytes], Any], payloads: list[bytes]) -> float:
    start = time.process_time()
    for payload in payloads:
        call(payload)
    return time.process_time() - start


def placed(payload: bytes) -> tuple[list[tuple[int, tuple[float, ...], bool]], int]:
    """pdfplumber's pictures as (page, box on the page, whether a rule leaves it out), and the pages."""
    found = []
    with pdfplumber.open(io.BytesIO(payload)) as pdf:
        for number, page in enumerate(pdf.pages, start=1):
            blank = not any(char["text"].strip() for char in page.chars)
            x, y = page.bbox[:2]
            for image in page.images:
                box = (image["x0"] - x, image["top"] - y, image["x1"] - x, image["bottom"] - y)
                outside = box[2] <= 0 or box[3] <= 0 or box[0] >= page.width or box[1] >= page.height
                shown = (
                    max(box[0], 0.0),
                    max(box[1], 0.0),
                    min(box[2], float(page.width)),
                    min(box[3], float(page.height)),
                )
                small = min(image["srcsize"]) < MIN_SIDE
                found.append((number, shown, bool(blank or outside or small)))
            page.close()
        return found, len(pdf.pages)


def covers(mine: tuple[float, ...], other: tuple[float, ...]) -> bool:
    width = min(mine[2], other[2]) - max(mine[0], other[0])
    height = min(mine[3], other[3]) - max(mine[1], other[1])
    area = max(other[2] - other[0], 0.1) * max(other[3] - other[1], 0.1)
    return width > 0 and height > 0 and width * height >= 0.5 * area


def pictures(files: dict[Path, bytes]) -> bool:
    counts: Counter[str] = Counter()
    for path, payload in files.items():
        extracted = ours(payload)
        boxes: dict[int, list[tuple[float, ...]]] = {}
        with_bytes = {image.id for image in extracted.images if image.bytes}
        for item in extracted.items:
            if item.kind == "image" and item.image_id in with_bytes and item.bbox and item.page:
                boxes.setdefault(item.page, []).append(item.bbox)
        missed = 0
        for page, box, left_out in placed(payload)[0]:
            if left_out:
                counts["left out by rule"] += 1
            elif any(covers(mine, box) for mine in boxes.get(page, [])):
                counts["found"] += 1
            else:
                counts["missed"] += 1
                missed += 1
        if missed:
            print(f"  {missed} missed in {path.name}")
    wanted = counts["found"] + counts["missed"]
    share = counts["found"] / max(wanted, 1)
    verdict = "held" if share >= BAR_IMAGES else "MISSED"
    print(
        f"pictures: pdfplumber has {counts.total()}, {counts['left out by rule']} of them "
        f"left out by rule; of the other {wanted}, {counts['found']} found with bytes: {share:.3f} "
        f"(bar {BAR_IMAGES}: {verdict})"
    )
    return share >= BAR_IMAGES


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-pages", type=int, default=20, help="pages of the longest file that is read")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # pdfminer's, of damaged files
    files: dict[Path, bytes] = {}
    outcomes: Counter[str] = Counter()
    pages = 0
    for path in sorted(arguments.corpus.rglob("*.pdf")):
        payload = path.read_bytes()
        try:
            count = placed(payload)[1]
            if count > arguments.max_pages:
                outcomes["too long"] += 1
                continue
            ours(payload)
            theirs(payload)
        except (BadRecord, Drop) as error:
            outcomes[f"ours: {error.reason}"] += 1
        except Exception as error:  # noqa: BLE001 - whatever the peer raises, the file is not compared
            outcomes[f"pdfplumber: {type(error).__name__}"] += 1
        else:
            files[path] = payload
            pages += count
    print(f"{len(files)} files, {pages} pages; left out: {dict(outcomes)}")
    payloads = list(files.values())
    sides = {"kalemint": without_drawings, "kalemint, drawings rendered": ours, "pdfplumber": theirs}
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(arguments.rounds):
        for name, side in sides.items():
            spent[name].append(cpu(side, payloads))
    for name, seconds in spent.items():
        print(f"{name}: {pages / statistics.median(seconds):.1f} pages a CPU-second")
    ratio, drawing = (
        statistics.median(spent["pdfplumber"]) / statistics.median(spent[name]) for name in list(sides)[:2]
    )
    print(f"ratio of medians, drawings rendered: {drawing:.1f}")
    print(f"ratio of medians: {ratio:.1f} (bar {BAR_SPEED}: {'held' if ratio >= BAR_SPEED else 'MISSED'})")
    return 0 if pictures(files) and ratio >= BAR_SPEED else 1


if __name__ == "__main__":
    sys.exit(main())
