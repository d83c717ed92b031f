"""Deepfake-Eval-2024 (Chandra et al. 2025, arXiv 2503.02857): what circulated in 2024 on 88 sites.

Layout (read in code of users): `video-data`, `image-data` and `audio-data`, with
`{video,image}-metadata-publish.csv` or `...-publish-with-links.csv`: `Filename`, `Finetuning Set` (Train or
Test), and `Ground Truth` (images) or `Video Ground Truth` and `Audio Ground Truth` (videos): Real, Fake or
Unknown. 44 hours of video and 1,975 images (read in the owners' README). Neither methods nor people are
labelled, so that families are not known and groups are single files. Sound alone is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile
from components.core.store import Stores
from components.deepfake.datasets.base import LabelledFile, MediaDataset, listing
from components.deepfake.datasets.label_files import one_of, read_table

_LABELS: Final = {"real": 0, "fake": 1, "unknown": None, "": None}
_SPLITS: Final = {"train": "train", "validation": "validation", "test": "test", "": None}
_TRUTH: Final = {"video": "Video Ground Truth", "image": "Ground Truth"}


class DeepfakeEval2024(MediaDataset):
    """Adapter of Deepfake-Eval-2024."""

    name = "deepfake_eval_2024"
    says = "Deepfake-Eval-2024: videos and images that circulated in 2024"
    url = "https://huggingface.co/datasets/nuriachandra/Deepfake-Eval-2024"
    licence = "CC BY-SA 4.0; gated"

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """Videos and images that the tables name; the label of a video is that of its pictures."""
        found = listing(root, stores)
        tables = {kind: _table(kind, found) for kind in _TRUTH}
        if not any(tables.values()):
            raise ConfigurationError(
                f"{root} has neither video-metadata-publish.csv nor image-metadata-publish.csv."
            )
        for kind, table in tables.items():
            if table is None:
                continue
            for line, row in read_table(table, stores, ("Filename", _TRUTH[kind], "Finetuning Set")):
                yield _of_row(row, kind, found, f"{table.uri}, line {line}")


def _table(kind: str, found: Mapping[str, FoundFile]) -> FoundFile | None:
    names = (f"{kind}-metadata-publish.csv", f"{kind}-metadata-publish-with-links.csv")
    return next((found[name] for name in names if name in found), None)


def _of_row(row: Mapping[str, str], kind: str, found: Mapping[str, FoundFile], where: str) -> LabelledFile:
    if not row["Filename"]:
        raise ConfigurationError(f"{where}, column Filename: names no file.")
    label = one_of(row[_TRUTH[kind]], _LABELS, f"{where}, column {_TRUTH[kind]}")
    path = f"{kind}-data/{row['Filename']}"
    file = found.get(path)
    voice = row.get("Audio Ground Truth", "")
    return LabelledFile(
        file.uri if file else path,
        file.size if file else None,
        label,
        "in the wild" if label else None,
        None,
        one_of(row["Finetuning Set"], _SPLITS, f"{where}, column Finetuning Set"),
        None,
        None,
        {"voice": voice.lower()} if voice else {},
    )
