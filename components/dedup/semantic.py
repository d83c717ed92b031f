"""Semantic deduplication in four steps: embed, find clusters, assign, drop what repeats within a cluster.

The method is that of SemDeDup (Abbas et al. 2023, arXiv 2303.09540). Given the embeddings, every bit of
the result is the same on any machine. The embeddings of a model are so up to rounding of its own
arithmetic, which differs between kinds of processors.
"""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pyarrow as pa

from components.core import schemas
from components.core.columns import texts
from components.core.stage import Output, Stage, Unit
from components.dedup.params import SemanticParams
from components.dedup.reasons import DedupReason
from components.dedup.text_encoder import TextEncoder
from components.dedup.unit_vectors import from_arrow, nearest, quantised, repeated, spherical_kmeans, to_arrow


class EmbedStage(Stage[SemanticParams]):
    """Gives every document with text its embedding, but for those that text deduplication drops.

    So no two steps drop each of a pair for the other's sake. It derives a table: nothing to conserve.
    """

    name = "embed"
    skipped = "dedup.semantic.model names no model"
    consumes = {"documents": "documents/1", "duplicates": "duplicates/1", "drops": "text_drops/1"}
    produces = {"embeddings": "embeddings/1"}
    reasons = DedupReason
    conserves = False
    sides = {"duplicates": "by_shard", "drops": "by_shard"}
    columns = {"documents": ("id", "items")}

    _encoder: TextEncoder | None = None

    @property
    def enabled(self) -> bool:
        return self.params.model is not None

    def run(self, unit: Unit, out: Output) -> None:
        """Embed one shard of documents; rows are in their order."""
        documents, drops = unit.tables["documents"], unit.tables["drops"]
        gone = np.zeros(documents.num_rows, np.bool_)
        gone[unit.tables["duplicates"].column("row").to_numpy()] = True
        gone[drops.column("row").to_numpy()[drops.column("item").to_numpy() < 0]] = True
        every = texts(documents)
        rows = [row for row, text in enumerate(every) if text.strip() and not gone[row]]
        out.count("documents_embedded", len(rows))
        if not rows:
            return
        if self._encoder is None:
            model = self.params.model or ""
            self._encoder = TextEncoder(model, unit.stores, self.params.max_tokens, self.params.batch)
        vectors = self._encoder.encode([every[row] for row in rows])
        columns = [
            pa.array(np.full(len(rows), -1), pa.int32()),
            pa.array(np.full(len(rows), unit.index), pa.int32()),
            pa.array(rows, pa.int32()),
            pa.array(documents.column("id").take(pa.array(rows)).to_pylist(), pa.string()),
            to_arrow(vectors),
        ]
        out.keep("embeddings", pa.Table.from_arrays(columns, schema=schemas.get("embeddings/1")))


class CentroidsStage(Stage[SemanticParams]):
    """Clusters a sample of the embeddings by k-means: the documents whose hashed ids are least.

    Embeddings are read a shard at a time, and no more than the sample is held.
    """

    name = "semantic_centroids"
    skipped = "dedup.semantic.model names no model"
    consumes = {"embeddings": "embeddings/1"}
    produces = {"centroids": "centroids/1"}
    reasons = DedupReason
    grouping = "span"
    conserves = False
    columns = {"embeddings": ("id", "vector")}
    spans = 1

    @property
    def enabled(self) -> bool:
        return self.params.model is not None

    def run(self, unit: Unit, out: Output) -> None:
        """Find the centroids, numbered from 0."""
        total, held = 0, pa.table({"key": pa.array([], pa.string()), "vector": pa.array([], _VECTOR)})
        for _, table in unit.stream("embeddings"):
            total += table.num_rows
            # hashed once more, so that the sample does not follow how ids were made
            keys = [hashlib.sha256(name.encode()).hexdigest() for name in table["id"].to_pylist()]
            more = pa.table({"key": pa.array(keys, pa.string()), "vector": table["vector"]})
            held = pa.concat_tables([held, more]).sort_by("key").slice(0, self.params.sample).combine_chunks()
        vectors = from_arrow(held["vector"])
        wanted = -(-total // self.params.documents_per_cluster)
        centroids = spherical_kmeans(vectors, wanted, self.params.iterations) if total else vectors
        out.count("clusters", len(centroids))
        columns = [pa.array(np.arange(len(centroids)), pa.int32()), to_arrow(centroids)]
        out.keep("centroids", pa.Table.from_arrays(columns, schema=schemas.get("centroids/1")))


_VECTOR = schemas.get("embeddings/1").field("vector").type


class AssignStage(Stage[SemanticParams]):
    """Gives every embedding the number of its nearest centroid."""

    name = "semantic_assign"
    skipped = "dedup.semantic.model names no model"
    consumes = {"embeddings": "embeddings/1", "centroids": "centroids/1"}
    produces = {"embeddings": "embeddings/1"}
    reasons = DedupReason
    sides = {"centroids": "all"}
    partitioned = {"embeddings": "cluster"}

    @property
    def enabled(self) -> bool:
        return self.params.model is not None

    def run(self, unit: Unit, out: Output) -> None:
        """Assign one shard of embeddings."""
        table = unit.tables["embeddings"]
        clusters = np.zeros(0, np.int64)
        if table.num_rows:
            clusters = nearest(from_arrow(table["vector"]), from_arrow(unit.tables["centroids"]["vector"]))
        out.keep("embeddings", table.set_column(0, table.schema.field(0), pa.array(clusters, pa.int32())))


class SemanticStage(Stage[SemanticParams]):
    """Lists the documents that nearly repeat another of their cluster, with the one that is kept.

    A document is in one cluster only, so it is listed once. Near documents in two clusters stay: the
    paper's price for not comparing all with all. It derives a table: nothing to conserve.
    """

    name = "semantic"
    skipped = "dedup.semantic.model names no model"
    consumes = {"embeddings": "embeddings/1"}
    produces = {"duplicates": "duplicates/1"}
    reasons = DedupReason
    grouping = "partition"
    conserves = False
    partitioned = {"duplicates": "shard"}

    @property
    def enabled(self) -> bool:
        return self.params.model is not None

    def run(self, unit: Unit, out: Output) -> None:
        """Compare the documents of the clusters of one partition; rows are sorted by shard and row."""
        order = [("cluster", "ascending"), ("shard", "ascending"), ("row", "ascending")]
        table = unit.tables["embeddings"].sort_by(order).combine_chunks()
        vectors, clusters = from_arrow(table["vector"]), table["cluster"].to_numpy()
        starts = np.flatnonzero(np.diff(clusters, prepend=-1))
        kept = np.full(len(clusters), -1)
        for start, stop in itertools.pairwise([*starts.tolist(), len(clusters)]):
            cluster = vectors[start:stop]
            # the centre of the whole cluster, not of the sample that k-means saw
            (centre,) = quantised(cluster.sum(axis=0, dtype=np.int64, keepdims=True))
            found = repeated(cluster, centre, self.params.epsilon)
            kept[start:stop] = np.where(found < 0, -1, found + start)
        late = np.flatnonzero(kept >= 0)
        late = late[np.lexsort((table["row"].to_numpy()[late], table["shard"].to_numpy()[late]))]
        chosen, origin = table.take(pa.array(late)), table["id"].take(pa.array(kept[late]))
        columns = {
            "shard": chosen["shard"],
            "row": chosen["row"],
            "id": chosen["id"],
            "duplicate_of": origin,
            "run": pa.nulls(len(late), pa.string()),
            "reason": pa.array([str(DedupReason.SEMANTIC_TEXT)] * len(late), pa.string()),
        }
        out.count("semantic_duplicates", len(late))
        out.keep("duplicates", pa.table(columns, schema=schemas.get("duplicates/1")))
