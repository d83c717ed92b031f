"""The Deepfake Detection Challenge and its preview (Dolhansky et al. 2019 and 2020, arXiv 1910.08854 and
2006.07397).

DFDC, layout from memory, as used by many: folders `dfdc_train_part_N`, each with `metadata.json`:
`{"aaa.mp4": {"label": "FAKE", "split": "train", "original": "bbb.mp4"}, ...}`. Neither methods (8) nor people
(960) are labelled; by far most forgeries are swaps. 23,654 real and 104,500 forged in the training set.

Preview, keys read in code of users: `dataset.json`: `{"method_A/1/1_2/x.mp4": {"label": "fake", "set":
"train", "target_id": 1, "swapped_id": 2, "augmentations": []}, ...}`. 1,131 real and 4,119 forged; 66 people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile
from components.core.store import Stores
from components.deepfake.datasets.base import LabelledFile, MediaDataset, listing
from components.deepfake.datasets.label_files import FORGED, is_video, one_of, read_json

_LABELS: Final = {"real": 0, "fake": 1}
_SPLITS: Final = {"train": "train", "validation": "validation", "test": "test"}


class Dfdc(MediaDataset):
    """Adapter of the training set of the challenge."""

    name = "dfdc"
    says = "Deepfake Detection Challenge: paid actors, eight methods, not told apart"
    url = "https://ai.meta.com/datasets/dfdc/"
    licence = "terms of the DFDC dataset"
    counts = {"real": 23_654, FORGED: 104_500}

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """Videos that a `metadata.json` names; a part without one has no labels."""
        found = listing(root, stores)
        tables = [path for path in found if path.rpartition("/")[2] == "metadata.json"]
        if not tables:
            raise ConfigurationError(f"{root} has no metadata.json, neither itself nor in dfdc_train_part_N.")
        named = set()
        for table in tables:
            folder = table.removesuffix("metadata.json")
            for video, entry in sorted(read_json(found[table], stores, dict).items()):
                named.add(folder + video)
                where = f"{found[table].uri}: {video}"
                yield _of_entry(folder, video, _fields(entry, where), found, where)
        for path, file in found.items():
            if path not in named and is_video(path):
                yield LabelledFile(file.uri, file.size)


class DfdcPreview(MediaDataset):
    """Adapter of the preview of the challenge."""

    name = "dfdc_preview"
    says = "preview of the Deepfake Detection Challenge: 66 people, two methods"
    url = "https://ai.meta.com/datasets/dfdc/"
    licence = "terms of the DFDC dataset"
    counts = {"real": 1131, FORGED: 4119}

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """Videos that `dataset.json` names."""
        found = listing(root, stores)
        if "dataset.json" not in found:
            raise ConfigurationError(f"{root} has no dataset.json.")
        table = found["dataset.json"]
        for video, entry in sorted(read_json(table, stores, dict).items()):
            where = f"{table.uri}: {video}"
            fields = _fields(entry, where)
            label = one_of(fields.get("label"), _LABELS, f"{where}: label")
            if "target_id" not in fields:
                raise ConfigurationError(f"{where}: target_id is missing.")
            changed = fields.get("augmentations") or []
            file = found.get(video)
            yield LabelledFile(
                file.uri if file else video,
                file.size if file else None,
                label,
                video.partition("/")[0] if label else None,
                "swap" if label else None,
                one_of(fields.get("set"), _SPLITS, f"{where}: set"),
                f"person {fields['target_id']}",
                None,
                {"augmentation": " ".join(map(str, changed))} if changed else {},
            )


def _of_entry(
    folder: str, video: str, fields: Mapping[str, Any], found: Mapping[str, FoundFile], where: str
) -> LabelledFile:
    label = one_of(fields.get("label"), _LABELS, f"{where}: label")
    original = fields.get("original")
    if label and not isinstance(original, str):
        raise ConfigurationError(f"{where}: original is missing: the video it was made from.")
    split = fields.get("split")
    file = found.get(folder + video)
    return LabelledFile(
        file.uri if file else folder + video,
        file.size if file else None,
        label,
        "DFDC" if label else None,
        "swap" if label else None,
        None if split is None else one_of(split, _SPLITS, f"{where}: split"),
        original if label else video,
        original if label else None,
        {"part": folder.rstrip("/").rpartition("/")[2]} if folder else {},
    )


def _fields(entry: object, where: str) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where} is {entry!r}; an object with a label is needed.")
    return entry
