"""Second half of the filter: hold the stored scores against thresholds."""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core.columns import flat_items, with_items
from components.core.stage import Output, Stage, Unit
from components.filter.facts import text_facts
from components.filter.image_items import by_rules, first_objection, image_items, judge_images
from components.filter.judge import Judgement, apply
from components.filter.params import DecideParams
from components.filter.pii import redact
from components.filter.reasons import FilterReason
from components.filter.rules import COUNT_RULES, IMAGE_RULES, QUALITY_RULES, TEXT_RULES
from components.filter.rules.base import DocumentFacts, TextFacts
from components.filter.texts import texts_of


class DecideStage(Stage[DecideParams]):
    """Drops documents and takes lines and images out of them, by the rules of `components.filter.rules`.

    In this order: text rules, all documents at a time; image rules, for each image of a document that
    is still wanted; images that the document has shown before; rules on the number of images left;
    personal data in what is kept is replaced.
    The first objection drops the document (or takes out the line, the text or the image) and is its
    ledger line; what was taken out of a text is one line a document and reason.

    No score is computed here: rules that judge what line edits leave sum up scores of lines.
    """

    name = "decide"
    version = "2"
    consumes = {"documents": "documents/1", "item_scores": "item_scores/1"}
    produces = {"documents": "documents/1"}
    reasons = FilterReason
    imports = ("components.filter.text_edits",)
    sides = {"item_scores": "aligned"}

    def run(self, unit: Unit, out: Output) -> None:
        """Judge one shard of annotated documents.

        Raises:
            ConfigurationError: where the documents were not annotated.
        """
        table = unit.tables["documents"]
        if not table.num_rows:
            out.keep("documents", table)
            return
        from components.filter.text_edits import edited

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
        _tell_removals(judgement, facts, kept, about, out)
        table = with_items(table, wanted_items & wanted_texts).filter(pa.array(kept))
        out.keep("documents", self._redact(table, out))

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

    def _redact(self, table: pa.Table, out: Output) -> pa.Table:
        """The documents without personal data in their texts, alternative texts and captions."""
        items, offsets = flat_items(table)
        about = _Records(table)
        replaced: dict[str, npt.NDArray[np.int64]] = {}
        new: dict[str, pa.Array] = {}
        for name in ("text", "alt", "caption"):
            redaction = redact(items.field(name), self.params)
            for kind, counts in redaction.counts.items():
                sums = np.concatenate([[0], np.cumsum(counts)])
                by_document = np.diff(sums[offsets])
                replaced[kind] = replaced.get(kind, 0) + by_document
            if redaction.texts is not items.field(name):
                new[name] = redaction.texts
        for row, kind, number in sorted(
            (row, kind, int(counts[row]))
            for kind, counts in replaced.items()
            for row in np.flatnonzero(counts).tolist()
        ):
            out.count(f"{kind}_replaced", number)
            out.change(
                about.ids[row], _REDACTED[kind], detail=f"{number} replaced", locator=about.locator(row)
            )
        if not (replaced and new):
            return table
        from components.filter.text_edits import with_item_fields

        return with_item_fields(table, new)


_REDACTED: Final = {
    "emails": FilterReason.EMAIL_REPLACED,
    "ips": FilterReason.IP_REPLACED,
    "phones": FilterReason.PHONE_REPLACED,
}


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


def _tell_removals(
    judgement: Judgement, facts: TextFacts, kept: npt.NDArray[np.bool_], about: _Records, out: Output
) -> None:
    """One ledger line for each document that is kept and each reason why a part of its text is out."""
    lines = facts.lines
    whole = np.bincount(lines.row, lines["characters"] + lines["cut"], lines.documents)
    found: list[tuple[int, FilterReason, float, float | None, str]] = []
    for removal, taken, sizes in judgement.removals:
        out.count(f"{removal.what}_removed", len(taken))
        rows = (lines if removal.what == "lines" else facts.items).row[taken]
        numbers = np.bincount(rows, minlength=lines.documents)
        characters = np.bincount(rows, sizes, lines.documents)
        for row in np.flatnonzero((numbers > 0) & kept).tolist():
            detail = f"{numbers[row]} {removal.what}, {int(characters[row])} of {int(whole[row])} characters"
            found.append((row, removal.reason, characters[row], removal.threshold, detail))
    cited = lines.left & (lines["cut"] > 0)
    cuts = np.bincount(lines.row[cited], lines["cut"][cited], lines.documents)
    for row in np.flatnonzero((cuts > 0) & kept).tolist():
        found.append((row, FilterReason.CITATIONS, cuts[row], None, f"{int(cuts[row])} characters"))
    for row, reason, size, threshold, detail in sorted(found, key=itemgetter(0)):
        out.change(
            about.ids[row],
            reason,
            detail=detail,
            score=round(size / max(whole[row], 1), 6),
            threshold=threshold,
            locator=about.locator(row),
        )
