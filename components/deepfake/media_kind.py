"""What a file is, by its bytes: an image or a video, its measures, what it declares of its origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from components.core.errors import BadRecord
from components.core.images import ImageReason, opened
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import Provenance
from components.deepfake.stills import checked_size, is_turned, of_this_family


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """Columns of media/1 that the bytes of a file give; `problem` where a part of it is missing."""

    kind: Literal["image", "video"]
    format: str
    width: int
    height: int
    seconds: float
    fps: float
    has_audio: bool
    provenance: Provenance
    problem: DeepfakeReason | None = None


def media_facts(data: bytes, max_pixels: int) -> MediaFacts:
    """Decode a still (an eighth of its size where the format allows) or the first frame of a video.

    An animated image is an image. Called in the sandbox.

    Raises:
        BadRecord: with a `DeepfakeReason`: NOT_MEDIA, MEDIA_TOO_LARGE, UNDECODABLE, TRUNCATED (an image),
            UNSUPPORTED_KIND or NO_FRAMES.
    """
    from components.deepfake.provenance import read_provenance
    from components.deepfake.video_file import probe

    try:
        form, width, height = _still(data, max_pixels)
    except BadRecord as bad:
        if bad.reason != ImageReason.NOT_AN_IMAGE:
            raise of_this_family(bad) from None
    else:
        return MediaFacts("image", form, width, height, 0.0, 0.0, False, read_provenance(data, form))
    about = probe(data)
    return MediaFacts(
        "video",
        about.format,
        about.width,
        about.height,
        about.seconds,
        about.fps,
        about.has_audio,
        read_provenance(data, about.format),
        about.problem,
    )


def _still(data: bytes, max_pixels: int) -> tuple[str, int, int]:
    """Format, width and height as displayed, of an image that can be decoded."""
    with opened(data) as picture:
        width, height = checked_size(picture, max_pixels)
        form = str(picture.format).lower()
        turned = is_turned(picture)
        picture.draft("RGB", (max(1, width // 8), max(1, height // 8)))
        picture.load()
    return form, *((height, width) if turned else (width, height))
