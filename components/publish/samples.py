"""Which documents a report shows: few, always the same ones, and from as many places as possible."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas
from components.publish.aggregates import hosts

_POOL: Final = 4
"""Candidates kept for each source are this many times the documents wanted."""
_PICTURES: Final = 3
"""Documents with at least so many stored images are equally good to show."""


class Samples:
    """Picks documents out of a dataset that is seen one table at a time, in any order.

    A document's place in the draw is a hash of its id, so the choice depends on neither the order of
    the shards nor their number. Documents with a few stored images come first, and one of each host.

    Args:
        limit: most documents that are chosen.
    """

    def __init__(self, limit: int = 10) -> None:
        self.limit = limit
        self._pools: dict[str, dict[tuple[int, str], dict[str, Any]]] = {}

    def add(self, table: pa.Table) -> None:
        """Consider the rows of a table of `documents/1`."""
        for batch in table.to_batches(max_chunksize=4096):
            wanted = self._promising(batch)
            if wanted:
                for rank, row in zip(wanted, batch.take(list(wanted.values())).to_pylist(), strict=True):
                    self._pools.setdefault(row["source"], {})[rank] = row
                self._trim()

    def _promising(self, batch: pa.RecordBatch) -> dict[tuple[int, str], int]:
        """Row numbers of the batch by rank: the best of each source, as ranked within the batch."""
        sources = batch.column("source").to_pylist()
        poor = [_PICTURES - min(_PICTURES, stored) for stored in _stored_images(batch)]
        ranked: dict[str, list[tuple[tuple[int, str], int]]] = {}
        for row, identifier in enumerate(batch.column("id").to_pylist()):
            rank = (poor[row], hashlib.sha256(identifier.encode()).hexdigest())
            ranked.setdefault(sources[row], []).append((rank, row))
        best = (heapq.nsmallest(_POOL * self.limit, rows) for rows in ranked.values())
        return dict(pair for rows in best for pair in rows)

    def _trim(self) -> None:
        for source, pool in self._pools.items():
            if len(pool) > _POOL * self.limit:
                self._pools[source] = {k: pool[k] for k in sorted(pool)[: _POOL * self.limit]}

    def merge(self, other: Samples) -> None:
        """Consider what another worker found."""
        for source, pool in other._pools.items():
            self._pools.setdefault(source, {}).update(pool)
        self._trim()

    def choose(self) -> pa.Table:
        """The chosen documents: sources take turns, and within one a host not yet shown goes first."""
        queues = {source: [pool[k] for k in sorted(pool)] for source, pool in sorted(self._pools.items())}
        names = {
            id(row): host for rows in queues.values() for row, host in zip(rows, _hosts(rows), strict=True)
        }
        shown: dict[str | None, int] = {}
        chosen: list[dict[str, Any]] = []
        while len(chosen) < self.limit and any(queues.values()):
            for rows in queues.values():
                if rows and len(chosen) < self.limit:
                    row = min(rows, key=lambda r: shown.get(names[id(r)], 0))
                    rows.remove(row)
                    shown[names[id(row)]] = shown.get(names[id(row)], 0) + 1
                    chosen.append(row)
        return pa.Table.from_pylist(chosen, schema=schemas.get("documents/1"))


def _stored_images(batch: pa.RecordBatch) -> list[int]:
    """How many images with bytes each document shows."""
    lists = batch.column("items")
    stored = pc.is_valid(lists.flatten().field("image_id")).to_numpy(zero_copy_only=False)
    starts = (lists.offsets.to_numpy() - lists.offsets[0].as_py()).tolist()
    return [int(stored[start:stop].sum()) for start, stop in itertools.pairwise(starts)]


def _hosts(rows: list[dict[str, Any]]) -> list[str | None]:
    found: list[str | None] = hosts(pa.array([row["url"] for row in rows], pa.string())).to_pylist()
    return found


def image_ids(documents: pa.Table) -> list[str]:
    """Ids of the images that documents show, in order, each once."""
    found = (item["image_id"] for items in documents["items"].to_pylist() for item in items)
    return list(dict.fromkeys(i for i in found if i))
