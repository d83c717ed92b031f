"""Images that show text and little else: banners, scans, screenshots."""

from __future__ import annotations

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageTextDensityParams(BaseModel):
    """How much of an image may be text."""

    max_text_density: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description=(
            "Largest share of an image that is covered by lines of text (see `text_density`); null: any, "
            "as MINT-1T has no such rule. Labelled diagrams reach 0.1, pages full of text 0.2 and more."
        ),
    )


def image_text_density(image: ImageFacts, params: ImageTextDensityParams) -> Verdict | None:
    """Score `text_density` <= max_text_density. An image without the score is let pass."""
    score = image.scores.get("text_density")
    if params.max_text_density is None or score is None or score <= params.max_text_density:
        return None
    return Verdict(FilterReason.IMAGE_TEXT, score, params.max_text_density)
