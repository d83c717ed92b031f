"""Tests of components.crawl.latex.extractor: whole papers from bytes to items."""

from __future__ import annotations

import gzip
import io
import itertools
import pickle
import tarfile
import time
from pathlib import Path

import PIL.Image as PilImage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.core.errors import BadRecord, Drop
from components.core.records import Extracted
from components.core.sandbox import Sandbox
from components.crawl.latex.extractor import LatexReason, extract_latex
from components.crawl.latex.params import LatexParams

DATA = Path(__file__).parents[2] / "data" / "latex"


def picture(kind: str, color: str = "red", size: tuple[int, int] = (60, 40)) -> bytes:
    out = io.BytesIO()
    PilImage.new("RGB", size, color).save(out, format=kind)
    return out.getvalue()


def tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def paper() -> bytes:
    folder = DATA / "paper"
    files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    files["figs/seed.png"] = picture("PNG", "green")
    files["figs/tree.png"] = picture("PNG", "brown")
    files["figs/plot.pdf"] = picture("PDF", "blue", (144, 72))
    return gzip.compress(tar(files), mtime=0)


def texts(extracted: Extracted) -> list[str]:
    return [item.text for item in extracted.items if item.text is not None]


def body(latex: str, preamble: str = "") -> Extracted:
    source = "\\documentclass{article}\n" + preamble + "\\begin{document}\n" + latex + "\n\\end{document}"
    return extract_latex(source.encode())


@pytest.fixture(scope="module")
def read() -> Extracted:
    return extract_latex(paper())


def test_paper_reads_in_order(read: Extracted) -> None:
    assert read.title == "Growing Tiny Gardens"
    shape = [(item.role, item.level) for item in read.items]
    assert shape == [
        ("heading", 1), ("paragraph", None), ("paragraph", None), ("heading", 2), ("paragraph", None),
        ("heading", 2), ("paragraph", None), ("heading", 2), ("paragraph", None), ("paragraph", None),
        ("figure", None), ("figure", None), ("figure", None), ("paragraph", None), ("paragraph", None),
        ("paragraph", None), ("paragraph", None), ("list", None), ("paragraph", None), ("table", None),
        ("quote", None), ("code", None), ("figure", None),
    ]  # fmt: skip
    assert texts(read)[1] == "Ana Álvarez\nJörg Weiß\nGarden Institute"


def test_paper_text_is_what_a_reader_sees(read: Extracted) -> None:
    whole = "\n".join(texts(read))
    assert "We grow “tiny” gardens — quickly." in whole
    assert (
        "Sprout works on left and right, unlike Moss et al. (2019) or earlier work. "
        "The loss is $\\mathcal{L}(x)$, see Eq. (1) and Figure 1." in whole
    )
    assert "$$\\mathcal{L}(x) = \\frac{1}{2}\\lVert x \\rVert^2$$" in whole
    assert "The tree is in Figure 1b.[^1] It grew." in whole
    assert "Claim 2.1 (Light). Trees need light." in whole and "By Claim 2.1, this follows." in whole
    assert "- water\n  1. rain\n  2. dew\n- soil" in whole
    assert "Plant | Height (cm)\n | 2020 | 2021\nOak | 10 | 20\nTall Fern | 5 | 6" in whole
    assert "grow(x) % kept" in whole
    assert "Hidden" not in whole and "comment" not in whole and "\\cite" not in whole


def test_paper_figures(read: Extracted) -> None:
    shown = [item for item in read.items if item.kind == "image"]
    assert [item.caption for item in shown] == [
        "A seed.", "A tree.", "Growth over time, rendered from a PDF."
    ]  # fmt: skip
    assert [item.image_id for item in shown] == [image.id for image in read.images]
    assert read.images[0].bytes == picture("PNG", "green")
    assert (read.images[2].format, read.images[2].width, read.images[2].height) == ("png", 288, 144)
    assert "From seed to tree." in texts(read)
    assert [note.reason for note in read.notes] == [LatexReason.INPUT_LOOP]


def test_same_bytes_give_the_same_result(read: Extracted) -> None:
    assert extract_latex(paper()) == read


def test_runs_in_the_sandbox(read: Extracted) -> None:
    params = LatexParams()
    with Sandbox(extract_latex, timeout_s=params.timeout_s, memory_bytes=params.memory_bytes) as box:
        assert box.call(paper(), params=params) == read
        with pytest.raises(Drop) as dropped:
            box.call(b"%PDF-1.4 no tex")
    assert dropped.value.reason == LatexReason.NO_LATEX
    assert pickle.loads(pickle.dumps(read)) == read


def test_latex_209_in_latin_1() -> None:
    read = extract_latex((DATA / "old.tex").read_bytes())
    assert read.title == "Old Cafés"
    assert texts(read)[2:] == [
        "Setup", "Bold and emphasised text.",
        "$$\\begin{aligned} a &=& {1\\over2} \\\\ b &=& c \\end{aligned}$$", "where ${3\\over4}$ holds.",
        "A drawing.",
    ]  # fmt: skip
    assert [note.reason for note in read.notes] == [LatexReason.FIGURE_MISSING]


def test_plain_tex() -> None:
    assert texts(extract_latex(gzip.compress((DATA / "plain.tex").read_bytes()))) == [
        "A Plain Note This note is about ${\\bf R}^n$. It cost £5.",
        "A second paragraph.",
        "$$x = {1 \\over2} \\eqno(1)$$",
    ]


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (b"%PDF-1.5 binary", "PDF"),
        (b"%!PS-Adobe-3.0", "PostScript"),
        (b"%auto-ignore\nThis paper has been withdrawn by the author.", "withdrawn"),
        (b"", "no TeX"),
        (tar({"paper.pdf": b"%PDF-1.5"}), "no TeX"),
    ],
)
def test_sources_without_latex_are_dropped(payload: bytes, detail: str) -> None:
    with pytest.raises(Drop) as dropped:
        extract_latex(payload)
    assert dropped.value.reason == LatexReason.NO_LATEX
    assert detail in dropped.value.detail


def test_nothing_to_read_is_dropped() -> None:
    with pytest.raises(Drop) as dropped:
        body("\\label{x} % nothing")
    assert dropped.value.reason == LatexReason.NO_TEXT


@pytest.mark.parametrize(
    "bomb",
    [
        "\\def\\a{\\a}\\a",
        "\\def\\a{x\\a}\\a",
        "\\def\\a{\\b\\b}\\def\\b{\\c\\c}\\def\\c{\\a\\a}\\a",
        "\\newenvironment{q}{\\begin{q}}{\\end{q}}\\begin{q}x\\end{q}",
        "\\def\\a#1{\\a{#1#1}}\\a{x}",
        "".join(f"\\def\\{c}{{\\{d}\\{d}}}" for c, d in itertools.pairwise("abcdefghijklmnopqrstuvw"))
        + "\\def\\w{lol }\\a",
    ],
)  # fmt: skip
def test_macro_bombs_cost_the_macro_not_the_paper(bomb: str) -> None:
    start = time.process_time()
    read = body(bomb + "\n\nThe paper goes on.")
    assert texts(read)[-1].endswith("The paper goes on.")
    assert LatexReason.MACRO_DISABLED in {note.reason for note in read.notes}
    assert time.process_time() - start < 60


def test_work_is_bounded() -> None:
    source = "\\documentclass{article}\\begin{document}" + "\\foo[" * 50_000 + "\\end{document}"
    with pytest.raises(BadRecord) as failed:
        extract_latex(source.encode(), params=LatexParams(max_tokens=1_000_000))
    assert failed.value.reason == LatexReason.TOO_COMPLEX


@pytest.mark.parametrize(
    "opening",
    [
        "{", "\\begin{figure}", "\\begin{tabular}{l}", "\\footnote{", "\\begin{itemize}\\item ", "\\section{",
        "$\\mbox{",
    ],
)  # fmt: skip
def test_deep_nesting_is_linear(opening: str) -> None:
    def seconds(count: int) -> float:
        start = time.process_time()
        body("text " + opening * count)
        return time.process_time() - start

    seconds(100)
    # 8 times the input: a quadratic reader takes 64 times as long
    assert seconds(16_000) < 30 * max(seconds(2_000), 0.02)


SPACED = [" ", "\n\n", "\x00", "\x05", "\\hbox to 3pt", "\\advance\\x by 1"]
COMMANDS = r"""
    \ { } $ $$ & \\ #1 % [ ] ~ ^ é x \if \else \fi \iffalse \ifx \csname
    \endcsname \' \char` \( \) \[ \] \a \b
    \begin{ \end{ \begin{figure} \end{figure} \begin{tabular}{l} \end{tabular} \begin{equation} \end{equation}
    \caption{ \item \begin{itemize} \end{itemize} \section{ \def\a \newcommand{\b}[2][x]{ \let\a\b \footnote{
    \includegraphics{x} \input{main} \verb| \cite{k} \ref{r} \label{r} \subfloat[ \begin{verbatim} \title{
    \multicolumn{2}{c}{ \begin{algorithmic} \State \end{algorithmic} \maketitle \abstract{ \ensuremath{
    \begin{minipage}{1} \end{minipage} \begin{document} \end{document} \documentclass{article}
    \newenvironment{q}{ \begin{q} \end{q} \def\c#1;#2{ \c \tikz \begin{tikzpicture} \end{tikzpicture}
    """
PIECES = st.sampled_from([*SPACED, *COMMANDS.split()])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES | st.text(max_size=6), max_size=60).map("".join))
def test_any_text_ends_in_items_drop_or_bad_record(latex: str) -> None:
    for source in (latex, "\\documentclass{article}\\begin{document}" + latex):
        try:
            read = extract_latex(source.encode("utf-8", "replace"), params=LatexParams(max_tokens=300_000))
        except (Drop, BadRecord):
            continue
        for item in read.items:
            assert item.text is None or (
                item.text.strip() and not set(item.text) & set("\x00\x01\x02\x03\x04\x05\x06")
            )


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_end_in_items_drop_or_bad_record(payload: bytes) -> None:
    for prefix in (b"", b"\x1f\x8b\x08", b"PK\x03\x04"):
        try:
            extract_latex(prefix + payload)
        except (Drop, BadRecord):
            continue


@pytest.mark.corpora
def test_real_papers(corpora: Path) -> None:
    sources = corpora / "latex" / "sources"
    attention = extract_latex((sources / "1706.03762.tar.gz").read_bytes())
    assert attention.title == "Attention Is All You Need"
    assert len(attention.images) == 8 and all(i.caption for i in attention.items if i.kind == "image")
    assert "see Table 3 row (E)" in "\n".join(texts(attention))
    thesis = extract_latex((sources / "0005057.tar.gz").read_bytes())
    assert len(thesis.items) > 500
    assert "Definition 2.1 (Almost Locality)." in "\n".join(texts(thesis))
