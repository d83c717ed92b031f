"""Images that have nothing to do with the text beside them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageSimilarityParams(BaseModel):
    """How well an image must fit its text."""

    min_similarity: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description=(
            "Least similarity of an image and the best of its texts (see `similarity`); null: any, as "
            "MINT-1T has no such rule. NeMo Curator takes 0.15 for CLIP; SigLIP's numbers are lower, so "
            "the threshold goes with the model."
        ),
    )


def image_similarity(image: ImageFacts, params: ImageSimilarityParams) -> Verdict | None:
    """Score `similarity` >= min_similarity. An image without the score is let pass."""
    score = image.scores.get("similarity")
    if params.min_similarity is None or score is None or score >= params.min_similarity:
        return None
    return Verdict(FilterReason.IMAGE_UNRELATED, score, params.min_similarity)
