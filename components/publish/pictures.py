"""Thumbnails of a report, within the page's budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from components.core import report as kit

IMAGE_BUDGET: Final = 2_800_000
"""Most characters of `data:` URIs in a report: keeps the file under 5 MB."""


class Pictures:
    """Makes thumbnails until the page's budget is spent.

    Args:
        images: bytes by id.
    """

    def __init__(self, images: Mapping[str, bytes]) -> None:
        self._images = images
        self._left = IMAGE_BUDGET
        self._made: dict[tuple[str, int], kit.Figure | None] = {}

    def of(self, image_id: str, alt: str = "", side: int = kit.THUMBNAIL_SIDE) -> kit.Figure | None:
        """The picture, or None where there are no bytes, no decoder, or no room."""
        if image_id not in self._images:
            return None
        if (image_id, side) not in self._made:
            self._made[image_id, side] = kit.thumbnail(self._images[image_id], side=side)
        figure = self._made[image_id, side]
        if figure is None or len(figure.src) > self._left:
            return None
        self._left -= len(figure.src)
        return kit.Figure(figure.src, alt, width=figure.width, height=figure.height)
