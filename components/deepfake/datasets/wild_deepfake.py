"""WildDeepfake (Zi et al. 2020, arXiv 2101.01456): faces cut out of 707 videos from the internet.

Layout: `real_train`, `fake_train`, `real_test` and `fake_test` (read in code of users), below them folders of
frames, a sequence each, such as `fake_train/12/fake/340/0.png` (from memory; any depth is read). 3,805 real
and 3,509 forged sequences, from memory. The frames are faces already, cut out and aligned by the owners.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.core.store import Stores
from components.deepfake.datasets.base import LabelledFile, MediaDataset, listing
from components.deepfake.datasets.label_files import FORGED, is_image, need_folders

_FOLDERS: Final = {
    "real_train": (0, "train"),
    "fake_train": (1, "train"),
    "real_test": (0, "test"),
    "fake_test": (1, "test"),
}


class WildDeepfake(MediaDataset):
    """Adapter of WildDeepfake."""

    name = "wild_deepfake"
    says = "WildDeepfake: sequences of faces from videos found on the internet"
    url = "https://github.com/OpenTAI/wild-deepfake"
    licence = "terms of WildDeepfake; research only"
    counts = {"real": 3805, FORGED: 3509}

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """Frames, as images; the first folder below the four is the group."""
        found = listing(root, stores)
        need_folders(root, found, _FOLDERS)
        for path, file in found.items():
            top, *folders, _ = path.split("/")
            if top not in _FOLDERS or not folders or not is_image(path):
                continue
            label, split = _FOLDERS[top]
            yield LabelledFile(
                file.uri,
                file.size,
                label,
                "in the wild" if label else None,
                "swap" if label else None,
                split,
                f"{top}/{folders[0]}",
                None,
                {"sequence": path.rpartition("/")[0]},
            )
