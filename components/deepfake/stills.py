"""What readers of still images share: size, orientation, and what is wrong with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from components.core.errors import BadRecord
from components.core.images import ImageReason
from components.deepfake.reasons import DeepfakeReason

if TYPE_CHECKING:
    from PIL.Image import Image

_ORIENTATION: Final = 0x0112
_QUARTER_TURNS: Final = frozenset({5, 6, 7, 8})
_REASONS: Final = {
    ImageReason.NOT_AN_IMAGE: DeepfakeReason.NOT_MEDIA,
    ImageReason.IMAGE_TOO_LARGE: DeepfakeReason.MEDIA_TOO_LARGE,
}


def checked_size(picture: Image, max_pixels: int) -> tuple[int, int]:
    """Width and height as coded.

    Raises:
        BadRecord: IMAGE_TOO_LARGE.
    """
    width, height = picture.size
    if width * height > max_pixels:
        detail = f"the header says {width}x{height} pixels; max_pixels is {max_pixels:,}"
        raise BadRecord(ImageReason.IMAGE_TOO_LARGE, detail)
    return width, height


def is_turned(picture: Image) -> bool:
    """Whether its EXIF orientation makes its width its height."""
    return picture.getexif().get(_ORIENTATION, 1) in _QUARTER_TURNS


def of_this_family(bad: BadRecord) -> BadRecord:
    """A fault of an image in the words of this family."""
    assert isinstance(bad.reason, ImageReason)
    is_cut = bad.reason == ImageReason.IMAGE_UNDECODABLE and "truncated" in bad.detail.lower()
    fallback = DeepfakeReason.TRUNCATED if is_cut else DeepfakeReason.UNDECODABLE
    return BadRecord(_REASONS.get(bad.reason, fallback), bad.detail)
