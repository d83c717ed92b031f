"""Images that are pornographic."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageNsfwParams(BaseModel):
    """The highest NSFW score, and what a higher one removes."""

    max_nsfw: float | None = Field(
        default=0.8,
        ge=0,
        le=1,
        description=(
            "Highest probability of open_nsfw; null: any. 0.8 is where its authors put 'NSFW with high "
            "probability' (Yahoo, README of open_nsfw), and OmniCorpus' limit."
        ),
    )
    nsfw_scope: Literal["image", "document"] = Field(
        default="document",
        description=(
            "What an NSFW image removes. document: the whole document (MINT-1T, OBELICS); image: that "
            "image only."
        ),
    )


def image_nsfw(image: ImageFacts, params: ImageNsfwParams) -> Verdict | None:
    """Score `nsfw` <= max_nsfw. An image without the score is let pass."""
    score = image.scores.get("nsfw")
    if params.max_nsfw is None or score is None or score <= params.max_nsfw:
        return None
    return Verdict(FilterReason.IMAGE_NSFW, score, params.max_nsfw, scope=params.nsfw_scope)
