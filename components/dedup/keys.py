"""First step of text deduplication: keys under which equal or similar documents meet."""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.dedup.minhash import MinHasher, exact_key
from components.dedup.params import DedupParams
from components.dedup.reasons import DedupReason
from components.dedup.text import normalised_texts, spaced

EXACT_BAND = -1
"""The `band` of a key that is the hash of a whole text."""


class KeysStage(Stage[DedupParams]):
    """Makes one key for the whole text of a document and one for each MinHash band.

    A document without text gets no key and is nobody's duplicate; one with fewer words than a
    shingle gets the exact key only. It derives a table from the documents and decides about none,
    so there is nothing to conserve.
    """

    name = "dedup_keys"
    consumes = {"documents": "documents/1"}
    produces = {"keys": "dedup_keys/1"}
    reasons = DedupReason
    conserves = False
    partitioned = {"keys": "key"}

    @functools.cached_property
    def _hasher(self) -> MinHasher:
        return MinHasher(self.params.shingle, self.params.bands, self.params.rows, self.params.seed)

    def run(self, unit: Unit, out: Output) -> None:
        """Make the keys of one shard; rows are sorted by document, then band."""
        documents = unit.tables["documents"]
        texts = normalised_texts(documents)
        rows: list[np.ndarray] = [np.zeros(0, np.int64)]
        bands: list[np.ndarray] = [np.zeros(0, np.int64)]
        keys: list[np.ndarray] = [np.zeros(0, np.uint64)]
        if self.params.exact:
            present = [row for row, text in enumerate(texts) if text]
            rows.append(np.array(present, np.int64))
            bands.append(np.full(len(present), EXACT_BAND))
            keys.append(np.array([exact_key(texts[row]) for row in present], np.uint64))
        if self.params.near:
            hashed, band_keys = self._hasher.band_keys([spaced(text) for text in texts])
            rows.append(np.repeat(hashed, self.params.bands))
            bands.append(np.tile(np.arange(self.params.bands), len(hashed)))
            keys.append(band_keys.ravel())
        out.count("documents_without_text", texts.count(""))
        row, band, key = np.concatenate(rows), np.concatenate(bands), np.concatenate(keys)
        order = np.lexsort((band, row))
        schema = schemas.get("dedup_keys/1")
        columns = [
            pa.array(band[order], pa.int16()),
            pa.array(key[order], pa.uint64()),
            pa.array(np.full(len(row), unit.index), pa.int32()),
            pa.array(row[order], pa.int32()),
            _one_chunk(documents.column("id")).take(pa.array(row[order])),
        ]
        out.keep("keys", pa.Table.from_arrays(columns, schema=schema))


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
