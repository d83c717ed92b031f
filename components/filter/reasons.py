"""The closed list of reasons of the filter family."""

from __future__ import annotations

from enum import StrEnum


class FilterReason(StrEnum):
    """Why a document was dropped, or an image was taken out of a document."""

    TOO_FEW_WORDS = "too_few_words"
    TOO_MANY_WORDS = "too_many_words"
    OTHER_LANGUAGE = "other_language"
    LANGUAGE_UNSURE = "language_unsure"
    TOO_FEW_IMAGES = "too_few_images"
    TOO_MANY_IMAGES = "too_many_images"
    IMAGE_URL_WORD = "image_url_word"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_SIZE_UNKNOWN = "image_size_unknown"
    IMAGE_ASPECT = "image_aspect"
    IMAGE_REPEATED = "image_repeated"
