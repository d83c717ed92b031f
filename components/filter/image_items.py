"""The image items of documents, and judging them: what both decide stages share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core.stage import Output
from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, ImageRule, Verdict


@dataclass(frozen=True, slots=True)
class ImageItem:
    """An image item: its position among all items of the shard, and what identifies it."""

    position: int
    image_id: str | None
    facts: ImageFacts

    @property
    def key(self) -> str | None:
        """What two items must share to show the same image: the bytes, else the address."""
        return self.image_id or self.facts.url


def image_items(
    items: pa.StructArray, offsets: npt.NDArray[np.int64], sources: Sequence[str]
) -> list[list[ImageItem]]:
    """The image items of every document, in reading order.

    Args:
        items, offsets: as `components.core.columns.flat_items` gives them for n documents.
        sources: the `source` of each of the n documents.
    """
    by_document: list[list[ImageItem]] = [[] for _ in sources]
    positions = np.flatnonzero(np.asarray(items.field("kind").to_pylist(), dtype=object) == "image")
    rows = np.searchsorted(offsets, positions, side="right") - 1
    chosen = items.take(pa.array(positions))
    columns = (chosen.field(name).to_pylist() for name in ("image_id", "url", "width", "height"))
    for position, row, image_id, url, width, height in zip(
        positions.tolist(), rows.tolist(), *columns, strict=True
    ):
        facts = ImageFacts(sources[row], url, width, height)
        by_document[row].append(ImageItem(position, image_id, facts))
    return by_document


def first_objection(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """The first objection; where `verdicts` is a generator, the rules after it are not asked."""
    return next((verdict for verdict in verdicts if verdict is not None), None)


def judge_images(
    images: Sequence[ImageItem],
    objection: Callable[[ImageItem], Verdict | None],
    identity: Callable[[ImageItem], str | None] | None,
    document_id: str,
    locator: str,
    out: Output,
) -> tuple[Verdict | None, list[int]]:
    """Judge the images of one document, then those that it has shown before.

    Args:
        objection: what speaks against an image.
        identity: what two items must share to show the same image, None for an item that is like no
            other; None where repeats may stay.
        document_id, locator: for the ledger lines.

    Returns:
        An objection to the whole document, if there is one, and the positions of the items to take
        out. Each of these has its `changed` line, even if the document is dropped later: the lines
        say why it has too few images.
    """
    removed: list[int] = []
    seen: set[str] = set()
    whole: Verdict | None = None
    for image in images:
        verdict = objection(image)
        if verdict is not None and verdict.scope == "document":
            whole = verdict
            break
        if verdict is None and identity is not None and (same := identity(image)) is not None:
            if same in seen:
                verdict = Verdict(FilterReason.IMAGE_REPEATED)
            seen.add(same)
        if verdict is not None:
            removed.append(image.position)
            out.change(
                image.key or document_id,
                verdict.reason,
                kind="image",
                detail=f"in document {document_id}" + (f": {verdict.detail}" if verdict.detail else ""),
                score=verdict.score,
                threshold=verdict.threshold,
                locator=image.facts.url or locator,
            )
    out.count("images_in", len(images))
    out.count("images_removed", len(removed))
    return whole, removed


def by_rules(rules: Sequence[ImageRule], params: object) -> Callable[[ImageItem], Verdict | None]:
    """The first objection that `rules` have to an image."""
    return lambda image: first_objection(rule(image.facts, params) for rule in rules)
