"""Any folder: labels from a table in it, or from the names of the folders the files lie in.

The table is `labels.csv`, `labels.tsv`, `MANIFEST.csv` or `metadata.csv` at the top of the folder, with a
header. Columns (upper and lower case are alike; what stands in parentheses behind a name is a note):

| column | values |
| --- | --- |
| `file` (needed) | path relative to the folder, or a URI |
| `label` (needed) | 1, fake, forged, synthetic, true; 0, real, genuine, original, false; empty: not known |
| `method` | how it was forged, any word |
| `family` | swap, reenactment, talking_head, entire_synthesis, editing |
| `split` | train, validation (val, dev), test |
| `group` | person or source video that a split must not tear apart |
| `source` | the real file that a forgery was made from |
| any other | an attribute for slices |

Without a table: a file below a folder called `real` (see REAL) is real, below one called `fake` (see FORGED)
forged; the folder below `fake` is the method, and where its name is a family, that too. `train`,
`validation` and `test` above them are splits.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import Field

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile, one_file
from components.core.store import Stores
from components.deepfake.datasets.base import (
    FAMILIES,
    DatasetParams,
    LabelledFile,
    MediaDataset,
    listing,
)

REAL: Final = frozenset({"real", "0", "genuine", "original", "originals", "pristine", "authentic", "false"})
FORGED: Final = frozenset(
    {"fake", "fakes", "1", "forged", "synthetic", "manipulated", "deepfake", "generated", "true"}
)
_SPLITS: Final = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_TABLES: Final = ("labels.csv", "labels.tsv", "MANIFEST.csv", "manifest.csv", "metadata.csv")
_KNOWN: Final = frozenset({"file", "label", "method", "family", "split", "group", "source"})
_ALIASES: Final = {
    "face_swap": "swap", "faceswap": "swap", "fs": "swap",
    "face_reenactment": "reenactment", "fr": "reenactment",
    "talk": "talking_head", "talking": "talking_head", "lip_sync": "talking_head",
    "entire_face_synthesis": "entire_synthesis", "efs": "entire_synthesis", "synthesis": "entire_synthesis",
    "face_editing": "editing", "edit": "editing", "fe": "editing",
}  # fmt: skip


class GenericParams(DatasetParams):
    """How a folder of one's own is read."""

    labels: str | None = Field(
        default=None,
        description="Path of the table of labels, relative to the folder; none: the first of labels.csv, "
        "labels.tsv, MANIFEST.csv, manifest.csv and metadata.csv that is there, else names of folders.",
    )
    columns: dict[str, str] = Field(
        default={},
        description="What the table calls a column, by the name it has here, as in {file: path, label: y}.",
    )


class Generic(MediaDataset):
    """A folder of one's own."""

    name = "generic"
    says = "any folder: labels.csv, or folders called real and fake"
    licence = "that of the files"
    params_model = GenericParams
    named_by_folder = True

    @staticmethod
    def is_labelled(found: Mapping[str, FoundFile]) -> bool:
        """Whether there is a table of labels, or a folder whose name is one."""
        if any(name in found for name in _TABLES):
            return True
        return any(folder.lower() in REAL | FORGED for path in found for folder in path.split("/")[:-1])

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """The files that the table names, else those below folders whose name is a label."""
        assert isinstance(self.params, GenericParams)
        found = listing(root, stores)
        wanted = self.params.labels
        if wanted is not None and wanted not in found:
            raise ConfigurationError(f"{root} has no table {wanted!r} (deepfake.datasets.generic.labels).")
        table = wanted or next((name for name in _TABLES if name in found), None)
        if table is not None:
            yield from _of_table(found, table, stores, self.params.columns)
        else:
            yield from _of_folders(root, found)


def _of_folders(root: str, found: Mapping[str, FoundFile]) -> Iterator[LabelledFile]:
    labelled = 0
    for path, file in found.items():
        folders = [folder.lower() for folder in path.split("/")[:-1]]
        place = next((n for n, folder in enumerate(folders) if folder in REAL | FORGED), None)
        if place is None:
            yield LabelledFile(file.uri, file.size)
            continue
        labelled += 1
        is_forged = folders[place] in FORGED
        below = path.split("/")[place + 1 : -1]
        method = below[0] if is_forged and below else None
        split = next((_SPLITS[folder] for folder in folders if folder in _SPLITS), None)
        family = next((f for f in map(_family, below) if f is not None), None) if is_forged else None
        yield LabelledFile(file.uri, file.size, int(is_forged), method, family, split)
    if not labelled:
        raise ConfigurationError(
            f"{root} has neither a table of labels ({', '.join(_TABLES)}) nor folders called real and fake: "
            "add one, or name the folder without `generic:` to have its files judged without labels."
        )


def _family(word: str) -> str | None:
    name = re.sub(r"[\s\-]+", "_", word.strip().lower())
    name = _ALIASES.get(name, name)
    return name if name in FAMILIES else None


def _of_table(
    found: Mapping[str, FoundFile], table: str, stores: Stores, renamed: Mapping[str, str]
) -> Iterator[LabelledFile]:
    where = found[table].uri
    try:
        text = stores.read(where).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where} is not UTF-8 text: byte {error.start}.") from None
    delimiter = "\t" if table.endswith(".tsv") else ","
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", strict=True)
    try:
        columns = _columns(rows.fieldnames or [], where, renamed)
        folder = table.rpartition("/")[0]
        seen: dict[str, int] = {}
        for row in rows:
            line = rows.line_num
            if "" in row:
                raise ConfigurationError(f"{where}, line {line}: has more cells than the header.")
            if None in row.values():
                raise ConfigurationError(f"{where}, line {line}: has fewer cells than the header.")
            cells = {name: row[column].strip() for name, column in columns.items()}
            if not cells["file"]:
                raise ConfigurationError(f"{where}, line {line}, column {columns['file']}: names no file.")
            if cells["file"] in seen:
                first = seen[cells["file"]]
                raise ConfigurationError(
                    f"{where}, line {line}: {cells['file']} stands in line {first} already."
                )
            seen[cells["file"]] = line
            path = f"{folder}/{cells['file']}" if folder else cells["file"]
            yield _of_row(cells, _find(path, cells["file"], found, stores), f"{where}, line {line}", columns)
    except csv.Error as error:
        raise ConfigurationError(f"{where}, line {rows.line_num}: {error}.") from None


def _find(path: str, named: str, found: Mapping[str, FoundFile], stores: Stores) -> tuple[str, int | None]:
    """URI and size of the file that a table names; without a size where it is not there."""
    if "://" in named:
        one = one_file(named, stores)
        return named, None if one is None else one.size
    file = found.get(path.removeprefix("./"))
    return (path, None) if file is None else (file.uri, file.size)


def _columns(header: Sequence[str], where: str, renamed: Mapping[str, str]) -> dict[str, str]:
    """Name here → name in the table."""
    names = {re.sub(r"\(.*\)\s*$", "", name).strip().lower(): name for name in header if name.strip()}
    for name, column in renamed.items():
        if column not in header:
            raise ConfigurationError(
                f"{where} has no column {column!r} (deepfake.datasets.generic.columns.{name}); it has "
                f"{', '.join(header)}."
            )
        names = {known: there for known, there in names.items() if there != column}
        names[name] = column
    for needed in ("file", "label"):
        if needed not in names:
            raise ConfigurationError(
                f"{where} has no column {needed!r}; it has {', '.join(header) or 'no header'}."
            )
    return names


def _of_row(
    cells: Mapping[str, str], file: tuple[str, int | None], where: str, columns: Mapping[str, str]
) -> LabelledFile:
    label = cells["label"].lower()
    if label and label not in REAL | FORGED:
        raise ConfigurationError(
            f"{where}, column {columns['label']}: {cells['label']!r} is neither 1 (fake) nor 0 (real)."
        )
    number = None if not label else int(label in FORGED)
    word = cells.get("family", "")
    family = None
    if word and not (number == 0 and word.lower() in REAL):
        family = _family(word)
        if family is None:
            raise ConfigurationError(
                f"{where}, column {columns['family']}: {word!r} is none of {', '.join(FAMILIES)}."
            )
    said = cells.get("split", "")
    if said and said.lower() not in _SPLITS:
        raise ConfigurationError(
            f"{where}, column {columns['split']}: {said!r} is none of train, validation, test."
        )
    return LabelledFile(
        *file,
        number,
        (cells.get("method") or None) if number != 0 else None,
        family,
        _SPLITS[said.lower()] if said else None,
        cells.get("group") or None,
        cells.get("source") or None,
        {name: value for name, value in cells.items() if name not in _KNOWN and value},
    )
