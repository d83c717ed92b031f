"""First step of text deduplication: keys under which equal or similar documents meet."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.dedup.params import DedupParams
from components.dedup.reasons import DedupReason
from components.dedup.text import of_documents

if TYPE_CHECKING:
    from components.dedup.minhash import MinHasher

ADDRESS_BAND = -2
"""The `band` of a key that is the hash of a page's address."""
EXACT_BAND = -1
"""The `band` of a key that is the hash of a whole text."""


class KeysStage(Stage[DedupParams]):
    """Makes a key for the address of a document, one for its whole text and one for each MinHash band.

    A document without text gets no key of its text; one with fewer words than a shingle gets the key
    of the whole text only. Of a sample of the documents it also gives the hash of every short
    paragraph, by which `MatchStage` finds boilerplate. It derives tables from the documents and
    decides about none, so there is nothing to conserve.
    """

    name = "dedup_keys"
    version = "2"
    consumes = {"documents": "documents/1"}
    produces = {"keys": "dedup_keys/1", "paragraphs": "paragraph_keys/1"}
    reasons = DedupReason
    imports = ("components.dedup.address_keys", "components.dedup.boilerplate", "components.dedup.minhash")
    conserves = False
    partitioned = {"keys": "key", "paragraphs": "key"}
    columns = {"documents": ("id", "url", "crawl_time", "items")}

    @functools.cached_property
    def _hasher(self) -> MinHasher:
        from components.dedup.minhash import MinHasher

        bands = self.params.bands if self.params.near else 0
        return MinHasher(self.params.shingle, bands, self.params.rows, self.params.seed)

    def run(self, unit: Unit, out: Output) -> None:
        """Make the keys of one shard; rows are sorted by band, then document."""
        from components.dedup.address_keys import address_keys
        from components.dedup.boilerplate import sample_paragraphs

        documents = unit.tables["documents"]
        texts = of_documents(documents)
        tables = []
        if self.params.url:
            keys, present = address_keys(documents.column("url"))
            times = documents.column("crawl_time").filter(pa.array(present))
            tables.append(_rows(ADDRESS_BAND, keys[present], np.flatnonzero(present), unit.index, times))
        if self.params.exact or self.params.near:
            found = self._hasher.keys(texts)
            out.count("documents_without_text", int((found.words == 0).sum()))
            if self.params.exact:
                rows = np.flatnonzero(found.words)
                tables.append(_rows(EXACT_BAND, found.whole[rows], rows, unit.index))
            if self.params.near:
                rows = np.flatnonzero(found.words >= self.params.shingle)
                for band in range(self.params.bands):
                    tables.append(_rows(band, found.bands[rows, band], rows, unit.index))
        out.keep("keys", pa.concat_tables(tables))
        if self.params.boilerplate.enabled:
            paragraphs, sampled = sample_paragraphs(documents, texts, self.params.boilerplate)
            out.count("documents_sampled_for_boilerplate", sampled)
            out.keep("paragraphs", paragraphs)


def _rows(
    band: int,
    keys: npt.NDArray[np.uint64],
    rows: npt.NDArray[np.int64],
    shard: int,
    times: pa.ChunkedArray | None = None,
) -> pa.Table:
    """Rows of `dedup_keys/1` for one band of one shard."""
    schema = schemas.get("dedup_keys/1")
    columns = [
        pa.array(np.full(len(rows), band), pa.int16()),
        pa.array(keys, pa.uint64()),
        pa.array(np.full(len(rows), shard), pa.int32()),
        pa.array(rows, pa.int32()),
        pa.nulls(len(rows), schema.field("time").type) if times is None else times,
    ]
    return pa.Table.from_arrays(columns, schema=schema)
