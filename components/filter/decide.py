"""Second half of the filter: hold the stored scores against thresholds."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core.columns import flat_items, with_items
from components.core.stage import Output, Stage, Unit
from components.filter.facts import text_facts
from components.filter.image_items import by_rules, first_objection, image_items, judge_images
from components.filter.judge import Judgement, apply
from components.filter.params import DecideParams
from components.filter.reasons import FilterReason
from components.filter.rules import COUNT_RULES, IMAGE_RULES, QUALITY_RULES, TEXT_RULES
from components.filter.rules.base import DocumentFacts, TextFacts
from components.filter.text_edits import edited
from components.filter.texts import texts_of


class DecideStage(Stage[DecideParams]):
    """Drops documents and takes lines and images out of them, by the rules of `components.filter.rules`.

    In this order: text rules, all documents at a time; image rules, for each image of a document that
    is still wanted; images that the document has shown before; rules on the number of images left.
    The first objection drops the document (or takes out the line, the text or the image) and is its
    ledger line; what was taken out of a text is one line a document and reason.

    No score is computed here: rules that judge what line edits leave sum up scores of lines.
    """

    name = "decide"
    version = "2"
    consumes = {"documents": "documents/1", "item_scores": "item_scores/1"}
    produces = {"documents": "documents/1"}
    reasons = FilterReason
    sides = {"item_scores": "aligned"}

    def run(self, unit: Unit, out: Output) -> None:
        """Judge one shard of annotated documents.

        Raises:
            ConfigurationError: where the documents were not annotated.
        """
        table = unit.tables["documents"]
        texts = texts_of(table)
        cut = self.params.c4_remove_citations
        facts = text_facts(table, unit.tables["item_scores"], texts, without_citations=cut)
        judgement = Judgement(np.ones(table.num_rows, np.bool_))
        apply(TEXT_RULES, facts, self.params, judgement, np.ones(table.num_rows, np.bool_))
        prose = ~np.isin(facts.documents.source.astype(str), [*self.params.unfiltered_sources, "image"])
        apply(QUALITY_RULES, facts, self.params, judgement, prose)
        about = _Records(table)
        for row, objection in judgement.dropped():
            detail = objection.detail
            out.drop(
                about.ids[row],
                objection.reason,
                detail=detail if isinstance(detail, str) else detail(row),
                score=None if objection.score is None else float(objection.score[row]),
                threshold=objection.threshold,
                locator=about.locator(row),
            )
        wanted_items, kept = self._judge_images(table, judgement.kept, about, out)
        table, wanted_texts = edited(table, texts, facts, kept & prose, without_citations=cut)
        _tell_changes(judgement, facts, kept, about, out)
        table = with_items(table, wanted_items & wanted_texts)
        out.keep("documents", table.filter(pa.array(kept)))

    def _judge_images(
        self, table: pa.Table, kept: npt.NDArray[np.bool_], about: _Records, out: Output
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which items stay, and which documents, after their images were judged and counted."""
        items, offsets = flat_items(table)
        wanted_items = np.ones(len(items), np.bool_)
        kept = kept.copy()
        sources = table.column("source").to_pylist()
        images = image_items(items, offsets, sources)
        objection = by_rules(IMAGE_RULES, self.params)
        identity = attrgetter("key") if self.params.drop_repeated_images else None
        for row in np.flatnonzero(kept).tolist():
            verdict, removed = judge_images(
                images[row], objection, identity, about.ids[row], about.locator(row), out
            )
            wanted_items[removed] = False
            if verdict is None:
                facts, left = DocumentFacts(sources[row]), len(images[row]) - len(removed)
                verdict = first_objection(rule(facts, left, self.params) for rule in COUNT_RULES)
            if verdict is not None:
                kept[row] = False
                out.drop(
                    about.ids[row],
                    verdict.reason,
                    detail=verdict.detail,
                    score=verdict.score,
                    threshold=verdict.threshold,
                    locator=about.locator(row),
                )
        return wanted_items, kept


class _Records:
    """Ids of the documents, and where each was found."""

    def __init__(self, table: pa.Table) -> None:
        self.ids: list[str] = table.column("id").to_pylist()
        self._table = table

    def locator(self, row: int) -> str:
        """The document's URL, else its place in a file."""
        url, uri, offset = (
            self._table.column(n)[row].as_py() for n in ("url", "source_uri", "source_offset")
        )
        return url or f"{uri}@{offset or 0}"


def _tell_changes(
    judgement: Judgement, facts: TextFacts, kept: npt.NDArray[np.bool_], about: _Records, out: Output
) -> None:
    """One ledger line for each document that is kept and each reason why a part of its text is out."""
    found: dict[tuple[int, str], list[Any]] = {}
    whole = np.bincount(facts.lines.row, facts.lines["characters"], facts.lines.documents)
    for removal, taken in judgement.removals:
        parts = facts.lines if removal.what == "lines" else facts.items
        out.count(f"{removal.what}_removed", len(taken))
        taken = taken[kept[parts.row[taken]]]
        rows, starts, numbers = np.unique(parts.row[taken], return_index=True, return_counts=True)
        if not len(rows):
            continue
        characters = np.add.reduceat(parts["characters"][taken], starts)
        for row, number, size in zip(rows.tolist(), numbers.tolist(), characters.tolist(), strict=True):
            of_all = f"{number} {removal.what}, {size} of {int(whole[row])} characters"
            found[row, removal.reason] = [removal.threshold, of_all, size / max(whole[row], 1)]
    lines = facts.lines
    cited = lines.left & (lines["cut"] > 0) & kept[lines.row]
    cuts = np.bincount(lines.row[cited], lines["cut"][cited], lines.documents)
    for row in np.flatnonzero(cuts).tolist():
        found[row, FilterReason.CITATIONS] = [None, f"{int(cuts[row])} characters", cuts[row] / whole[row]]
    for (row, reason), (threshold, detail, share) in sorted(found.items(), key=lambda pair: pair[0][0]):
        out.change(
            about.ids[row], reason, detail=detail, score=round(float(share), 6), threshold=threshold,
            locator=about.locator(row),
        )  # fmt: skip
