"""FakeAVCeleb (Khalid et al. 2021, arXiv 2108.05080): forged faces and voices on VoxCeleb2.

Layout (read in code of users): `meta_data.csv` with the columns `source,target1,target2,method,category,type,
race,gender,path` and a last one without a name; `path` is the name of the file, the last column its folder,
such as `FakeAVCeleb/RealVideo-RealAudio/African/men/id00076`. Some copies call the two `filename` and `path`.
The paper has 500 real and 19,500 forged videos, 500 of which have a forged voice only; version 1.2 has 21,544
files in all (read in code of a user). There is no official split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile
from components.core.store import Stores
from components.deepfake.datasets.base import LabelledFile, MediaDataset, listing
from components.deepfake.datasets.label_files import FORGED, one_of, read_table

_TYPES: Final = {
    "realvideo-realaudio": (False, False),
    "realvideo-fakeaudio": (False, True),
    "fakevideo-realaudio": (True, False),
    "fakevideo-fakeaudio": (True, True),
}
_FAMILIES: Final = {
    "wav2lip": "talking_head",
    "faceswap": "swap",
    "fsgan": "swap",
    "faceswap-wav2lip": "swap",
    "fsgan-wav2lip": "swap",
}
_PREFIXES: Final = ("FakeAVCeleb/", "FakeAVCeleb_v1.2/")


class FakeAVCeleb(MediaDataset):
    """Adapter of FakeAVCeleb."""

    name = "fake_av_celeb"
    says = "FakeAVCeleb: forged faces, lips and voices of 500 celebrities"
    url = "https://github.com/DASH-Lab/FakeAVCeleb"
    licence = "by request; research only"
    counts = {"real": 500, FORGED: 19_000}

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """Videos that the table names. One with a forged voice alone has no label: its pictures are real."""
        found = listing(root, stores)
        table = next((path for path in ("meta_data.csv", "FakeAVCeleb/meta_data.csv") if path in found), None)
        if table is None:
            raise ConfigurationError(f"{root} has no meta_data.csv.")
        base = table.removesuffix("meta_data.csv")
        for line, row in read_table(
            found[table], stores, ("source", "method", "type", "race", "gender", "path")
        ):
            where = f"{found[table].uri}, line {line}"
            path = base + _path(row, where)
            yield _of_row(row, path, found.get(path), where)


def _path(row: Mapping[str, str], where: str) -> str:
    unnamed = [value for name, value in row.items() if name == "" or name.startswith("Unnamed")]
    name, folder = (
        (row["filename"], row["path"]) if "filename" in row else (row["path"], (unnamed or [""])[0])
    )
    if not name or not folder:
        raise ConfigurationError(f"{where}: names no {'folder' if name else 'file'}.")
    for prefix in _PREFIXES:
        folder = folder.removeprefix(prefix)
    return f"{folder.rstrip('/')}/{name}"


def _of_row(row: Mapping[str, str], path: str, file: FoundFile | None, where: str) -> LabelledFile:
    picture, voice = one_of(row["type"], _TYPES, f"{where}, column type")
    method = row["method"].lower()
    if picture and method not in _FAMILIES:
        raise ConfigurationError(
            f"{where}, column method: {row['method']!r} is none of {', '.join(_FAMILIES)}."
        )
    return LabelledFile(
        file.uri if file else path,
        file.size if file else None,
        1 if picture else None if voice else 0,
        row["method"] if picture or voice else None,
        _FAMILIES[method] if picture else None,
        None,
        row["source"] or None,
        row["source"] if picture else None,
        {"race": row["race"], "gender": row["gender"], "voice": "forged" if voice else "real"},
    )
