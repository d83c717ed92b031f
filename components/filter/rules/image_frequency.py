"""Images that many documents show: decoration, advertisements, placeholders."""

from __future__ import annotations

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageFrequencyParams(BaseModel):
    """How many documents of a snapshot may show the same image."""

    max_image_documents: int | None = Field(
        default=10,
        ge=1,
        description="Most documents that show an image; null: any number (MINT-1T, OBELICS: 10).",
    )


def image_frequency(image: ImageFacts, params: ImageFrequencyParams) -> Verdict | None:
    """Score `documents` <= max_image_documents. An image without the score is let pass.

    The score counts the same bytes, or all near-duplicates where `same_image` says so.
    """
    score = image.scores.get("documents")
    if params.max_image_documents is None or score is None or score <= params.max_image_documents:
        return None
    return Verdict(FilterReason.IMAGE_FREQUENT, score, params.max_image_documents)
