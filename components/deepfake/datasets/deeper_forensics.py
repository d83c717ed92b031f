"""DeeperForensics-1.0 (Jiang et al. 2020, arXiv 2001.03024).

Layout (read in the owners' `dataset/README.md`): `manipulated_videos/VARIANT/000_M101.mp4`, where VARIANT is
one of 11 (`end_to_end`, `end_to_end_level_1` to 5, `end_to_end_random_level`,
`end_to_end_mix_2_distortions` to 4, `reenact_postprocess`), 1,000 videos each: the face of actor M101 on
video 000 of FaceForensics++; `source_videos/M101/...`, 48,475 of them, with light, emotion and camera in
their names; `lists/splits/{train,val,test}.txt`, a forged video a line.

The source videos are not the real side of the set, its owners say: that is FaceForensics++ at c23, which
`faceforensics` reads. They are of real, consenting actors nevertheless, and come with `source_videos: true`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import Field

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile
from components.core.store import Stores
from components.deepfake.datasets.base import DatasetParams, LabelledFile, MediaDataset, listing
from components.deepfake.datasets.label_files import is_video, need_folders, read_lines, stem

_NAME: Final = re.compile(r"(?P<target>\d{3})_(?P<actor>[MW]\d{3})")
_SPLITS: Final = {"train": "train", "val": "validation", "test": "test"}


class DeeperForensicsParams(DatasetParams):
    """What of DeeperForensics-1.0 is read."""

    source_videos: bool = Field(
        False, description="Whether videos of the actors come as real ones, without a split."
    )


class DeeperForensics(MediaDataset):
    """Adapter of DeeperForensics-1.0."""

    name = "deeper_forensics"
    says = "DeeperForensics-1.0: faces of 100 actors on FaceForensics++ by DF-VAE, with perturbations"
    url = "https://github.com/EndlessSora/DeeperForensics-1.0"
    licence = "terms of use of DeeperForensics-1.0; research only"
    counts = {"DF-VAE": 11_000}
    params_model = DeeperForensicsParams

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """Forged videos, grouped by actor as their owners ask for, and source videos where wanted."""
        assert isinstance(self.params, DeeperForensicsParams)
        found = listing(root, stores)
        need_folders(root, found, ("manipulated_videos", "source_videos"))
        splits = _splits(found, stores)
        for path, file in found.items():
            top, *folders, name = path.split("/")
            if not is_video(name):
                continue
            if top == "manipulated_videos" and len(folders) == 1:
                yield _forged(file, folders[0], name, splits)
            elif top == "source_videos" and folders and self.params.source_videos:
                yield LabelledFile(
                    file.uri, file.size, 0, group=folders[0], attributes=_attributes(folders[0], stem(name))
                )


def _forged(file: FoundFile, variant: str, name: str, splits: Mapping[str, str]) -> LabelledFile:
    place = _NAME.fullmatch(stem(name))
    if place is None:
        raise ConfigurationError(f"{file.uri}: a name such as 000_M101.mp4 is needed.")
    attributes = _attributes(place["actor"], "") | {"variant": variant}
    return LabelledFile(
        file.uri,
        file.size,
        1,
        "DF-VAE",
        "swap",
        splits.get(stem(name)),
        place["actor"],
        place["target"],
        attributes,
    )


def _attributes(actor: str, video: str) -> dict[str, str]:
    found = {"gender": {"M": "male", "W": "female"}.get(actor[:1], "")}
    light = re.search(r"_light_([a-z]+)_", video)
    camera = re.search(r"_camera_([a-z]+)$", video)
    found |= {"light": light.group(1)} if light else {}
    found |= {"camera": camera.group(1)} if camera else {}
    return {name: value for name, value in found.items() if value}


def _splits(found: Mapping[str, FoundFile], stores: Stores) -> dict[str, str]:
    splits: dict[str, str] = {}
    for name, split in _SPLITS.items():
        file = found.get(f"lists/splits/{name}.txt")
        if file is None:
            continue
        for number, line in read_lines(file, stores):
            video = stem(line) if "." in line else line
            if not _NAME.fullmatch(video):
                raise ConfigurationError(f"{file.uri}, line {number}: {line!r} is not like 000_M101.mp4.")
            if splits.setdefault(video, split) != split:
                raise ConfigurationError(f"{file.uri}, line {number}: {video} is in {splits[video]} as well.")
    return splits
