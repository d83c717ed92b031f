"""The closed list of reasons of the caption family."""

from __future__ import annotations

from enum import StrEnum


class CaptionReason(StrEnum):
    """Why a caption was dropped or could not be made, or a part of it was taken out or altered."""

    # degenerate output (`outputs.degenerate`)
    EMPTY_OUTPUT = "empty_output"
    LOOPING_OUTPUT = "looping_output"
    CUT_OFF_OUTPUT = "cut_off_output"
    REFUSED_BY_MODEL = "refused_by_model"
    LEAKED_PROMPT = "leaked_prompt"
    OUTPUT_TOO_SHORT = "output_too_short"
    OUTPUT_TOO_LONG = "output_too_long"
    SAME_CAPTION = "same_caption"
    # requests that an engine could not answer (`Completion.error`)
    IMAGE_UNDECODABLE = "image_undecodable"
    PROMPT_TOO_LONG = "prompt_too_long"
    ENGINE_TIMEOUT = "engine_timeout"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    ENGINE_REFUSED = "engine_refused"
    ENGINE_GARBAGE = "engine_garbage"
