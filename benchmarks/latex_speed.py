"""Speed of the LaTeX extractor beside pylatexenc, and whether figures stand where the source has them.

    python benchmarks/latex_speed.py FOLDER [--limit SECONDS] [--rounds 5]

FOLDER holds what ArXiv serves (.tar.gz, .tar, .gz, .tex). For the speed both sides get the TeX of each
paper and no figures: pylatexenc reads no archives, follows no inputs and renders no figures, so it gets
the main file's text. A paper that takes it longer than the limit counts with the limit, so the ratio is a
lower bound. CPU-seconds, alternating rounds. Bars: 30 times pylatexenc, and no source over 2 s.

Figures: each `\\includegraphics` of a paper's text (inputs followed, comments left out) against the images
of our items with the figures' bytes: how many there are, and how many come in the same order under the same
heading.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import posixpath
import re
import signal
import statistics
import tarfile
import time
from collections import Counter
from pathlib import Path

from components.core.errors import BadRecord, Drop
from components.core.sandbox import Sandbox
from components.crawl.latex.archive import SourceFiles, open_source
from components.crawl.latex.extractor import extract_latex
from components.crawl.latex.params import ArchiveParams, LatexParams
from components.crawl.latex.project import Project

BAR_SPEED, BAR_SECONDS = 30.0, 2.0
_COMMENT = re.compile(r"(?<!\\)%[^\n]*|\\begin\{comment\}.*?\\end\{comment\}", re.DOTALL)
_INPUT = re.compile(r"\\(?:input|include|subfile)\s*\{([^{}\n]+)\}")
_MARK = re.compile(
    r"\\begin\{(?P<abstract>abstract)\}|"
    r"\\(?P<heading>chapter|(?:sub)*section|(?:sub)?paragraph)\*?\s*(?:\[[^\]]*\])?\s*\{(?P<title>(?:[^{}]|\{[^{}]*\})*)\}"
    r"|\\includegraphics\*?\s*(?:\[[^\]]*\])?\s*\{|\\(?:psfig|epsfig)\s*\{|\\epsf(?:box|file)\b"
)


def peer(text: str, limit: float) -> float:
    """CPU-seconds that pylatexenc takes; the limit where that is more, or what passed until it gave up."""
    from pylatexenc.latex2text import LatexNodes2Text

    def stop(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGPROF, stop)
    start = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        LatexNodes2Text().latex_to_text(text)
    except TimeoutError:
        return limit
    except Exception:  # noqa: BLE001 - one paper it can't parse; it counts with what it took until then
        return time.process_time() - start
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return time.process_time() - start


def archive(files: SourceFiles, prefix: str, *, figures: bool) -> bytes:
    """A tar of one paper's files, with or without its figures."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in files.sizes:
            if name.startswith(prefix) and (figures or name.endswith((".tex", ".sty", ".bbl"))):
                info = tarfile.TarInfo(name)
                data = files.read(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def papers(folder: Path) -> list[tuple[str, bytes, str]]:
    """(name, tar of the TeX files alone, text of the main file); a source of several papers is split."""
    return [
        (name, archive(files, prefix, figures=False), project.text(project.main))
        for name, files, prefix, project in projects(folder)
    ]


def projects(folder: Path) -> list[tuple[str, SourceFiles, str, Project]]:
    found = []
    for path in sorted(folder.iterdir()):
        files = open_source(path.read_bytes(), ArchiveParams())
        mains = [name for name in files.sizes if name.endswith("main.tex") and "/" in name]
        for prefix in sorted({name.split("/")[0] + "/" for name in mains}) if len(mains) > 1 else [""]:
            with contextlib.suppress(Drop, BadRecord):
                tex = open_source(archive(files, prefix, figures=False), ArchiveParams())
                project = Project(tex, LatexParams().max_tex_bytes)
                found.append((f"{path.name} {prefix}".strip(), files, prefix, project))
    return found


def whole_text(project: Project, name: str, depth: int = 0) -> str:
    """A file's text with what it reads in place, without comments."""
    text = _COMMENT.sub("", project.text(name))

    def read(match: re.Match[str]) -> str:
        found = project.resolve(match[1], posixpath.dirname(name))
        return whole_text(project, found, depth + 1) if found and found != name and depth < 8 else ""

    return _INPUT.sub(read, text).partition("\\end{document}")[0] if depth == 0 else _INPUT.sub(read, text)


def plain(title: str) -> str:
    return "".join(re.findall(r"[a-z]+", re.sub(r"\\[A-Za-z]+|\$[^$]*\$", "", title).lower()))


def figures(folder: Path) -> None:
    total: Counter[str] = Counter()
    print(f"{'paper':40} {'in source':>9} {'found':>6} {'under its heading':>18}")
    for name, files, prefix, project in projects(folder):
        body = whole_text(project, project.main)
        body = body[max(body.find("\\begin{document}"), 0) :]
        wanted: list[str] = []
        heading = ""
        for match in _MARK.finditer(body):
            if match["heading"] or match["abstract"]:
                heading = plain(match["title"] or match["abstract"])
            else:
                wanted.append(heading)
        mine: list[str] = []
        heading = ""
        try:
            items = extract_latex(archive(files, prefix, figures=True)).items
        except (Drop, BadRecord):
            items = []
        for item in items:
            if item.role == "heading" and item.level != 1:
                heading = plain(re.sub(r"^[\dA-Z.]+\s", "", item.text or ""))
            elif item.kind == "image":
                mine.append(heading)
        if wanted:
            # titles with macros are spelled otherwise in the source
            pairs = [difflib.SequenceMatcher(None, *pair).ratio() for pair in zip(wanted, mine, strict=False)]
            counts = {
                "source": len(wanted),
                "found": min(len(mine), len(wanted)),
                "placed": sum(ratio >= 0.6 for ratio in pairs),
            }
            total.update(counts)
            print(f"{name:40} {counts['source']:9} {counts['found']:6} {counts['placed']:18}")
    print(f"figures: {total['source']} in the sources, {total['found']} found, {total['placed']} in place")


def verdict(held: bool) -> str:
    return "held" if held else "MISSED"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=float, default=4.0, help="CPU-seconds of pylatexenc for one paper")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    figures(arguments.folder)
    given = papers(arguments.folder)
    mine: list[dict[str, float]] = []
    others: list[dict[str, float]] = []
    box = Sandbox(peer, timeout_s=arguments.limit * 20, memory_bytes=4 << 30)
    for _ in range(arguments.rounds):
        taken = {}
        for name, payload, _ in given:
            start = time.process_time()
            extract_latex(payload)
            taken[name] = time.process_time() - start
        mine.append(taken)
        others.append({name: box.call(text, arguments.limit) for name, _, text in given})
    box.close()
    for name, _, text in given:
        ours, theirs = (statistics.median(r[name] for r in side) for side in (mine, others))
        late = "+" if theirs >= arguments.limit else ""
        print(f"{name:40} {len(text):8} chars  ours {ours:6.3f} s  pylatexenc {theirs:.2f}{late} s")
    ours, theirs = (statistics.median(sum(r.values()) for r in side) for side in (mine, others))
    late_papers = sum(statistics.median(r[name] for r in others) >= arguments.limit for name, _, _ in given)
    slowest = max(value for taken in mine for value in taken.values())
    ratio = theirs / ours
    print(
        f"{len(given)} papers: ours {ours:.3f} s, pylatexenc {theirs:.2f} s with {late_papers} not finished"
    )
    print(f"ratio of medians: {ratio:.1f} or more (bar {BAR_SPEED}: {verdict(ratio >= BAR_SPEED)})")
    print(f"slowest source: {slowest:.2f} s (bar {BAR_SECONDS}: {verdict(slowest <= BAR_SECONDS)})")


if __name__ == "__main__":
    main()
