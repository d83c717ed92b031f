"""The first step of `deepfake`: what a person names as input becomes units of files with their labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.locations import is_web, local_path, one_file, several_files
from components.core.manifest import Counts
from components.core.progress import emit
from components.core.records import record_id
from components.core.runner import RunParams, publish
from components.core.store import Stores, as_uri
from components.core.task import Artifact, hand_over, read_params, reported
from components.deepfake.datasets import LabelledFile, open_dataset, registry
from components.deepfake.datasets.base import listing
from components.deepfake.datasets.generic import Generic
from components.deepfake.datasets.label_files import Tally
from components.deepfake.media_params import MediaSourcesParams
from components.deepfake.reasons import DeepfakeReason

STEP: Final = "media_sources"
_DATASET: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.+-]+):(?!//)(.+)")
_JUDGED: Final = frozenset(
    {DeepfakeReason.EMPTY_FILE, DeepfakeReason.REPEATED, DeepfakeReason.NOT_DOWNLOADED}
)
_GLOB: Final = re.compile(r"[*?\[]")
_UNNAMED: Final = "files"
"""Data set of files that are named one by one."""


class MediaSources:
    """What the inputs amount to: rows of media_sources/1, ledger lines and counts.

    `counts.rows_in` = `counts.kept` + ledger lines; a record is a file. What kind of file it is, its bytes
    say when they are read, whatever its name is. `notices` say how a data set differs from what it is
    documented to hold: a part of it may be all that was downloaded.
    """

    def __init__(self, stores: Stores, params: MediaSourcesParams) -> None:
        self.counts = Counts()
        self.ledger: list[dict[str, Any]] = []
        self.notices: list[str] = []
        self._stores, self._params = stores, params
        self._rows: list[dict[str, Any]] = []
        self._first: dict[str, str] = {}

    def add_input(self, location: str) -> None:
        """Take what one of the person's words names.

        Raises:
            ConfigurationError: where that is nothing, or a data set that is laid out otherwise.
        """
        if is_web(location):
            raise ConfigurationError(
                f"{location} is an address of the web: media are read from files and stores. Download it."
            )
        dataset = _dataset(location)
        if dataset is not None:
            self._add_dataset(*dataset)
            return
        one = one_file(location, self._stores)
        if one is not None:
            self._add(LabelledFile(one.uri, one.size), _UNNAMED)
            return
        files = list(several_files(location, self._stores))
        if not files:
            raise ConfigurationError(f"The input {location!r} names no file, no folder with files, no glob.")
        if not _GLOB.search(location) and Generic.is_labelled(listing(location, self._stores)):
            self._add_dataset(Generic.name, location)
            return
        name = _folder_name(location)
        for file in files:
            self._add(LabelledFile(file.uri, file.size), name)

    def _add_dataset(self, name: str, root: str) -> None:
        if name not in registry():
            raise ConfigurationError(
                f"There is no data set {name!r}; there are {', '.join(registry())}. A path with a colon in "
                f"it is written ./{name}:…"
            )
        adapter = registry()[name]
        found = Tally(adapter)
        values = self._params.datasets.get(name, {})
        for file in open_dataset(name, root, self._stores, values):
            self._add(file, _folder_name(root) if adapter.named_by_folder else name)
            found.add(file)
        self.notices += [f"{name}: {difference}." for difference in found.differences()]

    def _add(self, file: LabelledFile, dataset: str) -> None:
        self.counts.rows_in += 1
        if file.uri in self._first:
            before = self._first[file.uri]
            self._refuse(file.uri, DeepfakeReason.REPEATED, f"{file.uri} is named before, in {before}")
        elif file.size is None:
            self._refuse(
                file.uri, DeepfakeReason.NOT_DOWNLOADED, f"{dataset} lists {file.uri}: it is not there"
            )
        elif file.size == 0:
            self._refuse(file.uri, DeepfakeReason.EMPTY_FILE, f"{file.uri} has no bytes")
        else:
            self.counts.kept += 1
            self._rows.append(_row(file, dataset))
        self._first.setdefault(file.uri, dataset)

    def _refuse(self, uri: str, reason: DeepfakeReason, detail: str) -> None:
        is_judged = reason in _JUDGED
        numbers = self.counts.dropped if is_judged else self.counts.failed
        numbers[reason.value] = numbers.get(reason.value, 0) + 1
        self.ledger.append(
            {
                "step": STEP,
                "record_id": record_id(STEP, uri, reason),
                "record_kind": "media",
                "action": "dropped" if is_judged else "failed",
                "reason": reason.value,
                "score": None,
                "threshold": None,
                "detail": detail[:500],
                "locator": uri,
            }
        )

    def units(self) -> list[pa.Table]:
        """Units of about `unit_files` files, in order of their addresses.

        Which unit a file goes to is drawn from its size: copies of a file meet in one unit, where
        `read_media` finds them, and long videos are spread over all units.
        """
        number = -(-len(self._rows) // self._params.unit_files)
        units: list[list[dict[str, Any]]] = [[] for _ in range(number)]
        for row in sorted(self._rows, key=lambda row: row["uri"]):
            draw = hashlib.sha256(str(row["size"]).encode()).digest()
            units[int.from_bytes(draw[:8], "little") % number].append(row)
        schema = schemas.get("media_sources/1")
        return [pa.Table.from_pylist(rows, schema=schema) for rows in units if rows]


def _dataset(location: str) -> tuple[str, str] | None:
    """Name and folder of `NAME:folder`; None for a path, which may have a colon in it."""
    matched = _DATASET.fullmatch(location)
    if matched is None or location.startswith("file:") or local_path(location).exists():
        return None
    return matched[1], matched[2]


def _folder_name(location: str) -> str:
    """The last folder of a path or prefix that a glob does not vary."""
    uri = unquote(as_uri(location)) if "://" not in location else location
    fixed = _GLOB.split(uri, maxsplit=1)
    path = fixed[0].rpartition("/")[0] if len(fixed) > 1 else fixed[0]
    return PurePosixPath(path).name or _UNNAMED


def _row(file: LabelledFile, dataset: str) -> dict[str, Any]:
    return {
        "id": record_id(STEP, file.uri),
        "uri": file.uri,
        "size": file.size,
        "label": file.label,
        "method": file.method,
        "family": file.family,
        "dataset": dataset,
        "split": file.split,
        "group": file.group or file.source or "",
        "source": file.source,
        "attributes": sorted(file.attributes.items()),
    }


def list_media_sources(
    inputs: Iterable[str], stores: Stores, params: MediaSourcesParams | None = None
) -> MediaSources:
    """Plan the work on files. The same inputs give the same plan.

    Args:
        inputs: local files, folders and globs, `s3://` objects, prefixes and globs, and `NAME:folder` for
            a data set whose labels are read.

    Raises:
        ConfigurationError: for an input that is not there, or if there is no file to read.
    """
    plan = MediaSources(stores, params or MediaSourcesParams())
    for location in inputs:
        plan.add_input(location)
    if not plan.counts.rows_in:
        raise ConfigurationError("There is no input: name a file, a folder, a prefix or DATASET:folder.")
    if not plan.counts.kept:
        raise ConfigurationError(
            f"None of {plan.counts.rows_in} files can be read; of the first: {plan.ledger[0]['detail']}."
        )
    return plan


def publish_media_sources(
    inputs: Sequence[str],
    out: str,
    params: Mapping[str, Any],
    run: Mapping[str, Any],
    artifact: Artifact,
    metrics: Any = None,
) -> None:
    """Body of the `media_sources` component: list the inputs, cut them into units, commit the dataset.

    Args:
        params: `MediaSourcesParams` as plain values.
    """
    with reported():
        checked = read_params(MediaSourcesParams, params, f"deepfake.{STEP}")
        assert isinstance(checked, MediaSourcesParams)
        plan = list_media_sources(inputs, Stores(out), checked)
        for notice in plan.notices:
            emit("notice", step=STEP, line=notice)
        manifest = publish(
            STEP,
            "sources",
            "media_sources/1",
            plan.units(),
            plan.ledger,
            plan.counts,
            out,
            family="deepfake",
            params={**checked.model_dump(mode="json"), "inputs": list(inputs)},
            run=read_params(RunParams, run, "run"),  # type: ignore[arg-type]
        )
    hand_over({"sources": manifest}, {"sources": artifact}, metrics)
