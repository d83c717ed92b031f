"""Bloom deduplication: lines and documents most of whose n-grams were seen before (BFF, as in DCLM)."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.progress import emit
from components.core.stage import Output, Stage, Unit
from components.dedup.bloom_filter import FilterPlan, plan_filter
from components.dedup.params import BloomParams
from components.dedup.reasons import DedupReason
from components.dedup.text import Texts, of_documents
from components.dedup.word_bounds import word_break_classes

I64 = npt.NDArray[np.int64]
_LINE_BREAK = ord("\n")


class BloomStage(Stage[BloomParams]):
    """Finds what was seen before in the same filter, in the order of shards and rows.

    The rules are those of BFF's `old-both` (DCLM, dedup/bff): a paragraph is a line of a text; it is
    a repetition where the share of its n-grams that are in the filter is above the threshold, and the
    n-grams of all other paragraphs are put into the filter, also for what follows in the same
    document. A document is a repetition where that share over all its paragraphs is above the
    threshold; what its paragraphs put into the filter stays there. N-grams never reach over the end of
    a paragraph; a paragraph without any is kept.

    Tokens are those between Unicode word boundaries, punctuation counted and case kept. Different
    from BFF: hashes have a fixed seed, so that a run can be repeated; the filter is split into blocks of
    a cache line; its size follows from the n-grams there are, not from a guess.

    A unit is a span of shards with a filter of its own: repetitions within a span are found, those
    between spans are not, as MINT-1T and DCLM deduplicate within parts of a crawl. The first pass over
    a span counts its n-grams, the second marks. The output lists what is to go and `dedup` drops it:
    nothing to conserve.
    """

    name = "bloom"
    consumes = {"documents": "documents/1"}
    produces = {"drops": "text_drops/1"}
    reasons = DedupReason
    imports = ("components.dedup.bloom_kernel",)
    grouping = "span"
    skipped = "dedup.bloom.enabled is false"
    conserves = False
    partitioned = {"drops": "shard"}
    columns = {"documents": ("id", "items")}

    @property
    def enabled(self) -> bool:
        return self.params.enabled

    @property
    def spans(self) -> int:
        return self.params.filters

    def run(self, unit: Unit, out: Output) -> None:
        """Mark the repetitions of one span; rows are sorted by shard, row, item and line.

        Raises:
            ConfigurationError: where its filter needs more memory than allowed.
        """
        plan = self.plan(unit)
        tell_plan(unit.index, plan)
        plan.refuse_above(self.params.max_memory_bytes)
        words = plan.allocate()
        for shard, documents in unit.stream("documents"):
            self._mark(shard, documents, words, out)
        out.count("filter_bytes", plan.bytes)

    def plan(self, unit: Unit) -> FilterPlan:
        """The filter of a span: sized for all its n-grams, as if none were repeated."""
        from components.dedup.bloom_kernel import count_ngrams

        ngrams = 0
        for _, documents in unit.stream("documents"):
            texts = of_documents(documents)
            tokens = np.empty(_longest(texts), np.uint64)
            ngrams += count_ngrams(
                texts.data, texts.offsets, word_break_classes(), self.params.ngram, self._least, tokens
            )
        return plan_filter(ngrams, self.params.false_positive_rate)

    @property
    def _least(self) -> int:
        return min(self.params.min_ngram, self.params.ngram)

    def _mark(self, shard: int, documents: pa.Table, words: npt.NDArray[np.uint64], out: Output) -> None:
        from components.dedup.bloom_kernel import mark

        texts = of_documents(documents)
        room = _longest(texts)
        most = int(np.count_nonzero(texts.data == _LINE_BREAK)) + len(texts.offsets)
        totals, seen = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
        items, lines = np.empty(most, np.int64), np.empty(most, np.int64)
        shares = np.empty(most, np.float32)
        gone = mark(
            words,
            texts.data,
            texts.offsets,
            texts.bounds,
            word_break_classes(),
            self.params.ngram,
            self._least,
            self.params.threshold,
            seed_of(self.params.seed),
            np.empty(room, np.uint64),
            np.empty(room, np.uint64),
            totals,
            seen,
            items,
            lines,
            shares,
        )
        items, lines, shares = items[:gone], lines[:gone], shares[:gone]
        share = seen / np.maximum(totals, 1)
        whole = share > self.params.threshold
        rows = np.searchsorted(texts.bounds, items, side="right") - 1
        # of a document that goes as a whole, no single line is named
        single = ~whole[rows]
        rows, items, lines, shares = rows[single], items[single], lines[single], shares[single]
        dropped = np.flatnonzero(whole)
        row = np.concatenate([rows, dropped])
        item = np.concatenate([items - texts.bounds[rows], np.full(len(dropped), -1)])
        line = np.concatenate([lines, np.full(len(dropped), -1)])
        score = np.concatenate([shares, share[dropped].astype(np.float32)])
        order = np.lexsort((line, item, row))
        ids = documents.column("id").combine_chunks()
        columns = [
            pa.array(np.full(len(row), shard), pa.int32()),
            pa.array(row[order], pa.int32()),
            ids.take(pa.array(row[order])),
            pa.array(item[order], pa.int32()),
            pa.array(line[order], pa.int32()),
            pa.array(score[order], pa.float32()),
        ]
        out.keep("drops", pa.Table.from_arrays(columns, schema=schemas.get("text_drops/1")))
        out.count("ngrams", int(totals.sum()))
        out.count("ngrams_seen_before", int(seen.sum()))
        out.count("lines_repeated", len(rows))
        out.count("documents_repeated", len(dropped))


def _longest(texts: Texts) -> int:
    """Bytes of the longest text of an item: no line has more tokens than that."""
    return int(np.diff(texts.offsets).max(initial=0))


def seed_of(number: int) -> np.uint64:
    """The 64 bits that the hashes of n-grams are mixed with."""
    digest = hashlib.blake2b(f"bloom/{number}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def tell_plan(span: int, plan: FilterPlan) -> None:
    """Say how large a filter will be, before it takes any memory."""
    emit(
        "bloom_plan",
        step=BloomStage.name,
        span=span,
        ngrams=plan.ngrams,
        bytes=plan.bytes,
        line=(
            f"bloom: filter {span} for {plan.ngrams:,} n-grams at a false positive rate of {plan.rate:g}: "
            f"{plan.bytes:,} bytes"
        ),
    )
