"""Rows to train on: Parquet shards with the columns image, system, user and target, read one at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from components.core import shards as shard_files
from components.core.errors import ConfigurationError
from components.core.manifest import Manifest, Shard, load
from components.core.store import open_store

COLUMNS: Final = ("image", "system", "user", "target")
"""What a row has: encoded image or null, system message or null, user message, the text to learn."""

_TYPES: Final = {
    "image": pa.large_binary(),
    "system": pa.string(),
    "user": pa.string(),
    "target": pa.string(),
}


@dataclass(frozen=True)
class TrainingRows:
    """A dataset of training rows. Only the number of rows of each shard is held.

    Attributes:
        location: URI that paths of shards are relative to.
        shards: those with rows, in order.
        digest: stands for the content; a resumed training must have the same.
    """

    location: str
    shards: tuple[Shard, ...]
    digest: str

    def __len__(self) -> int:
        return sum(shard.rows for shard in self.shards)

    def read(self, index: int) -> pa.Table:
        """The rows of one shard, checked against its digest; columns as in `COLUMNS`.

        Raises:
            BadShard: where its bytes are not those that were listed.
            ConfigurationError: where a column is missing or of another type.
        """
        shard = self.shards[index]
        table = shard_files.read(open_store(self.location), shard)
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise ConfigurationError(
                f"{shard.path} of {self.location} has no column {', '.join(missing)}: training rows have "
                f"{', '.join(COLUMNS)}."
            )
        try:
            return pa.table({name: table.column(name).cast(_TYPES[name]) for name in COLUMNS})
        except pa.ArrowInvalid as error:
            raise ConfigurationError(f"{shard.path} of {self.location}: {error}") from None


def from_manifest(manifest: Manifest) -> TrainingRows:
    """The rows of a committed dataset (`training_pairs/1`).

    Raises:
        ConfigurationError: where it has no rows.
    """
    return _rows(manifest.location, manifest.shards, manifest.digest)


def from_folder(folder: str | Path) -> TrainingRows:
    """The rows of all `*.parquet` files of a local folder, in the order of their names.

    Raises:
        ConfigurationError: where there is none.
    """
    root = Path(folder)
    shards = []
    for path in sorted(root.rglob("*.parquet")):
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        shards.append(
            Shard(
                path=path.relative_to(root).as_posix(),
                rows=pq.read_metadata(path).num_rows,
                bytes=path.stat().st_size,
                sha256=sha256,
            )
        )
    digest = hashlib.sha256("\n".join(shard.sha256 for shard in shards).encode()).hexdigest()
    return _rows(str(root.absolute()), shards, digest)


def open_rows(data: str) -> TrainingRows:
    """The rows of a path: a manifest, a folder with a `manifest.json`, or a folder of Parquet files."""
    path = Path(data)
    manifest = path / "manifest.json" if path.is_dir() else path
    if manifest.is_file():
        return from_manifest(load(manifest.read_bytes(), str(manifest)))
    if path.is_dir():
        return from_folder(path)
    raise ConfigurationError(f"{data} is neither a manifest nor a folder: name one that holds training rows.")


def _rows(location: str, shards: Iterable[Shard], digest: str) -> TrainingRows:
    filled = tuple(shard for shard in shards if shard.rows)
    if not filled:
        raise ConfigurationError(f"{location} has no training rows: there is nothing to learn from.")
    return TrainingRows(location, filled, digest)
