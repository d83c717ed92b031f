"""Hold what is stored about images against thresholds, now that their bytes are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from components.core.columns import flat_items, with_items
from components.core.stage import Output, Stage, Unit
from components.filter.image_items import ImageItem, by_rules, first_objection, image_items, judge_images
from components.filter.params import DecideParams
from components.filter.reasons import FilterReason
from components.filter.rules import COUNT_RULES, STORED_IMAGE_RULES
from components.filter.rules.base import DocumentFacts


class DecideImagesStage(Stage[DecideParams]):
    """Takes images out of documents, and drops documents, by the sizes and scores of stored images.

    For each document, in this order: image rules, for each image; images that the document has shown
    before; rules on the number of images left. The first objection drops the document (or takes out
    the image) and is its ledger line.

    `images` are those of annotate_images; `groups` the near-duplicates, used where `same_image` says
    so; `similarity` may be empty.
    """

    name = "decide_images"
    consumes = {
        "documents": "documents/1",
        "images": "images/1",
        "groups": "image_groups/1",
        "similarity": "image_text_scores/1",
        "screenings": "screenings/1",
    }
    produces = {"documents": "documents/1"}
    reasons = FilterReason
    sides = {"images": "by_id", "groups": "by_id", "similarity": "aligned", "screenings": "by_id"}
    columns = {"images": ("id", "width", "height", "scores"), "screenings": ("id", "scores")}

    def lookup(self, port: str, table: pa.Table) -> set[str]:
        """The images that a shard of documents shows, where the port is used."""
        if port == "groups" and self.params.same_image == "bytes":
            return set()
        return set(flat_items(table)[0].field("image_id").drop_null().to_pylist())

    def run(self, unit: Unit, out: Output) -> None:
        """Judge one shard of documents whose items carry the ids of their images."""
        table = unit.tables["documents"]
        items, offsets = flat_items(table)
        plain = image_items(items, offsets, table.column("source").to_pylist())
        stored = _stored(unit.tables["images"], unit.tables["screenings"])
        groups = _groups(unit.tables["groups"])
        similarity = _similarity(unit.tables["similarity"], offsets)
        objection = by_rules(STORED_IMAGE_RULES, self.params)
        identity = _identity(groups) if self.params.drop_repeated_images else None
        wanted_items = np.ones(len(items), np.bool_)
        wanted_rows = np.ones(table.num_rows, np.bool_)
        for row, document in enumerate(
            table.select(["id", "source", "source_uri", "source_offset", "url"]).to_pylist()
        ):
            images = [_with_facts(image, stored, groups, similarity) for image in plain[row]]
            locator = document["url"] or f"{document['source_uri']}@{document['source_offset'] or 0}"
            verdict, removed = judge_images(images, objection, identity, document["id"], locator, out)
            wanted_items[removed] = False
            if verdict is None:
                facts, left = DocumentFacts(document["source"]), len(images) - len(removed)
                verdict = first_objection(rule(facts, left, self.params) for rule in COUNT_RULES)
            if verdict is not None:
                wanted_rows[row] = False
                out.drop(
                    document["id"],
                    verdict.reason,
                    detail=verdict.detail,
                    score=verdict.score,
                    threshold=verdict.threshold,
                    locator=locator,
                )
        out.keep("documents", with_items(table, wanted_items).filter(pa.array(wanted_rows)))


Stored = tuple[int, int, dict[str, float]]
"""Width and height in pixels, and scores."""
Group = tuple[str, float]
"""The name of a cluster and how many documents show an image of it."""


def _stored(images: pa.Table, screenings: pa.Table) -> dict[str, Stored]:
    screened = {row["id"]: dict(row["scores"]) for row in screenings.to_pylist()}
    return {
        row["id"]: (
            row["width"],
            row["height"],
            {**dict(row["scores"] or []), **screened.get(row["id"], {})},
        )
        for row in images.to_pylist()
    }


def _groups(groups: pa.Table) -> dict[str, Group]:
    """Image id to its cluster of near-duplicates."""
    return {row["image_id"]: (row["group"], float(row["documents"])) for row in groups.to_pylist()}


def _similarity(scores: pa.Table, offsets: Any) -> dict[int, float]:
    """Position of an image among all items of the shard to its similarity."""
    positions = offsets[scores.column("row").to_numpy()] + scores.column("item").to_numpy()
    return dict(zip(positions.tolist(), scores.column("similarity").to_pylist(), strict=True))


def _with_facts(
    image: ImageItem, stored: dict[str, Stored], groups: dict[str, Group], similarity: dict[int, float]
) -> ImageItem:
    """The item with what is stored about its image; the sizes are then those of the bytes."""
    found = stored.get(image.image_id) if image.image_id else None
    if found is None:
        return dataclasses.replace(image, facts=dataclasses.replace(image.facts, has_bytes=False))
    width, height, scores = found
    scores = dict(scores)
    if image.image_id in groups:
        scores["documents"] = groups[image.image_id][1]
    if image.position in similarity:
        scores["similarity"] = similarity[image.position]
    facts = dataclasses.replace(image.facts, width=width, height=height, has_bytes=True, scores=scores)
    return dataclasses.replace(image, facts=facts)


def _identity(groups: dict[str, Group]) -> Callable[[ImageItem], str | None]:
    """What two items share that show the same image: its cluster, its bytes, else its address."""

    def identity(image: ImageItem) -> str | None:
        if image.image_id in groups:
            return groups[image.image_id][0]
        return image.key

    return identity
