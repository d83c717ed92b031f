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
    # inputs that hold no pairs to read (`pair_sources`)
    UNSUPPORTED_KIND = "unsupported_kind"
    EMPTY_FILE = "empty_file"
    REPEATED = "repeated"
    UNREADABLE = "unreadable"
    URLS_ONLY = "urls_only"
    NO_IMAGE_COLUMN = "no_image_column"
    DESCRIBES_ANOTHER = "describes_another"
    # pairs that could not be read (`read_pairs`)
    BAD_RECORD = "bad_record"
    NO_IMAGE = "no_image"
    BAD_PATH = "bad_path"
    TOO_MANY_BYTES = "too_many_bytes"
    NOT_AN_IMAGE = "not_an_image"
    IMAGE_TOO_LARGE = "image_too_large"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    PARSER_ERROR = "parser_error"
    NOT_FOUND_AGAIN = "not_found_again"
    # parts of pairs that were lost or altered (`read_pairs`)
    BAD_JSON = "bad_json"
    TEXT_NOT_UTF8 = "text_not_utf8"
    TEXT_CUT = "text_cut"
    FURTHER_IMAGES = "further_images"
    # images that are not captioned (`pairs`)
    NOT_SHOWN = "not_shown"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_ASPECT = "image_aspect"
    IMAGE_SYNTHETIC = "image_synthetic"
    IMAGE_FORGED = "image_forged"
    NO_ALT = "no_alt"
    ALT_TOO_SHORT = "alt_too_short"
    UNINFORMATIVE_ALT = "uninformative_alt"
    # alternative texts that are not used, parts of captions that are taken out (`align` to `verify`)
    IMAGE_MISSING = "image_missing"
    NO_ALT_TEXT = "no_alt_text"
    ALT_TEXT_UNRELATED = "alt_text_unrelated"
    ALIGNMENT_UNKNOWN = "alignment_unknown"
    ARTEFACT_SENTENCE = "artefact_sentence"
    ONLY_ARTEFACTS = "only_artefacts"
    UNSUPPORTED_CLAIM = "unsupported_claim"
    CONTRADICTED_CLAIM = "contradicted_claim"
    ORPHANED_CLAIM = "orphaned_claim"
    NOTHING_SUPPORTED = "nothing_supported"
