"""Captions of student and teacher side by side, without saying whose is whose until the end.

A reader who does not know the order judges the captions, not their authors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from components.core.hash_share import hash_share

COLUMNS: Final = ("id", "alt", "reference", "prediction")
"""Columns of `evaluations/1` that a gallery is made of."""

Side = Literal["A", "B"]


@dataclass(frozen=True, slots=True)
class BlindPair:
    """Two captions of one image.

    Attributes:
        id: the image.
        alt: the alternative text that both authors had.
        a, b: the captions, in an order that the hash of the id gives.
        student: which of them is the student's: for the key, at the end.
    """

    id: str
    alt: str | None
    a: str
    b: str
    student: Side


@dataclass(frozen=True, slots=True)
class BlindGallery:
    """Pairs to be judged.

    Attributes:
        pairs: those shown, in an order that depends on the seed only.
        identical: images whose two captions are the same word for word; not shown.
        unanswered: images of which the student wrote nothing; not shown.
    """

    pairs: Sequence[BlindPair]
    identical: int
    unanswered: int

    @property
    def key(self) -> str:
        """Which captions are the student's, such as `1 B, 2 A`."""
        return ", ".join(f"{number} {pair.student}" for number, pair in enumerate(self.pairs, start=1))


def blind_gallery(evaluations: pa.Table, count: int, seed: int = 0) -> BlindGallery:
    """Choose images by the hash of their ids, however they are ordered, and hide whose caption is whose.

    Args:
        evaluations: rows of `evaluations/1`; `COLUMNS` suffice.
        count: pairs at most.
        seed: another one chooses other images and other orders.
    """
    rows = evaluations.select(COLUMNS).to_pylist()
    answered = [row for row in rows if row["prediction"]]
    differing = [row for row in answered if row["prediction"].split() != row["reference"].split()]
    differing.sort(key=lambda row: (hash_share(row["id"], f"blind gallery {seed}"), row["id"]))
    pairs = []
    for row in differing[:count]:
        first = hash_share(row["id"], f"blind order {seed}") < 1 / 2
        captions = (row["prediction"], row["reference"]) if first else (row["reference"], row["prediction"])
        pairs.append(BlindPair(row["id"], row["alt"], *captions, student="A" if first else "B"))
    return BlindGallery(pairs, len(answered) - len(differing), len(rows) - len(answered))
