"""Celeb-DF versions 1 and 2 (Li et al. 2020, arXiv 1909.12962).

Layout (folders and list read in the code of many users, such as the README of SelfBlendedImages):
`Celeb-real/id0_0000.mp4`, `Celeb-synthesis/id0_id1_0000.mp4` (the face of id1 on `id0_0000.mp4`),
`YouTube-real/00000.mp4`, a folder `videos` in between allowed, and `List_of_testing_videos.txt` with lines
such as `1 YouTube-real/00170.mp4`, in which 1 means real. Version 1 has 158 + 250 real and 795 forged videos
(read in the owners' README), version 2 590 + 300 and 5,639; its test list has 518 lines. What the list does
not name is for training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile
from components.core.store import Stores
from components.deepfake.datasets.base import LabelledFile, MediaDataset, listing
from components.deepfake.datasets.label_files import is_video, need_folders, read_lines

_LIST: Final = "List_of_testing_videos.txt"
_FOLDERS: Final = {"Celeb-real": 0, "Celeb-synthesis": 1, "YouTube-real": 0, "Youtube-real": 0}
_REAL_IN_LIST: Final = "1"


class CelebDF(MediaDataset):
    """What both versions share; abstract, for it has no name."""

    url = "https://github.com/yuezunli/celeb-deepfakeforensics"
    licence = "terms of use of Celeb-DF; research only"


class CelebDFv1(CelebDF):
    """Adapter of version 1."""

    name = "celeb_df_v1"
    says = "Celeb-DF, version 1: celebrities on YouTube, one improved method of swapping"
    counts = {"real": 408, "Celeb-synthesis": 795}

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """All videos."""
        return _files(root, stores)


class CelebDFv2(CelebDF):
    """Adapter of version 2."""

    name = "celeb_df_v2"
    says = "Celeb-DF, version 2: celebrities on YouTube, one improved method of swapping"
    counts = {"real": 890, "Celeb-synthesis": 5639}

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """All videos."""
        return _files(root, stores)


def celebrity(video: str) -> str | None:
    """Person in the picture of a video by its name, such as id0 of `id0_id1_0000`."""
    found = re.match(r"id\d+(?=_)", video)
    return found.group() if found else None


def _files(root: str, stores: Stores) -> Iterator[LabelledFile]:
    found = listing(root, stores)
    need_folders(root, found, _FOLDERS)
    testing = _testing(found, stores)
    for path, file in found.items():
        folder, _, name = path.partition("/")
        name = name.removeprefix("videos/")
        if folder not in _FOLDERS or "/" in name or not is_video(name):
            continue
        forged = bool(_FOLDERS[folder])
        split = None if testing is None else "test" if _key(folder, name) in testing else "train"
        source = f"Celeb-real/{re.sub('_id[0-9]+', '', name, count=1)}" if forged else None
        yield LabelledFile(
            file.uri,
            file.size,
            int(forged),
            "Celeb-synthesis" if forged else None,
            "swap" if forged else None,
            split,
            celebrity(name) or f"YouTube-real/{name}",
            source,
        )


def _testing(found: Mapping[str, FoundFile], stores: Stores) -> set[str] | None:
    """Names in the list; None without one."""
    file = found.get(_LIST)
    if file is None:
        return None
    names = set()
    for number, line in read_lines(file, stores):
        digit, _, path = line.partition(" ")
        folder, _, name = path.strip().partition("/")
        if digit not in ("0", "1") or folder not in _FOLDERS or not name:
            raise ConfigurationError(
                f"{file.uri}, line {number}: {line!r}; 0 or 1 and a path such as "
                "Celeb-real/id0_0000.mp4 are needed."
            )
        if (digit == _REAL_IN_LIST) == bool(_FOLDERS[folder]):
            raise ConfigurationError(f"{file.uri}, line {number}: {digit} (1: real) for a file in {folder}.")
        names.add(_key(folder, name))
    return names


def _key(folder: str, name: str) -> str:
    return f"{folder.lower()}/{name.removeprefix('videos/')}"
