"""The closed list of reasons of the LaTeX extractor."""

from __future__ import annotations

from enum import StrEnum


class LatexReason(StrEnum):
    """Why a source, or a part of it, is not in the document.

    Drops: `no_latex`, `no_text`. Failures: `archive_*` but for notes, `too_complex`. The others are
    notes: the document is kept without that part.
    """

    NO_LATEX = "no_latex"
    NO_TEXT = "no_text"
    ARCHIVE_BOMB = "archive_bomb"
    ARCHIVE_CORRUPT = "archive_corrupt"
    ARCHIVE_TOO_LARGE = "archive_too_large"
    TOO_COMPLEX = "too_complex"
    MEMBER_IGNORED = "member_ignored"
    OTHER_MAIN_FILE = "other_main_file"
    INPUT_MISSING = "input_missing"
    INPUT_LOOP = "input_loop"
    MACRO_DISABLED = "macro_disabled"
    VECTOR_CODE = "vector_code"
    FIGURE_MISSING = "figure_missing"
    FIGURE_UNREADABLE = "figure_unreadable"
    FIGURE_LIMIT = "figure_limit"
    CONVERTER_MISSING = "converter_missing"
