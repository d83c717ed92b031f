"""The closed list of reasons of the deepfake family."""

from __future__ import annotations

from enum import StrEnum


class DeepfakeReason(StrEnum):
    """Why a file or a face was dropped or could not be examined, or is less than was planned."""

    # files (`media_sources`, `read_media`, `examine`)
    EMPTY_FILE = "empty_file"
    REPEATED = "repeated"
    NOT_DOWNLOADED = "not_downloaded"
    UNSUPPORTED_KIND = "unsupported_kind"
    NOT_MEDIA = "not_media"
    MEDIA_TOO_LARGE = "media_too_large"
    UNDECODABLE = "undecodable"
    TRUNCATED = "truncated"
    NO_FRAMES = "no_frames"
    TIMEOUT = "timeout"
    UNREADABLE = "unreadable"
    # files, in the process that decodes them (`components.core.sandbox`)
    FILE_CHANGED = "file_changed"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    PARSER_ERROR = "parser_error"
    # faces
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    TOO_MANY_FACES = "too_many_faces"
    # splits (`splits`)
    SPLIT_LEAK = "split_leak"
    # forgeries (`synthesize`)
    CANNOT_FORGE = "cannot_forge"
