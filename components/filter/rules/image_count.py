"""Documents that show no image, or too many."""

from __future__ import annotations

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import DocumentFacts, Verdict


class ImageCountParams(BaseModel):
    """How many images a document may show, counted after the image rules have taken theirs out."""

    require_images: bool = Field(
        default=True,
        description=(
            "Drop documents of any source that are left without an image (OBELICS: a document needs at "
            "least one text and one image). False keeps them; min_images then has no effect."
        ),
    )
    min_images: int = Field(default=1, ge=1, description="Fewest images of an HTML document (MINT-1T).")
    max_images: int = Field(default=30, ge=1, description="Most images of an HTML document (MINT-1T).")


def image_count(document: DocumentFacts, images: int, params: ImageCountParams) -> Verdict | None:
    """HTML: min_images to max_images. Other sources, for which no bound is published: at least one."""
    html = document.source == "html"
    fewest = params.min_images if html else 1
    if params.require_images and images < fewest:
        return Verdict(FilterReason.TOO_FEW_IMAGES, images, fewest)
    if html and images > params.max_images:
        return Verdict(FilterReason.TOO_MANY_IMAGES, images, params.max_images)
    return None
