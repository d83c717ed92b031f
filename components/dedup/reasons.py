"""The closed list of reasons of the dedup family."""

from __future__ import annotations

from enum import StrEnum


class DedupReason(StrEnum):
    """Why a document or an image was dropped, or what could not be computed of it."""

    SAME_URL = "same_url"
    EXACT_TEXT = "exact_text"
    NEAR_TEXT = "near_text"
    SEMANTIC_TEXT = "semantic_text"
    REPEATED_TEXT = "repeated_text"
    REPEATED_LINES = "repeated_lines"
    BOILERPLATE = "boilerplate"
    ONLY_BOILERPLATE = "only_boilerplate"
    EXACT_IMAGE = "exact_image"
    NO_PERCEPTUAL_HASH = "no_perceptual_hash"
    FLAT_IMAGE = "flat_image"
