"""Last step of text deduplication: drop duplicates, strip what repeats, list the images still shown."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core.columns import image_refs
from components.core.stage import Output, Stage, Unit
from components.dedup.params import DedupParams
from components.dedup.reasons import DedupReason
from components.dedup.strip import Marked, Stripped, strip_lines
from components.dedup.text import Texts, of_documents


class DropDuplicatesStage(Stage[DedupParams]):
    """Takes out of a shard of documents what the steps before found to be there more than once.

    - Documents that are duplicates of another one: the ledger line names the one that is kept, and the
      run if an earlier one released it.
    - Documents that the Bloom filter has seen before (`repeated_text`), and single lines
      (`repeated_lines`).
    - Boilerplate paragraphs. A document that had text and is left without is dropped:
      `only_boilerplate`, or `repeated_text` where repeated lines were a part of it.

    It also lists the addresses of the images that the remaining documents show, for their download.
    """

    name = "dedup"
    version = "2"
    consumes = {
        "documents": "documents/1",
        "duplicates": "duplicates/1",
        "drops": "text_drops/1",
        "boilerplate": "boilerplate/1",
    }
    produces = {"documents": "documents/1", "image_refs": "image_refs/1"}
    reasons = DedupReason
    imports = ("components.dedup.boilerplate",)
    sides = {"duplicates": "by_shard", "drops": "by_shard", "boilerplate": "all"}
    columns = {"boilerplate": ("key",)}
    partitioned = {"image_refs": "url"}

    def run(self, unit: Unit, out: Output) -> None:
        """Deduplicate one shard of documents."""
        documents = unit.tables["documents"]
        gone = np.zeros(documents.num_rows, np.bool_)
        texts = of_documents(documents)
        ledger = _Ledger(documents, out)
        _drop_duplicates(unit.tables["duplicates"], gone, ledger)
        marked = _repeated(unit.tables["drops"], texts, gone, ledger)
        self._mark_boilerplate(documents, texts, unit.tables["boilerplate"], gone, marked)
        documents, stripped = strip_lines(documents, texts, marked)
        for row, what in stripped.items():
            gone[row] = what.empty
            ledger.stripped(row, what)
        documents = documents.filter(pa.array(~gone))
        ledger.write()
        out.keep("documents", documents)
        out.keep("image_refs", image_refs(documents, unit.index))

    def _mark_boilerplate(
        self,
        documents: pa.Table,
        texts: Texts,
        boilerplate: pa.Table,
        gone: npt.NDArray[np.bool_],
        marked: Marked,
    ) -> None:
        """Mark the lines of the documents that are not gone that are boilerplate and not marked yet."""
        params = self.params.boilerplate
        if not (params.enabled and boilerplate.num_rows):
            return
        from components.dedup.boilerplate import find_lines, scopes

        lines = find_lines(texts, ~gone, scopes(documents, params), params.max_characters)
        hits = np.flatnonzero(np.isin(lines.key, boilerplate.column("key").to_numpy()))
        for part, line in zip(lines.part[hits].tolist(), lines.line[hits].tolist(), strict=True):
            marked.setdefault(part, {}).setdefault(line, DedupReason.BOILERPLATE)


class _Ledger:
    """The lines of one shard, written in the order of its documents."""

    def __init__(self, documents: pa.Table, out: Output) -> None:
        self.ids: list[str] = documents.column("id").to_pylist()
        self._documents, self._out = documents, out
        self._lines: list[tuple[int, str, DedupReason, str, float | None]] = []

    def drop(self, row: int, reason: DedupReason, detail: str, score: float | None = None) -> None:
        self._lines.append((row, "drop", reason, detail, score))

    def stripped(self, row: int, what: Stripped) -> None:
        """A line for each reason for which lines of a document went, or one if nothing is left of it."""
        details = {
            reason: f"{number} paragraphs, {what.characters[reason]} characters"
            for reason, number in sorted(what.lines.items())
        }
        if what.empty:
            only = DedupReason.REPEATED_LINES not in what.lines
            reason = DedupReason.ONLY_BOILERPLATE if only else DedupReason.REPEATED_TEXT
            text = "; ".join(f"{name}: {detail}" for name, detail in details.items())
            self.drop(row, reason, f"no text is left of it ({text})")
            return
        for name, detail in details.items():
            self._lines.append((row, "change", DedupReason(name), f"{detail} taken out", None))

    def write(self) -> None:
        for row, action, reason, detail, score in sorted(self._lines, key=lambda line: line[0]):
            url, uri, offset = (
                self._documents.column(name)[row].as_py() for name in ("url", "source_uri", "source_offset")
            )
            write = self._out.drop if action == "drop" else self._out.change
            write(self.ids[row], reason, detail=detail, score=score, locator=url or f"{uri}@{offset or 0}")


def _positions(ids: list[str], side: pa.Table) -> list[int]:
    """The row of each line of a side table; -1 for that of a document that a retry leaves out."""
    rows, names = side.column("row").to_pylist(), side.column("id").to_pylist()
    if all(row < len(ids) and ids[row] == name for row, name in zip(rows, names, strict=True)):
        return rows
    # Some documents are left out, so the others have moved up. From the end: of two with the same id
    # (a file crawled twice) it is the later one that goes.
    places: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(ids):
        places[name].append(place)
    moved = {
        row: places[name].pop() if places[name] else -1
        for row, name in sorted(set(zip(rows, names, strict=True)), reverse=True)
    }
    return [moved[row] for row in rows]


def _drop_duplicates(duplicates: pa.Table, gone: npt.NDArray[np.bool_], ledger: _Ledger) -> None:
    names = ["duplicate_of", "run", "reason"]
    for row, line in zip(
        _positions(ledger.ids, duplicates), duplicates.select(names).to_pylist(), strict=True
    ):
        if row < 0:
            continue
        gone[row] = True
        reason = DedupReason(line["reason"])
        released = f" of run {line['run']}" if line["run"] else ""
        ledger.drop(row, reason, f"duplicate of {line['duplicate_of']}{released} ({_MEANING[reason]})")


_MEANING = {
    DedupReason.SAME_URL: "a capture of the same address",
    DedupReason.EXACT_TEXT: "an earlier document has the same text",
    DedupReason.NEAR_TEXT: "or of a duplicate of it",
    DedupReason.SEMANTIC_TEXT: "it means nearly the same",
}


def _repeated(drops: pa.Table, texts: Texts, gone: npt.NDArray[np.bool_], ledger: _Ledger) -> Marked:
    """Drop the documents that a Bloom filter has seen before; return the lines it has seen of others."""
    marked: Marked = {}
    columns = (drops.column(name).to_pylist() for name in ("item", "line", "score"))
    for row, item, line, score in zip(_positions(ledger.ids, drops), *columns, strict=True):
        if row < 0 or gone[row]:
            continue
        if item < 0:
            gone[row] = True
            ledger.drop(row, DedupReason.REPEATED_TEXT, "most of its n-grams were seen before", score)
            continue
        part = int(texts.bounds[row]) + item
        numbers = range(texts.part(part).count("\n") + 1) if line < 0 else [line]
        marked.setdefault(part, {}).update(dict.fromkeys(numbers, DedupReason.REPEATED_LINES))
    return marked
