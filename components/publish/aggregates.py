"""Distributions over a dataset, gathered shard by shard in bounded memory, in any order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MAX_NAMES: Final = 200_000
"""Most distinct names (hosts, licences) that a `Tally` holds."""
UNKNOWN: Final = "unknown"
"""The name that nulls are counted under."""
_BINS_PER_OCTAVE: Final = 4
_SMALL: Final = 64
_FACTS: Final = ("source", "language", "license", "consent", "crawl_time")


class Tally:
    """Counts by name. Past `MAX_NAMES` names the rarest half is folded into `other`."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.other = 0

    def add(self, names: pa.Array | pa.ChunkedArray) -> None:
        """Count an array of strings; nulls count as `UNKNOWN`."""
        for pair in pc.value_counts(names).to_pylist():
            self.counts[pair["values"] or UNKNOWN] += pair["counts"]
        self._fold()

    def merge(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.counts.update(other.counts)
        self.other += other.other
        self._fold()

    def _fold(self) -> None:
        if len(self.counts) > MAX_NAMES:
            kept = self.top(MAX_NAMES // 2)
            self.other += self.counts.total() - sum(n for _, n in kept)
            self.counts = Counter(dict(kept))

    @property
    def total(self) -> int:
        """Everything counted."""
        return self.counts.total() + self.other

    def top(self, limit: int) -> list[tuple[str, int]]:
        """The most frequent names, the first in the alphabet where they are equal."""
        return sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]


class Distribution:
    """A histogram of whole numbers of 0 and up.

    Numbers below 64 are counted exactly, larger ones in bins of a quarter octave, so that a quantile
    is off by 9 % at most.
    """

    def __init__(self) -> None:
        self.small: Counter[int] = Counter()
        self.bins: Counter[int] = Counter()
        self.sum = 0
        self.min: int | None = None
        self.max: int | None = None

    def add(self, values: npt.NDArray[np.int64]) -> None:
        """Count numbers."""
        if not len(values):
            return
        low, high = int(values.min()), int(values.max())
        self.min = low if self.min is None else min(self.min, low)
        self.max = high if self.max is None else max(self.max, high)
        self.sum += int(values.sum())
        large = values >= _SMALL
        _count(self.small, values[~large])
        _count(self.bins, np.floor(np.log2(values[large]) * _BINS_PER_OCTAVE).astype(np.int64))

    def merge(self, other: Distribution) -> None:
        """Add another distribution to this one."""
        self.small.update(other.small)
        self.bins.update(other.bins)
        self.sum += other.sum
        lows = [m for m in (self.min, other.min) if m is not None]
        highs = [m for m in (self.max, other.max) if m is not None]
        self.min, self.max = min(lows, default=None), max(highs, default=None)

    @property
    def total(self) -> int:
        """How many numbers were counted."""
        return self.small.total() + self.bins.total()

    @property
    def mean(self) -> float:
        """The exact mean; 0 of nothing."""
        return self.sum / self.total if self.total else 0.0

    def quantile(self, share: float) -> float:
        """The smallest number that `share` of the counted do not pass; 0 of nothing."""
        wanted = max(share * self.total, 1)
        seen = 0
        for value in sorted(self.small):
            seen += self.small[value]
            if seen >= wanted:
                return float(value)
        for place in sorted(self.bins):
            seen += self.bins[place]
            if seen >= wanted:
                return float(min(2 ** ((place + 0.5) / _BINS_PER_OCTAVE), self.max or math.inf))
        return 0.0

    def histogram(self, most_bins: int = 32) -> tuple[list[float], list[int]]:
        """Edges and counts for a drawing of at most about `most_bins` bars.

        Where every number is below 64 each has a bar of its own; else bars are parts of an octave, with
        one before them for 0.
        """
        if self.max is None or self.max < _SMALL:
            last = self.max or 0
            return [float(n) for n in range(last + 2)], [self.small[n] for n in range(last + 1)]
        octaves = math.log2(self.max) - math.log2(max(self.min or 1, 1)) + 1
        fits = [parts for parts in (4, 2, 1) if octaves * parts <= most_bins]
        parts = fits[0] if fits else 1
        counts: Counter[int] = Counter()
        for value, number in self.small.items():
            if value:
                counts[math.floor(math.log2(value) * parts)] += number
        for place, number in self.bins.items():
            counts[place * parts // _BINS_PER_OCTAVE] += number
        low, high = min(counts), max(counts)
        edges = [float(2 ** (n / parts)) for n in range(low, high + 2)]
        numbers = [counts[n] for n in range(low, high + 1)]
        if self.small[0]:
            return [0.0, *edges], [self.small[0], *numbers]
        return edges, numbers


def _count(counter: Counter[int], values: npt.NDArray[np.int64]) -> None:
    for value, number in zip(*np.unique(values, return_counts=True), strict=True):
        counter[int(value)] += int(number)


def _per_row(lists: pa.ListArray, inside: pa.Array, weights: pa.Array) -> npt.NDArray[np.int64]:
    """Sum of `weights` over the members of each list for which `inside` is true."""
    rows = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    amounts = np.where(
        inside.to_numpy(zero_copy_only=False), pc.fill_null(weights, 0).to_numpy(zero_copy_only=False), 0
    )
    return np.bincount(rows, amounts, minlength=len(lists)).astype(np.int64)


def _words(texts: pa.Array) -> pa.Array:
    return pc.count_substring_regex(texts, r"[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*")


def _ones(values: pa.Array) -> pa.Array:
    return pa.array(np.ones(len(values), np.int64))


def hosts(urls: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Host names of URLs in lower case; null where there is none."""
    found = pc.extract_regex(urls, r"^[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>[^/:?#]+)")
    return pc.utf8_lower(pc.struct_field(found, "host"))


class Aggregates:
    """What a report and a card say of a dataset as a whole.

    `add` takes tables of `documents/1`, of `images/1` and of `mint_documents/1` (of which the images
    are counted that have bytes, once for each time they are shown). Any order and any split into tables
    and workers (`merge`) gives the same numbers.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.images = 0
        self.image_bytes = 0
        self.words = Distribution()
        self.images_per_document = Distribution()
        self.widths = Distribution()
        self.heights = Distribution()
        self.sources = Tally()
        self.languages = Tally()
        self.licenses = Tally()
        self.robots = Tally()
        self.domains = Tally()
        self.formats = Tally()
        self.first_crawl: datetime | None = None
        self.last_crawl: datetime | None = None

    def _tallies(self) -> Iterator[str]:
        yield from ("sources", "languages", "licenses", "robots", "domains", "formats")

    def _distributions(self) -> Iterator[str]:
        yield from ("words", "images_per_document", "widths", "heights")

    def add(self, table: pa.Table) -> None:
        """Count a table; its columns tell which schema it has.

        Raises:
            ValueError: for any other table.
        """
        if "items" in table.column_names:
            for batch in table.to_batches():
                self._add_documents(batch)
        elif "texts" in table.column_names:
            for batch in table.to_batches():
                self._add_released(batch)
        elif {"width", "height", "format", "size"} <= set(table.column_names):
            self._add_images(table)
        else:
            raise ValueError(f"neither documents nor images nor a release: {', '.join(table.column_names)}")

    def _add_documents(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        lists = batch.column("items")
        items = lists.flatten()
        kinds = pc.struct_field(items, "kind")
        self.words.add(_per_row(lists, pc.equal(kinds, "text"), _words(pc.struct_field(items, "text"))))
        self.images_per_document.add(_per_row(lists, pc.equal(kinds, "image"), _ones(items)))
        self._add_facts(batch.column("url"), {name: batch.column(name) for name in _FACTS})

    def _add_released(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        lists, shown = batch.column("texts"), batch.column("images")
        texts, images = lists.flatten(), shown.flatten()
        self.words.add(_per_row(lists, pc.is_valid(texts), _words(texts)))
        self.images_per_document.add(_per_row(shown, pc.is_valid(images), _ones(images)))
        metadata = batch.column("metadata")
        self._add_facts(batch.column("url"), {name: pc.struct_field(metadata, name) for name in _FACTS})
        facts = batch.column("images_metadata").flatten()
        stored = facts.filter(pc.is_valid(batch.column("image_hashes").flatten()))
        names = ("width", "height", "format", "size")
        self._add_images(pa.table({name: pc.struct_field(stored, name) for name in names}))

    def _add_facts(self, urls: pa.Array, facts: dict[str, pa.Array]) -> None:
        self.documents += len(urls)
        self.sources.add(facts["source"])
        self.languages.add(facts["language"])
        self.licenses.add(facts["license"])
        self.robots.add(pc.struct_field(facts["consent"], "robots"))
        self.domains.add(hosts(urls))
        times = pc.min_max(facts["crawl_time"]).as_py()
        self._span(times["min"], times["max"])

    def _add_images(self, table: pa.Table) -> None:
        self.images += table.num_rows
        self.image_bytes += pc.sum(table["size"]).as_py() or 0
        self.widths.add(table["width"].to_numpy().astype(np.int64))
        self.heights.add(table["height"].to_numpy().astype(np.int64))
        self.formats.add(table["format"])

    def _span(self, first: datetime | None, last: datetime | None) -> None:
        self.first_crawl = min((t for t in (self.first_crawl, first) if t), default=None)
        self.last_crawl = max((t for t in (self.last_crawl, last) if t), default=None)

    def merge(self, other: Aggregates) -> None:
        """Add what another worker counted."""
        self.documents += other.documents
        self.images += other.images
        self.image_bytes += other.image_bytes
        for name in (*self._tallies(), *self._distributions()):
            getattr(self, name).merge(getattr(other, name))
        self._span(other.first_crawl, other.last_crawl)
