"""Images that can't be had, or not be decoded."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageBrokenParams(BaseModel):
    """What happens to images that a reader of the document would not see."""

    missing_images: Literal["keep", "image", "document"] = Field(
        default="keep",
        description=(
            "What an image whose bytes are not stored removes. keep: nothing, which is what a run needs that "
            "fetches no images; image: that image only, which goes with fetching; document: the whole "
            "document. No paper says which; MINT-1T's documents show images that were fetched."
        ),
    )
    undecodable_images: Literal["keep", "image", "document"] = Field(
        default="image",
        description="What an image removes whose bytes are stored and can't be decoded, likewise.",
    )


def image_broken(image: ImageFacts, params: ImageBrokenParams) -> Verdict | None:
    """Its bytes are stored, and could be decoded (they then have the score `sharpness`)."""
    if image.has_bytes is False and params.missing_images != "keep":
        return Verdict(FilterReason.IMAGE_MISSING, scope=params.missing_images)
    if image.has_bytes and "sharpness" not in image.scores and params.undecodable_images != "keep":
        return Verdict(FilterReason.IMAGE_UNDECODABLE, scope=params.undecodable_images)
    return None
