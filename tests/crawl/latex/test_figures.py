"""Tests of components.crawl.latex.figures and of where figures end up in a document."""

from __future__ import annotations

import io
import shutil
import tarfile

import PIL.Image as PilImage
import pytest

from components.core.errors import BadRecord
from components.core.records import Extracted
from components.crawl.latex.archive import SourceFiles
from components.crawl.latex.extractor import LatexReason, extract_latex
from components.crawl.latex.figures import FigureReader, render_pdf, render_postscript
from components.crawl.latex.params import FigureParams

EPS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 10 20 82 56\n"
    b"1 0 0 setrgbcolor 10 20 72 36 rectfill showpage\n%%EOF\n"
)


def picture(kind: str, size: tuple[int, int] = (72, 36)) -> bytes:
    out = io.BytesIO()
    PilImage.new("RGB", size, "red").save(out, format=kind)
    return out.getvalue()


def reader(folders: list[str] | None = None, **files: bytes) -> FigureReader:
    named = {name.replace("__", "/").replace("_", "."): data for name, data in files.items()}
    source = SourceFiles({name: len(data) for name, data in named.items()}, [], named.__getitem__)
    return FigureReader(source, FigureParams(max_figures=3), folders or [])


def paper(latex: str, **files: bytes) -> Extracted:
    out = io.BytesIO()
    named = {name.replace("_", "."): data for name, data in files.items()}
    named["main.tex"] = f"\\documentclass{{article}}\\begin{{document}}{latex}\\end{{document}}".encode()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in named.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return extract_latex(out.getvalue())


def test_files_are_found_as_latex_finds_them() -> None:
    figures = reader(["figs"], figs__a_png=b"", b_PNG=b"", c_pdf=b"", c_png=b"", **{"d_v2_png": b""})
    assert figures.find("a") == "figs/a.png"
    assert figures.find("./figs/a.png") == "figs/a.png"
    assert figures.find("B.png") == "b.PNG"
    assert figures.find("c") == "c.pdf"
    assert figures.find("c.eps") == "c.pdf"
    assert figures.find("d.v2") == "d.v2.png"
    assert figures.find("../a") is None or figures.find("../a") == "figs/a.png"
    assert figures.find("nothing") is None


def test_bitmaps_are_kept_as_they_are() -> None:
    data = picture("JPEG")
    image = reader(a_jpg=data).read("a")
    assert (image.bytes, image.format, image.width, image.height) == (data, "jpeg", 72, 36)


def test_pdf_is_rendered_at_the_resolution_asked_for() -> None:
    data = picture("PDF")
    first = render_pdf(data, 1, FigureParams(figure_dpi=144))
    assert PilImage.open(io.BytesIO(first)).size == (144, 72)
    assert render_pdf(data, 1, FigureParams(figure_dpi=144)) == first
    small = PilImage.open(
        io.BytesIO(render_pdf(data, 1, FigureParams(figure_dpi=600, max_figure_pixels=10_000)))
    )
    assert small.size[0] * small.size[1] <= 10_300


@pytest.mark.skipif(shutil.which("gs") is None, reason="Ghostscript is not installed")
def test_postscript_is_cut_to_its_bounding_box() -> None:
    with PilImage.open(io.BytesIO(render_postscript(EPS, FigureParams(figure_dpi=144)))) as image:
        assert image.size == (144, 72)
        assert image.convert("RGB").getpixel((70, 30)) == (255, 0, 0)


@pytest.mark.skipif(shutil.which("gs") is None, reason="Ghostscript is not installed")
def test_postscript_can_neither_run_for_ever_nor_read_files() -> None:
    params = FigureParams(ghostscript_timeout_s=1.0)
    for program in (b"{} loop", b"(/etc/passwd) (r) file 100 string readstring pop print showpage"):
        with pytest.raises(BadRecord) as failed:
            render_postscript(b"%!PS\n" + program, params)
        assert failed.value.reason == LatexReason.FIGURE_UNREADABLE


def test_without_ghostscript_there_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    read = paper("Text.\\begin{figure}\\epsfig{file=a.eps}\\caption{Cap.}\\end{figure}", a_eps=EPS)
    assert [note.reason for note in read.notes] == [LatexReason.CONVERTER_MISSING]
    assert [item.text for item in read.items] == ["Text.", "Cap."]


@pytest.mark.parametrize(
    ("files", "name", "reason"),
    [
        ({"a_png": b"\x89PNG\r\n\x1a\nbroken"}, "a", LatexReason.FIGURE_UNREADABLE),
        ({"a_pdf": b"%PDF-1.4 broken"}, "a", LatexReason.FIGURE_UNREADABLE),
        ({"a_eps": b"%!PS\n%%BoundingBox: 1.2.3 4 5 6\n"}, "a", LatexReason.FIGURE_UNREADABLE),
        ({}, "a", LatexReason.FIGURE_MISSING),
    ],
)
def test_figures_that_cannot_be_read(files: dict[str, bytes], name: str, reason: LatexReason) -> None:
    if "a_eps" in files and shutil.which("gs") is None:
        pytest.skip("Ghostscript is not installed")
    with pytest.raises(BadRecord) as failed:
        reader(**files).read(name)
    assert failed.value.reason == reason


def test_number_of_figures_is_bounded() -> None:
    figures = reader(**{f"{n}_png": picture("PNG", (n + 1, 1)) for n in range(4)})
    for name in ("0", "1", "2", "0"):
        figures.read(name)
    with pytest.raises(BadRecord) as failed:
        figures.read("3")
    assert failed.value.reason == LatexReason.FIGURE_LIMIT


SHAPES = {
    "two images, one caption": (
        r"\begin{figure}\includegraphics{a}\includegraphics{b}\caption{Both.}\end{figure}",
        [("image", "Both."), ("image", "Both.")],
    ),
    "subfloats": (
        r"\begin{figure}\subfloat[One.]{\includegraphics{a}}\subfloat[Two.]{\includegraphics{b}}\caption{Main.}\end{figure}",
        [("image", "One."), ("image", "Two."), ("figure", "Main.")],
    ),
    "grid in a table": (
        r"\begin{figure}\begin{tabular}{cc}\includegraphics{a}&\includegraphics{b}\\(a)&(b)\end{tabular}\caption{Grid.}\end{figure}",
        [("image", "Grid."), ("image", "Grid."), ("table", "(a) | (b)")],
    ),
    "minipages with captions of their own": (
        r"\begin{figure}\begin{minipage}{1cm}\includegraphics{a}\caption{L.}\end{minipage}"
        r"\begin{minipage}{1cm}\includegraphics{b}\caption{R.}\end{minipage}\end{figure}",
        [("image", "L."), ("image", "R.")],
    ),
    "a figure within a sentence comes after it": (
        "One\n\\begin{wrapfigure}{r}{2cm}\\includegraphics{a}\\caption{C.}\\end{wrapfigure}\nsentence.\n\nNext.",
        [("paragraph", "One sentence."), ("image", "C."), ("paragraph", "Next.")],
    ),
    "an image outside a figure": (
        "Before.\n\n\\includegraphics[width=1cm,alt={A red box}]{a}\n\nAfter.",
        [("paragraph", "Before."), ("image", None), ("paragraph", "After.")],
    ),
    "AASTeX": (
        r"\begin{figure}\plottwo{a}{b}\caption{P.}\end{figure}",
        [("image", "P."), ("image", "P.")],
    ),
    "a drawing": (
        r"Text.\begin{figure}\begin{tikzpicture}\draw (0,0);\end{tikzpicture}\caption{T.}\end{figure}",
        [("paragraph", "Text."), ("figure", "T.")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_where_images_and_captions_go(shape: str) -> None:
    latex, wanted = SHAPES[shape]
    read = paper("Start.\n\n" + latex, a_png=picture("PNG"), b_png=picture("PNG", (10, 10)))
    found = [("image", i.caption) if i.kind == "image" else (i.role, i.text) for i in read.items[1:]]
    assert found == wanted


def test_alternative_text_is_kept() -> None:
    read = paper("Text. \\includegraphics[alt={A red box}]{a}", a_png=picture("PNG"))
    assert [item.alt for item in read.items if item.kind == "image"] == ["A red box"]
