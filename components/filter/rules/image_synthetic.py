"""Images that declare that they are synthetic, or that detectors take for forged."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageSyntheticParams(BaseModel):
    """What happens to images that the step `screen` found synthetic or forged."""

    synthetic_images: Literal["flag", "image", "document"] = Field(
        default="flag",
        description=(
            "What an image removes that declares to be synthetic (C2PA, IPTC, a generator's settings). flag: "
            "nothing, its scores stay with it; image: that image; document: the whole document."
        ),
    )
    max_forged_probability: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description=(
            "Highest probability of being forged that detectors may give an image; null: any. Only images "
            "have one about which the detectors do not abstain."
        ),
    )
    forged_scope: Literal["image", "document"] = Field(
        default="image", description="What an image above max_forged_probability removes."
    )


def image_synthetic(image: ImageFacts, params: ImageSyntheticParams) -> Verdict | None:
    """Not declared synthetic, and `forged_probability` <= its maximum. Without the scores it is let pass."""
    if params.synthetic_images != "flag" and image.scores.get("synthetic_declared", 0) > 0:
        detail = "the file declares that it is synthetic"
        return Verdict(FilterReason.IMAGE_SYNTHETIC, detail=detail, scope=params.synthetic_images)
    score, most = image.scores.get("forged_probability"), params.max_forged_probability
    if most is None or score is None or score <= most:
        return None
    return Verdict(FilterReason.IMAGE_FORGED, score, most, scope=params.forged_scope)
