"""Images whose address says that they are decoration or pornography."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict


class ImageUrlWordsParams(BaseModel):
    """Words that an image's URL must not contain."""

    image_url_words: list[str] = Field(
        default=["logo", "avatar", "porn", "xxx"],
        description=(
            "Case-sensitive substrings of the whole image URL (MINT-1T names the words, OBELICS' code "
            "the way they are compared)."
        ),
    )
    image_url_scope: Literal["image", "document"] = Field(
        default="image",
        description=(
            "What a match removes. image: that image only, as OBELICS' code does; document: the whole "
            "document, as summaries of MINT-1T word it."
        ),
    )


def image_url_words(image: ImageFacts, params: ImageUrlWordsParams) -> Verdict | None:
    """No word of image_url_words is part of the URL. An image without a URL is let pass."""
    if image.url is None:
        return None
    for word in params.image_url_words:
        if word in image.url:
            return Verdict(
                FilterReason.IMAGE_URL_WORD,
                detail=f"{word!r} in the URL of an image",
                scope=params.image_url_scope,
            )
    return None
