"""The verdict on one image or video, with evidence: what `kalemint screen` calls for every file."""

from __future__ import annotations

from components.core.errors import BadRecord
from components.core.store import Stores
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import Sample
from components.deepfake.screen_params import ScreenParams
from components.deepfake.screener import Screener
from components.deepfake.verdict import Verdict

MAX_BYTES = 4 << 30
"""Largest file that is read: all of it is held in memory."""


def screen(data: bytes, screener: Screener | None = None) -> tuple[Verdict, Sample]:
    """Judge one image or video.

    Args:
        data: the file.
        screener: detectors that are open; those of `ScreenParams()` if None.

    Returns:
        The verdict, with evidence, and the sample that the evidence is about.

    Raises:
        BadRecord: with a `DeepfakeReason`, for a file that can't be examined and declares nothing that
            decides.
    """
    screener = screener or Screener(ScreenParams())
    provenance = screener.provenance(data)
    try:
        sample = screener.examined(data, provenance)
    except BadRecord:
        if provenance.verdict != "synthetic":
            raise
        sample = screener.unexamined(data, provenance)  # what it declares needs no pixel
    return screener.verdict(sample), sample


def screen_file(
    location: str, screener: Screener | None = None, stores: Stores | None = None
) -> tuple[Verdict, Sample]:
    """`screen` for a file, by path or URI (`s3://`, `file://`).

    Raises:
        BadRecord: as `screen`, and for a file that is not there or too large.
    """
    stores = stores or Stores()
    found = stores.stat(location)
    if found is None:
        raise BadRecord(DeepfakeReason.UNREADABLE, "there is no such file")
    if found.size > MAX_BYTES:
        raise BadRecord(DeepfakeReason.MEDIA_TOO_LARGE, f"{found.size} bytes; the most is {MAX_BYTES}")
    return screen(stores.read(location), screener)
