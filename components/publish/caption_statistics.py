"""Numbers on released captions, gathered shard by shard in bounded memory, in any order."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.publish.aggregates import Distribution, Tally

PUBLISHED: Final = {"captions": 218_000_000, "words_per_caption": 67.26}
"""Of BLIP3-KALE itself (arXiv 2411.07461, Table 1), to compare with."""
SOURCES: Final = ("pixels", "alt_text", "page", "none")
VERDICTS: Final = ("supported", "unsupported", "contradicted")
_BATCH: Final = 8192
_BREAK: Final = r"[^\p{L}\p{N}'’]+"


class Distinct:
    """How many distinct strings were seen: exact up to `LIMIT`, then estimated by the least hashes.

    K minimum values (Bar-Yossef et al. 2002): the standard error is 1 / sqrt(LIMIT) = 0.4 %. Memory is
    512 kB whatever is added.
    """

    LIMIT: Final = 1 << 16

    def __init__(self) -> None:
        self._least: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)
        self.exact = True

    def add(self, values: pa.Array) -> None:
        """Add an array of strings, which may repeat."""
        digests = b"".join(
            hashlib.blake2b(str(value).encode(), digest_size=8).digest()
            for value in pc.unique(values).to_pylist()
        )
        found = np.union1d(self._least, np.frombuffer(digests, np.uint64))
        self.exact = self.exact and len(found) <= self.LIMIT
        self._least = found[: self.LIMIT]

    @property
    def count(self) -> int:
        """The number; an estimate where not `exact`."""
        if self.exact:
            return len(self._least)
        return round((self.LIMIT - 1) / (float(self._least[-1]) / 2**64))


class CaptionStatistics:
    """Numbers on tables of `kale_captions/1`; any split into tables gives the same.

    Attributes:
        captions: how many.
        words: words of each caption.
        stages: words of each caption by stage, 1 (teacher) and 2 (student).
        captioners: captions by model.
        vocabulary: distinct words, regardless of case.
        judged: captions whose claims were judged, by stage.
        knowledge: those of them that have a claim from the alternative text or the page, by stage.
        claims: number by (stage, source, verdict, removed).
        compared: captions that have both an alternative text and a caption of the pixels alone.
        knowledge_words: of those, distinct words of a caption that are in its alternative text and not
            in the caption of the pixels.
    """

    def __init__(self) -> None:
        self.captions = 0
        self.words = Distribution()
        self.stages: dict[int, Distribution] = {}
        self.captioners = Tally()
        self.vocabulary = Distinct()
        self.judged: Counter[int] = Counter()
        self.knowledge: Counter[int] = Counter()
        self.claims: Counter[tuple[int, str, str, bool]] = Counter()
        self.compared = 0
        self.knowledge_words = Distribution()

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table of `kale_captions/1`."""
        for batch in table.to_batches(max_chunksize=_BATCH):
            if batch.num_rows:
                self._add(batch)

    def _add(self, batch: pa.RecordBatch) -> None:
        self.captions += batch.num_rows
        words = batch.column("words").to_numpy(zero_copy_only=False).astype(np.int64)
        stages = batch.column("stage").to_numpy(zero_copy_only=False)
        self.words.add(words)
        self.captioners.add(batch.column("captioner"))
        for stage in np.unique(stages).tolist():
            self.stages.setdefault(stage, Distribution()).add(words[stages == stage])
        known = batch.column("knowledge")
        judged = pc.is_valid(known).to_numpy(zero_copy_only=False)
        knows = pc.fill_null(known, False).to_numpy(zero_copy_only=False)
        self.judged.update(stages[judged].tolist())
        self.knowledge.update(stages[knows].tolist())
        self._add_claims(batch.column("claims"), stages)
        self._add_words(batch)

    def _add_claims(self, lists: pa.ListArray, stages: npt.NDArray[np.int8]) -> None:
        flat = lists.flatten()
        rows = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
        counted = (
            pa.table(
                {
                    "stage": stages[rows],
                    **{name: pc.struct_field(flat, name) for name in ("source", "verdict", "removed")},
                }
            )
            .group_by(["stage", "source", "verdict", "removed"])
            .aggregate([([], "count_all")])
        )
        for row in counted.to_pylist():
            self.claims[row["stage"], row["source"], row["verdict"], row["removed"]] += row["count_all"]

    def _add_words(self, batch: pa.RecordBatch) -> None:
        split = [_words(batch.column(name)) for name in ("caption", "alt_text", "cogvlm_caption")]
        self.vocabulary.add(split[0][0])
        codes = pa.chunked_array([words for words, _ in split]).combine_chunks().dictionary_encode()
        if isinstance(codes, pa.ChunkedArray):
            codes = codes.combine_chunks()
        width = max(len(codes.dictionary), 1)
        numbers = codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        ends = np.cumsum([len(words) for words, _ in split])[:-1]
        caption, alt, dense = (
            np.unique(rows * width + part)
            for (_, rows), part in zip(split, np.split(numbers, ends), strict=True)
        )
        learnt = np.setdiff1d(np.intersect1d(caption, alt, True), dense, True) // width
        both = pc.and_(
            pc.is_valid(batch.column("alt_text")), pc.is_valid(batch.column("cogvlm_caption"))
        ).to_numpy(zero_copy_only=False)
        self.compared += int(both.sum())
        self.knowledge_words.add(np.bincount(learnt, minlength=batch.num_rows).astype(np.int64)[both])

    def claim_count(
        self, *, source: str | None = None, verdict: str | None = None, removed: bool | None = None,
        stage: int | None = None,
    ) -> int:  # fmt: skip
        """Claims with these properties; None is any."""
        wanted = (stage, source, verdict, removed)
        return sum(
            number
            for key, number in self.claims.items()
            if all(want is None or want == have for want, have in zip(wanted, key, strict=True))
        )


def _words(texts: pa.Array) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """All words of the texts in lower case, and the row of each."""
    lists = pc.split_pattern_regex(pc.utf8_lower(texts), _BREAK)
    words, rows = lists.flatten(), pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    some = pc.not_equal(words, "")
    return words.filter(some), rows[some.to_numpy(zero_copy_only=False)].astype(np.int64)


def caption_numbers(found: CaptionStatistics) -> dict[str, Any]:
    """The numbers for `statistics.json`. The same captions give the same numbers."""
    return {
        "captions": found.captions,
        "captions_by_stage": {str(stage): words.total for stage, words in sorted(found.stages.items())},
        "captions_by_captioner": dict(found.captioners.top(100)),
        "words_per_caption": spread(found.words),
        "words_per_caption_by_stage": {
            str(stage): spread(words) for stage, words in sorted(found.stages.items())
        },
        "published": {"of": "BLIP3-KALE (arXiv 2411.07461, Table 1)", **PUBLISHED},
        "vocabulary": {"words": found.vocabulary.count, "exact": found.vocabulary.exact},
        "knowledge": {
            "captions_judged": sum(found.judged.values()),
            "captions_with_knowledge": sum(found.knowledge.values()),
            "share": share(sum(found.knowledge.values()), sum(found.judged.values())),
            "share_by_stage": {
                str(stage): share(found.knowledge[stage], number)
                for stage, number in sorted(found.judged.items())
            },
            "words_from_alt_text": {"captions_compared": found.compared, **spread(found.knowledge_words)},
        },
        "claims": {
            "total": found.claim_count(),
            "removed": found.claim_count(removed=True),
            "removed_share": share(found.claim_count(removed=True), found.claim_count()),
            "by_source": {name: _claims(found, source=name) for name in SOURCES},
            "by_verdict": {name: _claims(found, verdict=name) for name in VERDICTS},
            "by_stage": {str(stage): _claims(found, stage=stage) for stage in sorted(found.stages)},
            "table": [
                {"stage": stage, "source": source, "verdict": verdict, "removed": removed, "claims": number}
                for (stage, source, verdict, removed), number in sorted(found.claims.items())
            ],
        },
    }


def _claims(found: CaptionStatistics, **which: Any) -> dict[str, Any]:
    number = found.claim_count(**which)
    removed = found.claim_count(**which, removed=True)
    return {
        "claims": number,
        "share": share(number, found.claim_count()),
        "removed": removed,
        "removed_share": share(removed, number),
    }


def spread(values: Distribution) -> dict[str, Any]:
    """Mean and quantiles of a distribution."""
    quantiles = {"p5": 0.05, "median": 0.5, "p95": 0.95}
    return {
        "mean": round(values.mean, 4),
        **{name: values.quantile(at) for name, at in quantiles.items()},
        "min": values.min,
        "max": values.max,
    }


def share(part: int, whole: int) -> float | None:
    """A share, 0 to 1; None of nothing."""
    return round(part / whole, 6) if whole else None
