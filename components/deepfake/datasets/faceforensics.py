"""FaceForensics++ with FaceShifter and the DeepFakeDetection set of Google (Rössler et al. 2019, arXiv
1901.08971).

Layout (read in the README of the owners' `dataset` folder):
`original_sequences/{youtube,actors}/{raw,c23,c40}/videos/*.mp4` and
`manipulated_sequences/METHOD/{raw,c23,c40}/videos/*.mp4`; `c0` is an older name of `raw`. Frames that were
taken out lie in `images` or `frames` beside `videos`, a folder a video. `splits/{train,val,test}.json` (or
beside the sequences) are lists of pairs of ids: 720, 140 and 140 videos. A forged `071_054.mp4` shows the
face of 054 on the video 071. Names of DeepFakeDetection (`01_02__exit_phone_room__YVGY8LOK.mp4`: actor 02's
face on actor 01) were read in lists of others; that set has no official split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile
from components.core.store import Stores
from components.deepfake.datasets.base import LabelledFile, MediaDataset, listing
from components.deepfake.datasets.label_files import is_image, is_video, need_folders, read_json, stem

_FAMILIES: Final = {
    "Deepfakes": "swap",
    "FaceSwap": "swap",
    "FaceShifter": "swap",
    "DeepFakeDetection": "swap",
    "Face2Face": "reenactment",
    "NeuralTextures": "reenactment",
}
_PATH: Final = re.compile(
    r"(?P<top>original|manipulated)_sequences/(?P<set>[^/]+)/(?P<compression>raw|c0|c23|c40)/"
    r"(?:videos|(?:images|frames)/(?P<video>[^/]+))/[^/]+"
)
_SPLITS: Final = {"train": "train", "val": "validation", "test": "test"}


class FaceForensics(MediaDataset):
    """Adapter of FaceForensics++."""

    name = "faceforensics"
    says = "FaceForensics++: 1,000 videos of YouTube and six methods on them"
    url = "https://github.com/ondyari/FaceForensics"
    licence = "terms of use of FaceForensics; research only"
    counts = {
        "real": 1363, "Deepfakes": 1000, "Face2Face": 1000, "FaceSwap": 1000, "NeuralTextures": 1000,
        "FaceShifter": 1000, "DeepFakeDetection": 3068,
    }  # fmt: skip

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """Videos of every compression that is there, and frames taken out of them."""
        found = listing(root, stores)
        need_folders(root, found, ("original_sequences", "manipulated_sequences"))
        splits, partners = _splits(found, stores)
        for path, file in found.items():
            place = _PATH.fullmatch(path)
            if place is None or not (is_image(path) if place["video"] else is_video(path)):
                continue
            yield _file(file, place, place["video"] or stem(path), splits, partners)


def person_group(video: str, partners: Mapping[str, str] | None = None) -> str:
    """What keeps both videos of a pair of FaceForensics++ together: the lesser of their ids; for the actors
    of DeepFakeDetection, the one who is in the picture."""
    if "__" in video:
        return "actor " + re.split("_+", video)[0]
    first, _, second = video.partition("_")
    second = second or (partners or {}).get(first, first)
    return "youtube " + min(first, second)


def _file(
    file: FoundFile, place: re.Match[str], video: str, splits: Mapping[str, str], partners: Mapping[str, str]
) -> LabelledFile:
    forged = place["top"] == "manipulated"
    compression = {"c0": "raw"}.get(place["compression"], place["compression"])
    attributes = {"compression": compression}
    if place["video"]:
        attributes["sequence"] = f"{place['set']}/{compression}/{video}"
    actors = "__" in video
    target = video.partition("_")[0]
    return LabelledFile(
        file.uri,
        file.size,
        int(forged),
        place["set"] if forged else None,
        _FAMILIES.get(place["set"]) if forged else None,
        None if actors else splits.get(target),
        person_group(video, partners),
        target if forged and not actors else None,
        attributes,
    )


def _splits(found: Mapping[str, FoundFile], stores: Stores) -> tuple[dict[str, str], dict[str, str]]:
    """Split of every id, and the other id of its pair."""
    splits: dict[str, str] = {}
    partners: dict[str, str] = {}
    for name, split in _SPLITS.items():
        file = found.get(f"splits/{name}.json") or found.get(f"{name}.json")
        if file is None:
            continue
        for number, pair in enumerate(read_json(file, stores, list), 1):
            if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair)):
                raise ConfigurationError(f"{file.uri}: entry {number} is {pair!r}; a pair of ids is needed.")
            for own, other in (pair, pair[::-1]):
                if splits.setdefault(own, split) != split:
                    raise ConfigurationError(
                        f"{file.uri}: entry {number}: {own} is in the split {splits[own]} as well."
                    )
                partners[own] = other
    return splits, partners
