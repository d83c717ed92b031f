"""IPTC's vocabulary of digital source types, and what each says of a picture.

https://cv.iptc.org/newscodes/digitalsourcetype/ (CC BY 4.0), release of October 2024; C2PA uses the same.
"""

from __future__ import annotations

import re
from typing import Final

from components.deepfake.sample import ProvenanceVerdict

_TYPES: Final[dict[str, tuple[ProvenanceVerdict, str]]] = {
    "trainedAlgorithmicMedia": ("synthetic", "made by a trained algorithm (generative AI)"),
    "compositeWithTrainedAlgorithmicMedia": ("synthetic", "edited or composed with generative AI"),
    "compositeSynthetic": ("synthetic", "a composite with at least one synthetic element"),
    "algorithmicMedia": ("synthetic", "made by an algorithm without training data"),
    "virtualRecording": ("synthetic", "a recording of a virtual event, or with synthetic people"),
    "trainedAlgorithmicData": ("synthetic", "made by a trained algorithm"),
    "humanEdits": ("edited", "edited by a person without generative AI"),
    "minorHumanEdits": ("edited", "edited slightly by a person"),
    "algorithmicallyEnhanced": ("edited", "altered by an algorithm without generative AI"),
    "composite": ("edited", "a composite of several elements"),
    "compositeCapture": ("edited", "a composite of several captures"),
    "digitalCapture": ("captured", "taken by a camera"),
    "computationalCapture": ("captured", "taken by a camera in several frames, merged without generative AI"),
    "negativeFilm": ("captured", "digitised from a negative"),
    "positiveFilm": ("captured", "digitised from a slide"),
    "print": ("captured", "digitised from a print"),
    "digitalCreation": ("none", "created by a person with software"),
    "digitalArt": ("none", "created by a person with software"),
    "softwareImage": ("none", "created by a person with software"),
    "dataDrivenMedia": ("none", "drawn from data"),
    "screenCapture": ("none", "a capture of a screen"),
}
_BY_NAME: Final = {name.lower(): (name, *found) for name, found in _TYPES.items()}
_LONGEST_FIRST: Final = sorted(_TYPES, key=len, reverse=True)
_IN_BYTES: Final = re.compile(b"digitalsourcetype/(" + "|".join(_LONGEST_FIRST).encode() + b")")


def source_type(value: str) -> tuple[str, ProvenanceVerdict, str] | None:
    """Name, verdict and meaning of a term, given as its address, as `digsrctype:TERM`, or alone."""
    return _BY_NAME.get(re.split(r"[/:]", value.strip().rstrip("/"))[-1].lower())


def in_bytes(data: bytes) -> list[str]:
    """Terms whose addresses stand in binary data (CBOR), where nothing marks their end."""
    return list(dict.fromkeys(match.group(1).decode() for match in _IN_BYTES.finditer(data)))
