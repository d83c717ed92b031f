"""The closed list of reasons of the distill family."""

from __future__ import annotations

from enum import StrEnum


class DistillReason(StrEnum):
    """Why a caption teaches the student nothing, or could not be compared."""

    KEPT_FOR_AUDIT = "kept_for_audit"
    CONTAMINATED_IMAGE = "contaminated_image"
    CONTAMINATED_TEXT = "contaminated_text"
    CAPTION_TOO_SHORT = "caption_too_short"
    CAPTION_TOO_LONG = "caption_too_long"
    NO_ALT_TEXT = "no_alt_text"
    NO_DENSE_CAPTION = "no_dense_caption"
