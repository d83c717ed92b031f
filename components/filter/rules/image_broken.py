"""Images that can't be had, or not be decoded."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageBrokenParams(BaseModel):
    """What happens to images that a reader of the document would not see."""

    broken_images: Literal["keep", "image", "document"] = Field(
        default="image",
        description=(
            "What an image without bytes, or with bytes that can't be decoded, removes. image: that image "
            "only; document: the whole document; keep: nothing, which is what a run needs that fetches no "
            "images. No paper says which; MINT-1T's documents show images that were fetched."
        ),
    )


def image_broken(image: ImageFacts, params: ImageBrokenParams) -> Verdict | None:
    """Its bytes are stored, and could be decoded (they then have the score `sharpness`)."""
    if params.broken_images == "keep" or image.has_bytes is None:
        return None
    if not image.has_bytes:
        return Verdict(FilterReason.IMAGE_MISSING, scope=params.broken_images)
    if "sharpness" not in image.scores:
        return Verdict(FilterReason.IMAGE_UNDECODABLE, scope=params.broken_images)
    return None
