"""A model as a dataset: a row for each of its files, so that lineage and checks hold for it, too."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from components.core import runner, schemas
from components.core.errors import BadShard
from components.core.manifest import Counts, Manifest, Shard
from components.core.store import RUN_SCHEME, Stores, open_store

SCHEMA: Final = "model_files/1"
_CHUNK: Final = 1 << 20


def publish_model(
    folder: Path,
    step: str,
    root: str,
    *,
    params: Mapping[str, Any],
    family: str,
    parents: Mapping[str, str],
    port: str = "model",
) -> Manifest:
    """Copy a model's folder into the run's store and publish it as the dataset `STEP/PORT`.

    The folder there is named by the digest of all files, so that two trainings never mix.

    Args:
        folder: the model in the form it is loaded in; folders in it are left out.
        root: URI of the run's output.
        params: of the training; recorded.
        parents: input port → digest of the datasets it was trained on.
    """
    store = open_store(root)
    sums = {path.name: _sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}
    listing = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
    place = f"{step}/files/{hashlib.sha256(listing.encode()).hexdigest()[:16]}"
    rows, files = [], []
    for name, digest in sums.items():
        key, path = f"{place}/{name}", folder / name
        store.put_file(key, path)
        files.append(Shard(path=key, rows=0, bytes=path.stat().st_size, sha256=digest))
        rows.append(
            {"name": name, "uri": f"{RUN_SCHEME}{key}", "size": path.stat().st_size, "sha256": digest}
        )
    return runner.publish(
        step,
        port,
        SCHEMA,
        [pa.Table.from_pylist(rows, schema=schemas.get(SCHEMA))],
        [],
        Counts(rows_in=len(rows), kept=len(rows), conserves=False),
        root,
        params=dict(params),
        family=family,
        parents=dict(parents),
        files=files,
        tell=False,
    )


def local_model(files: pa.Table, stores: Stores) -> Path:
    """A local folder with the files of a model, copied once a machine and checked.

    Args:
        files: all rows of a `model_files/1` dataset.

    Raises:
        BadShard: where a file is not what was published.
    """
    rows = files.sort_by("name").to_pylist()
    name = hashlib.sha256("".join(f"{row['sha256']}{row['name']}" for row in rows).encode()).hexdigest()[:32]
    cache = Path(tempfile.gettempdir()) / f"kalemint-models-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    folder = cache / name
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        made = Path(scratch) / "model"
        made.mkdir()
        for row in rows:
            _copy(row, made / row["name"], stores)
        try:
            made.rename(folder)
        except OSError:  # another process was first
            if not folder.is_dir():
                raise
    return folder


def _copy(row: Mapping[str, Any], target: Path, stores: Stores) -> None:
    digest = hashlib.sha256()
    with stores.open(row["uri"]) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            sink.write(chunk)
    if digest.hexdigest() != row["sha256"]:
        raise BadShard(f"{row['uri']} is not the file that was published: its SHA-256 differs.")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
