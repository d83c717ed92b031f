"""Compiled loops over PDFium's functions say what the functions say one call at a time."""

import ctypes
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium2
import pypdfium2.raw as pdfium
import pytest

from components.crawl.pdf.characters import characters, measure_runs
from tests.conftest import REPOSITORY


def samples() -> list[Path]:
    return [p for p in sorted((REPOSITORY / "tests" / "data" / "pdf").glob("*.pdf")) if p.stem != "encrypted"]


@pytest.mark.parametrize("path", samples(), ids=lambda p: p.stem)
def test_each_character_and_run(path: Path):
    document = pdfium2.PdfDocument(path.read_bytes())
    try:
        for page in document:
            text = page.get_textpage()
            count = pdfium.FPDFText_CountChars(text)
            address = ctypes.cast(text.raw, ctypes.c_void_p).value
            assert address
            codes, boxes, angles = characters(address, count)
            for index in range(count):
                box = pdfium.FS_RECTF()
                if pdfium.FPDFText_GetLooseCharBox(text, index, box):
                    assert boxes[index].tolist() == [box.left, box.top, box.right, box.bottom]
                assert codes[index] == pdfium.FPDFText_GetUnicode(text, index)
                assert angles[index] == np.float32(pdfium.FPDFText_GetCharAngle(text, index))
            starts = np.arange(0, count, 7)
            stops = np.minimum(starts + 7, count)
            upright = boxes[:, [0, 3, 2, 1]].astype(np.float64)
            places, matrices, fonts = measure_runs(address, upright, np.arange(count), starts, stops)
            for run, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
                typical = start + int(np.argsort(upright[start:stop, 3], kind="stable")[(stop - start) // 2])
                assert places[run].tolist() == [
                    upright[start:stop, 0].min(),
                    upright[typical, 1],
                    upright[start:stop, 2].max(),
                    upright[typical, 3],
                    pdfium.FPDFText_GetFontSize(text, typical),
                ]
                assert fonts[run, ::2].tolist() == [start, typical, stop - 1]
                matrix = pdfium.FS_MATRIX()
                if pdfium.FPDFText_GetMatrix(text, typical, matrix):
                    assert matrices[run].tolist() == [getattr(matrix, name) for name in "abcdef"]
                else:
                    assert not matrices[run].any()
            text.close()
    finally:
        document.close()


def test_there_are_samples():
    assert samples()
