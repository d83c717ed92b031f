"""Images that are so long and narrow that they are banners or rules."""

from __future__ import annotations

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageAspectParams(BaseModel):
    """Most elongated image that is kept, by the source of its document."""

    max_aspect_html: float = Field(
        default=2.0, ge=1, description="Longer side over shorter side in HTML documents (MINT-1T)."
    )
    max_aspect_pdf: float = Field(
        default=3.0,
        ge=1,
        description="Longer over shorter side in PDF documents: figures are wide (MINT-1T).",
    )
    max_aspect_latex: float = Field(
        default=3.0,
        ge=1,
        description="Longer over shorter side in LaTeX documents; as for PDF, no paper says.",
    )
    max_aspect_image: float = Field(
        default=3.0, ge=1, description="Longer over shorter side of single images (DataComp basic filter)."
    )


def image_aspect(image: ImageFacts, params: ImageAspectParams) -> Verdict | None:
    """Longer side <= maximum x shorter side. An image of unknown size is let pass."""
    if not image.width or not image.height:
        return None
    limits = {
        "html": params.max_aspect_html,
        "pdf": params.max_aspect_pdf,
        "latex": params.max_aspect_latex,
        "image": params.max_aspect_image,
    }
    limit = limits[image.source]
    aspect = max(image.width, image.height) / min(image.width, image.height)
    if aspect > limit:
        return Verdict(
            FilterReason.IMAGE_ASPECT, round(aspect, 4), limit, f"{image.width}x{image.height} pixels"
        )
    return None
