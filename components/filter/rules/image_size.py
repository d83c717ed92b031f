"""Images that are too small to show anything, or too large."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageSizeParams(BaseModel):
    """Bounds of both sides of an image."""

    min_side: int = Field(default=150, ge=1, description="Shortest side in pixels (MINT-1T 2.3).")
    max_side: int = Field(default=20_000, ge=1, description="Longest side in pixels (MINT-1T 2.3).")
    unknown_size: Literal["keep", "drop"] = Field(
        default="keep",
        description=(
            "What happens to an image that was not fetched and whose page declares no size. "
            "No paper says: their images were all fetched."
        ),
    )


def image_size(image: ImageFacts, params: ImageSizeParams) -> Verdict | None:
    """min_side <= width, height <= max_side. Where only one side is known, it alone is judged."""
    known = [side for side in (image.width, image.height) if side is not None]
    if known and min(known) < params.min_side:
        return Verdict(FilterReason.IMAGE_TOO_SMALL, min(known), params.min_side)
    if known and max(known) > params.max_side:
        return Verdict(FilterReason.IMAGE_TOO_LARGE, max(known), params.max_side)
    if len(known) < 2 and params.unknown_size == "drop":
        return Verdict(FilterReason.IMAGE_SIZE_UNKNOWN)
    return None
