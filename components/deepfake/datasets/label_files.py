"""Reading the lists that come with data sets, with errors that name file and line; counting what is there."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile
from components.core.store import Stores
from components.deepfake.datasets.base import LabelledFile, MediaDataset

VIDEOS: Final = frozenset({"mp4", "avi", "mov", "mkv", "webm", "m4v", "mpg", "mpeg"})
IMAGES: Final = frozenset({"png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"})
FORGED: Final = "forged"
"""Key of `counts` for all forged files, where the publication does not count its methods."""


def is_video(path: str) -> bool:
    """Whether a name ends as a video's does."""
    return path.rpartition(".")[2].lower() in VIDEOS


def is_image(path: str) -> bool:
    """Whether a name ends as an image's does."""
    return path.rpartition(".")[2].lower() in IMAGES


def stem(path: str) -> str:
    """Name of a file without folders and what stands behind the last dot."""
    return path.rpartition("/")[2].rpartition(".")[0]


def need_folders(root: str, found: Mapping[str, FoundFile], wanted: Iterable[str]) -> None:
    """Check that files lie below one of the folders of a data set at least.

    Raises:
        ConfigurationError: naming the folders that are looked for and those that are there.
    """
    folders = sorted({path.partition("/")[0] for path in found if "/" in path})
    if not set(wanted) & set(folders):
        raise ConfigurationError(
            f"{root} has none of the folders {', '.join(wanted)}; it has {', '.join(folders[:8]) or 'none'}."
        )


def read_text(file: FoundFile, stores: Stores) -> str:
    """Text of a list.

    Raises:
        ConfigurationError: where it is not UTF-8.
    """
    try:
        return stores.read(file.uri).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file.uri} is not UTF-8 text: byte {error.start}.") from None


def read_lines(file: FoundFile, stores: Stores) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not empty."""
    for number, line in enumerate(read_text(file, stores).splitlines(), 1):
        if line.strip():
            yield number, line.strip()


def read_json(file: FoundFile, stores: Stores, kind: type) -> Any:
    """A list in JSON.

    Raises:
        ConfigurationError: where it is none (naming the line), or not of the kind.
    """
    try:
        value = json.loads(read_text(file, stores))
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{file.uri}, line {error.lineno}: {error.msg}.") from None
    if not isinstance(value, kind):
        raise ConfigurationError(f"{file.uri} holds a {type(value).__name__}; a {kind.__name__} is needed.")
    return value


def read_table(
    file: FoundFile, stores: Stores, needed: Iterable[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row of a CSV file; cells without a column's name come under "".

    Raises:
        ConfigurationError: naming file and line, or the column that is missing.
    """
    rows = csv.reader(io.StringIO(read_text(file, stores), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        for name in needed:
            if name not in header:
                raise ConfigurationError(
                    f"{file.uri} has no column {name!r}; it has {', '.join(header) or 'no header'}."
                )
        for cells in rows:
            if not cells:
                continue
            if len(cells) != len(header):
                raise ConfigurationError(
                    f"{file.uri}, line {rows.line_num}: {len(cells)} cells; the header has {len(header)}."
                )
            yield rows.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    except csv.Error as error:
        raise ConfigurationError(f"{file.uri}, line {rows.line_num}: {error}.") from None


def one_of(value: object, allowed: Mapping[str, Any], where: str) -> Any:
    """What a word of a list stands for.

    Raises:
        ConfigurationError: naming the place, where it is none of the words allowed.
    """
    if not isinstance(value, str) or value.lower() not in allowed:
        raise ConfigurationError(f"{where}: {value!r} is none of {', '.join(allowed)}.")
    return allowed[value.lower()]


class Tally:
    """Counts the files of a data set against what its publication counts; a download may be a part.

    Files of one `compression` are counted for themselves, frames of one `sequence` as one.
    """

    def __init__(self, dataset: MediaDataset | type[MediaDataset]) -> None:
        self._dataset = dataset
        self._missing = 0
        self._files: Counter[tuple[str, str]] = Counter()
        self._sequences: set[tuple[str, str, str]] = set()

    def add(self, file: LabelledFile) -> None:
        """Count a file."""
        if file.size is None:
            self._missing += 1
            return
        if file.label is None:
            return
        names = ["real"] if file.label == 0 else [FORGED, *([file.method] if file.method else [])]
        sequence = file.attributes.get("sequence")
        for name in names:
            key = (name, file.attributes.get("compression", ""))
            if sequence is None or (*key, sequence) not in self._sequences:
                self._files[key] += 1
            if sequence is not None:
                self._sequences.add((*key, sequence))

    def differences(self) -> list[str]:
        """How what is there differs from what is documented, in words; empty where it does not."""
        said = [f"{self._missing:,} files that the lists name are not there"] if self._missing else []
        for name, documented in self._dataset.counts.items():
            counts = {quality: n for (what, quality), n in self._files.items() if what == name} or {"": 0}
            for quality, count in sorted(counts.items()):
                if count != documented:
                    what = f"{name} ({quality})" if quality else name
                    said.append(
                        f"{what}: {count:,} files; {self._dataset.name} is documented to have {documented:,}"
                    )
        return said
