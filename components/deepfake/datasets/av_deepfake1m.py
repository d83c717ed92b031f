"""AV-Deepfake1M (Cai et al. 2024, arXiv 2311.15308): words exchanged in speech, with voice, lips or both.

Layout (files read in the owners' repository of data, fields in the pages of their challenge):
`train_metadata.json` and `val_metadata.json`, lists of objects with `file`, `original` (a path in VoxCeleb2
for a real one), `split`, `modify_type` (real, visual_modified, audio_modified, both_modified),
`fake_segments`, `audio_fake_segments`, `visual_fake_segments`; videos in `train`, `val` and `test`;
`test_files.txt` without labels. The whole list is held in memory: some 2 GB for `train`. More than 1 million
videos; what is documented counts the unlabelled test set in, so that nothing is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile
from components.core.store import Stores
from components.deepfake.datasets.base import LabelledFile, MediaDataset, listing
from components.deepfake.datasets.label_files import is_video, one_of, read_json

_TYPES: Final = {
    "real": (False, False),
    "visual_modified": (True, False),
    "audio_modified": (False, True),
    "both_modified": (True, True),
}
_SPLITS: Final = {"train": "train", "val": "validation"}


class AVDeepfake1M(MediaDataset):
    """Adapter of AV-Deepfake1M."""

    name = "av_deepfake1m"
    says = "AV-Deepfake1M: single words forged in speech of 2,000 people"
    url = "https://github.com/ControlNet/AV-Deepfake1M"
    licence = "CC BY-NC 4.0"

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """Videos that the lists name, then those of `test`, without labels.

        One with a forged voice alone has no label: its pictures are real.
        """
        found = listing(root, stores)
        tables = {split: found.get(f"{folder}_metadata.json") for folder, split in _SPLITS.items()}
        if not any(tables.values()):
            raise ConfigurationError(f"{root} has neither train_metadata.json nor val_metadata.json.")
        for folder, split in _SPLITS.items():
            table = tables[split]
            if table is None:
                continue
            for number, entry in enumerate(read_json(table, stores, list), 1):
                yield _of_entry(entry, folder, split, found, f"{table.uri}: entry {number}")
        for path, file in found.items():
            if path.startswith("test/") and is_video(path):
                yield LabelledFile(file.uri, file.size, split="test")


def _of_entry(
    entry: object, folder: str, split: str, found: Mapping[str, FoundFile], where: str
) -> LabelledFile:
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
        raise ConfigurationError(f"{where} names no file.")
    picture, voice = one_of(entry.get("modify_type"), _TYPES, f"{where}: modify_type")
    path = f"{folder}/{entry['file']}"
    file = found.get(path)
    original = entry.get("original")
    return LabelledFile(
        file.uri if file else path,
        file.size if file else None,
        1 if picture else None if voice else 0,
        entry["modify_type"] if picture or voice else None,
        "talking_head" if picture else None,
        split,
        _person(entry["file"], original),
        original if picture and isinstance(original, str) else None,
        {"voice": "forged" if voice else "real"} | _segments(entry),
    )


def _person(file: str, original: object) -> str | None:
    """Number of the person in VoxCeleb2, such as id00012."""
    for path in (file, original):
        found = re.search(r"(?:^|/)(id\d+)/", path) if isinstance(path, str) else None
        if found:
            return found.group(1)
    return None


def _segments(entry: Mapping[str, Any]) -> dict[str, str]:
    """Seconds that are forged in the picture, as `0.5-0.9 2-2.4`."""
    given = entry.get("visual_fake_segments") or []
    text = " ".join(f"{start:g}-{end:g}" for start, end in given)
    return {"forged_seconds": text} if text else {}
