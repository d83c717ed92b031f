"""Groups of images that show the same picture: near-duplicates by pHash and dHash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.dedup.params import ImageGroupParams
from components.dedup.reasons import DedupReason


class ImageGroupsStage(Stage[ImageGroupParams]):
    """Clusters near-duplicate images and sums up how many documents show one of a cluster.

    Two images are near-duplicates where their pHashes differ in at most `radius` bits and their
    dHashes in at most `dhash_radius`. A cluster is a star: every member is a near-duplicate of the one
    with the least id (see `components.dedup.star_clusters`), which is the group's name. Only images
    of clusters of two and more are in the output; one without hashes (flat, undecodable) is in none.

    All images are one unit, as any two may be near: but of each only its id, hashes and number of
    documents are held, about 150 bytes at the peak: 10^8 images need 15 GB. It derives a table and
    decides about no image: nothing to conserve.
    """

    name = "image_groups"
    consumes = {"images": "images/1"}
    produces = {"groups": "image_groups/1"}
    reasons = DedupReason
    grouping = "span"
    skipped = "dedup.image_groups.enabled is false"
    conserves = False
    columns = {"images": ("id", "phash", "dhash", "scores")}
    partitioned = {"groups": "image_id"}
    spans = 1

    @property
    def enabled(self) -> bool:
        return self.params.enabled

    def run(self, unit: Unit, out: Output) -> None:
        """Group all images; rows are sorted by image id."""
        # numba takes half a second to import: only for the process that runs this
        from components.dedup.star_clusters import Nearness, star_clusters

        images = _gather(unit.stream("images"), out)
        near = Nearness(self.params.radius, self.params.dhash_radius, self.params.mirrored)
        centres = star_clusters(images.phashes, images.dhashes, near)
        sizes = np.bincount(centres, minlength=len(centres))
        members = np.flatnonzero(sizes[centres] > 1)
        centres = centres[members]
        documents = np.zeros(len(images.ids), np.int64)
        np.add.at(documents, centres, images.documents[members])
        out.count("images_grouped", len(members))
        out.count("groups", len(np.unique(centres)))
        columns = [
            _hex(images.ids[members]),
            _hex(images.ids[centres]),
            pa.array(documents[centres], pa.int64()),
        ]
        out.keep("groups", pa.Table.from_arrays(columns, schema=schemas.get("image_groups/1")))


@dataclass(frozen=True, slots=True)
class Images:
    """What is held of n images, sorted by id: ids as 32 bytes each."""

    ids: npt.NDArray[np.bytes_]
    phashes: npt.NDArray[np.uint64]
    dhashes: npt.NDArray[np.uint64]
    documents: npt.NDArray[np.int64]


def _gather(shards: Iterator[tuple[int, pa.Table]], out: Output) -> Images:
    """The images that have hashes, of all shards."""
    ids, phashes, dhashes, documents = [b""], [_none()], [_none()], [np.zeros(0, np.int64)]
    for _, table in shards:
        hashed = table.filter(pc.and_(table["phash"].is_valid(), table["dhash"].is_valid()))
        out.count("images_without_hash", table.num_rows - hashed.num_rows)
        ids.append(bytes.fromhex("".join(hashed["id"].to_pylist())))
        phashes.append(hashed["phash"].to_numpy())
        dhashes.append(hashed["dhash"].to_numpy())
        shown = pc.map_lookup(hashed["scores"], "documents", "first").fill_null(0).to_numpy()
        documents.append(shown.astype(np.int64))
    every = np.frombuffer(b"".join(ids), "S32")
    order = np.argsort(every, kind="stable")
    return Images(
        every[order],
        np.concatenate(phashes)[order],
        np.concatenate(dhashes)[order],
        np.concatenate(documents)[order],
    )


def _none() -> npt.NDArray[np.uint64]:
    return np.zeros(0, np.uint64)


def _hex(ids: npt.NDArray[np.bytes_]) -> pa.Array:
    # numpy's strings lose their last zeros: read the memory instead
    digits = np.ascontiguousarray(ids).tobytes().hex()
    return pa.array([digits[start : start + 64] for start in range(0, len(digits), 64)], pa.string())
