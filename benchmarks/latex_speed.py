"""Speed of the LaTeX extractor beside pylatexenc, over a folder of sources.

    python benchmarks/latex_speed.py FOLDER [--limit SECONDS]

FOLDER holds what ArXiv serves (.tar.gz, .tar, .gz, .tex). Both sides get the main file's text and no
figures: pylatexenc reads no archives, follows no inputs and renders no figures. It runs in a child
process that is ended after the limit, for some real papers keep it busy for minutes; a paper it does
not finish counts with the limit, so the ratio is a lower bound.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tarfile
import time
from pathlib import Path

from components.core.errors import BadRecord, Drop
from components.core.sandbox import Sandbox, SandboxReason
from components.crawl.latex.archive import ArchiveParams, open_source
from components.crawl.latex.extractor import LatexParams, extract_latex
from components.crawl.latex.project import Project


def peer(text: str) -> int:
    from pylatexenc.latex2text import LatexNodes2Text

    return len(LatexNodes2Text().latex_to_text(text))


def papers(folder: Path) -> list[tuple[str, bytes, str]]:
    """(name, tar of the TeX files alone, text of the main file); a source of several papers is split."""
    found = []
    for path in sorted(folder.iterdir()):
        files = open_source(path.read_bytes(), ArchiveParams())
        mains = [name for name in files.sizes if name.endswith("main.tex") and "/" in name]
        for prefix in sorted({name.split("/")[0] + "/" for name in mains}) if len(mains) > 1 else [""]:
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w") as archive:
                for name in files.sizes:
                    if name.startswith(prefix) and name.endswith((".tex", ".sty", ".bbl")):
                        info = tarfile.TarInfo(name)
                        data = files.read(name)
                        info.size = len(data)
                        archive.addfile(info, io.BytesIO(data))
            with contextlib.suppress(Drop, BadRecord):
                project = Project(open_source(out.getvalue(), ArchiveParams()), LatexParams().max_tex_bytes)
                found.append((f"{path.name} {prefix}".strip(), out.getvalue(), project.text(project.main)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=float, default=4.0, help="seconds pylatexenc may take for one paper")
    arguments = parser.parse_args()
    try:
        import pylatexenc  # noqa: F401
    except ImportError:
        box = None
        print("pylatexenc is not installed: only our own times")
    else:
        box = Sandbox(peer, timeout_s=arguments.limit, memory_bytes=4 << 30)
    ours = theirs = 0.0
    late = size = 0
    for name, payload, text in papers(arguments.folder):
        start = time.perf_counter()
        items = len(extract_latex(payload).items)
        mine = time.perf_counter() - start
        ours += mine
        size += len(text)
        note = "-"
        if box is not None:
            start = time.perf_counter()
            try:
                box.call(text)
                note = f"{time.perf_counter() - start:.2f} s"
            except BadRecord as error:
                late += error.reason == SandboxReason.TIMEOUT
                note = str(error.reason)
            theirs += time.perf_counter() - start
        print(f"{name:40} {len(text):8} chars  ours {mine:6.3f} s, {items} items  pylatexenc {note}")
    print(f"ours: {size / ours / 1e6:.2f} MB/s, {ours:.2f} s in all")
    if box is not None:
        box.close()
        print(f"pylatexenc: {theirs:.2f} s in all, {late} papers not finished; {theirs / ours:.0f}x or more")


if __name__ == "__main__":
    main()
