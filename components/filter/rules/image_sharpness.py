"""Images that are blurred."""

from __future__ import annotations

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageSharpnessParams(BaseModel):
    """How sharp an image must be."""

    min_sharpness: float | None = Field(
        default=None,
        ge=0,
        description=(
            "Least variance of the Laplacian (see `sharpness`); null: any, as MINT-1T has no such rule. "
            "NeMo Curator's default is 100, which also takes what is smooth by nature: 6 of 100 sharp "
            "photographs and diagrams of a textbook of astronomy, Venus and Saturn among them."
        ),
    )


def image_sharpness(image: ImageFacts, params: ImageSharpnessParams) -> Verdict | None:
    """Score `sharpness` >= min_sharpness. An image without the score is let pass."""
    score = image.scores.get("sharpness")
    if params.min_sharpness is None or score is None or score >= params.min_sharpness:
        return None
    return Verdict(FilterReason.IMAGE_BLURRED, score, params.min_sharpness)
