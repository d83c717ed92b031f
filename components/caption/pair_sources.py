"""The first step of `kale`: what a person names as input becomes units of image-text pairs.

Kinds of `sources/1` and what `start` and `stop` are of each:

| kind | a row is | start, stop |
| --- | --- | --- |
| `pairs_tar` | a WebDataset tar (img2dataset, DataComp) | 0 and its size |
| `pairs_parquet` | row groups of a Parquet file | first row group, and the one behind the last |
| `pairs_table` | a part of a CSV, TSV or JSONL file | bytes; both are where a record starts |
| `pairs_folder` | an image file, maybe with .txt and .json beside it | 0 and its size |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow as pa

from components.caption.pair_formats.files import image_uri
from components.caption.pair_formats.pair import Chosen, choose, field_kinds, is_image_name
from components.caption.pair_formats.parquet import Footer, ParquetPairs
from components.caption.pair_formats.tables import SUFFIXES, read_records, suffix_of
from components.caption.pairs_params import PairSourcesParams, ReadPairsParams
from components.caption.reasons import CaptionReason
from components.core import schemas
from components.core.errors import BadRecord, ConfigurationError, Drop
from components.core.locations import FoundFile, is_web, one_file, several_files
from components.core.manifest import Counts
from components.core.records import record_id
from components.core.runner import RunParams, publish
from components.core.store import Stores
from components.core.task import Artifact, hand_over, read_params, reported

STEP: Final = "pair_sources"
_JUDGED: Final = frozenset(
    {
        CaptionReason.UNSUPPORTED_KIND,
        CaptionReason.EMPTY_FILE,
        CaptionReason.REPEATED,
        CaptionReason.URLS_ONLY,
        CaptionReason.NO_IMAGE_COLUMN,
        CaptionReason.DESCRIBES_ANOTHER,
    }
)
_BESIDE: Final = frozenset({"txt", "json"})
_METADATA: Final = "metadata"
"""Name of a table that speaks for the images of its folder and those below (Hugging Face's imagefolder)."""
_PEEK_ROWS: Final = 16
_READ: Final = (
    "WebDataset tars, Parquet files, CSV, TSV and JSONL tables that name image files, and image files "
    "with .txt beside them are read"
)
_FETCH_FIRST: Final = (
    "fetch them first, for instance with img2dataset, and name its output; or give the pages that show "
    "them to the pipeline `full`"
)


class _Refused(Exception):
    def __init__(self, reason: CaptionReason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class PairSources:
    """What the inputs amount to: units of sources/1, ledger lines and counts.

    `counts.rows_in` = `counts.kept` + ledger lines; a record is an input file. Rows are held as Arrow
    tables, about 200 bytes for each image file of a folder.
    """

    def __init__(self, stores: Stores, params: PairSourcesParams, read: ReadPairsParams) -> None:
        self.counts = Counts()
        self.shards: list[pa.Table] = []
        self.ledger: list[dict[str, Any]] = []
        self._stores, self._params, self._read = stores, params, read
        self._parquet = ParquetPairs(read)
        self._seen: set[str] = set()
        self._named_images: set[str] = set()
        self._batch: list[tuple[str, str, int, int, int]] = []
        self._batch_kind, self._batch_bytes, self._batch_pairs = "", 0, 0

    def close(self) -> None:
        """End the processes that read Parquet files, and the unit that is being filled."""
        self._parquet.close()
        self._end_unit()

    def add_input(self, location: str) -> None:
        """Take what one of the person's words names.

        Raises:
            ConfigurationError: where that is nothing, or a file that holds no pairs.
        """
        if is_web(location):
            raise ConfigurationError(
                f"{location} is an address of the web: pairs are read from files and stores. If it is a "
                f"list of pairs, download it; if it names images, {_FETCH_FIRST}."
            )
        found = one_file(location, self._stores)
        if found is not None:
            lines = len(self.ledger)
            self._add_files([found], {})
            if len(self.ledger) > lines:
                raise ConfigurationError(self.ledger[-1]["detail"].rstrip(".") + ".")
            return
        files = list(several_files(location, self._stores))
        if not files:
            raise ConfigurationError(f"The input {location!r} names no file, no folder with files, no glob.")
        tars = {f.uri.removesuffix(".tar"): f.uri for f in files if f.uri.endswith(".tar")}
        self._add_files(files, tars)

    def _add_files(self, files: Sequence[FoundFile], tars: Mapping[str, str]) -> None:
        """Take files; a table of metadata comes before the images of its folder."""
        folders = {file.uri.rpartition("/")[0] for file in files}
        images = {file.uri.rpartition(".")[0] for file in files if is_image_name(file.uri)}
        ordered = sorted(files, key=lambda file: (is_image_name(file.uri), file.uri))
        for file in ordered:
            stem, _, suffix = file.uri.rpartition(".")
            if suffix.lower() in _BESIDE and stem in images:
                continue  # read with its image
            self.counts.rows_in += 1
            try:
                self._take(file, tars, folders)
            except _Refused as refused:
                self._refuse(file.uri, refused)
            else:
                self.counts.kept += 1

    def _take(self, file: FoundFile, tars: Mapping[str, str], folders: set[str]) -> None:
        uri, suffix = file.uri, suffix_of(file.uri)
        stem = uri.rpartition(".")[0]
        if uri in self._seen:
            raise _Refused(CaptionReason.REPEATED, f"The inputs name {uri} more than once")
        self._seen.add(uri)
        if file.size == 0:
            raise _Refused(CaptionReason.EMPTY_FILE, f"{uri} has no bytes")
        if suffix == "tar":
            self._add("pairs_tar", uri, 0, file.size, file.size, file.size)
        elif suffix == "parquet":
            if stem in tars or stem in folders:
                beside = tars.get(stem, f"the folder {stem}")
                raise _Refused(
                    CaptionReason.DESCRIBES_ANOTHER,
                    f"{uri} is img2dataset's metadata of {beside}, read there",
                )
            self._take_parquet(file)
        elif suffix in SUFFIXES:
            self._take_table(file)
        elif uri.endswith("_stats.json"):
            raise _Refused(
                CaptionReason.DESCRIBES_ANOTHER, f"{uri} is img2dataset's count of what it fetched"
            )
        elif is_image_name(uri):
            if uri in self._named_images:
                raise _Refused(
                    CaptionReason.DESCRIBES_ANOTHER, f"{uri} is named by a table of metadata, and read there"
                )
            self._add("pairs_folder", uri, 0, file.size, file.size, file.size, 1)
        else:
            raise _Refused(
                CaptionReason.UNSUPPORTED_KIND, f"{uri} is no list of pairs that can be read: {_READ}"
            )

    # Parquet

    def _take_parquet(self, file: FoundFile) -> None:
        try:
            footer = self._parquet.footer(self._stores, file.uri)
        except BadRecord as bad:
            raise _Refused(
                CaptionReason.UNREADABLE, f"{file.uri} can't be read as Parquet: {bad.detail}"
            ) from None
        if not sum(rows for rows, _ in footer.groups):
            raise _Refused(CaptionReason.EMPTY_FILE, f"{file.uri} has no rows")
        chosen = self._chosen(file.uri, footer.kinds)
        if chosen.image is None:
            self._hold_paths(file.uri, self._some_paths(file.uri, chosen))
        if _is_metadata(file.uri):
            self._cover(file.uri, self._all_paths(file.uri, footer, chosen))
        first = size = 0
        for number, (_, length) in enumerate(footer.groups):
            if number > first and size + length > self._params.shard_bytes:
                self._add("pairs_parquet", file.uri, first, number, file.size, size)
                first, size = number, 0
            size += length
        self._add("pairs_parquet", file.uri, first, len(footer.groups), file.size, size)

    def _some_paths(self, uri: str, chosen: Chosen) -> list[str]:
        try:
            found = self._parquet.paths(self._stores, uri, 0, chosen, _PEEK_ROWS)
        except BadRecord as bad:
            raise _Refused(CaptionReason.UNREADABLE, f"{uri} can't be read: {bad.detail}") from None
        return [path for path in found if path]

    def _all_paths(self, uri: str, footer: Footer, chosen: Chosen) -> Iterator[str]:
        if chosen.image is None:
            for group in range(len(footer.groups)):
                yield from self._parquet.all_paths(self._stores, uri, group, chosen)

    # tables

    def _take_table(self, file: FoundFile) -> None:
        """Cut a table where records start; the columns of its first record speak for all."""
        columns: Chosen | None = None
        names: list[str] = []
        starts: list[int] = []
        records = 0
        peeked: list[str] = []
        is_text = suffix_of(file.uri) in {"csv", "tsv"}
        for record in read_records(self._stores, file.uri, 0, None, self._read.max_text_bytes):
            if record.problem is None:
                if columns is None:
                    columns = self._chosen(file.uri, field_kinds(record.fields))
                    if is_text:
                        continue  # the header
                path = record.fields.get(columns.path or "")
                if isinstance(path, str) and path:
                    if len(peeked) < _PEEK_ROWS:
                        peeked.append(path)
                    if _is_metadata(file.uri):
                        names.append(path)
            if records % self._params.shard_pairs == 0:
                starts.append(record.start)
            records += 1
        if columns is None:
            raise _Refused(CaptionReason.UNREADABLE, f"{file.uri} has no record that can be read")
        if not records:
            raise _Refused(CaptionReason.EMPTY_FILE, f"{file.uri} has a header and no rows")
        self._hold_paths(file.uri, peeked)
        self._cover(file.uri, names)
        most = self._params.shard_pairs
        for number, (start, stop) in enumerate(pairwise([0, *starts[1:], file.size])):
            pairs = min(most, records - number * most)
            self._add("pairs_table", file.uri, start, stop, file.size, stop - start, pairs)

    def _chosen(self, uri: str, kinds: dict[str, str]) -> Chosen:
        chosen = choose(kinds, self._read.columns)
        if chosen.image is None and chosen.path is None:
            names = ", ".join(kinds)[:200] or "none"
            if chosen.url is not None:
                raise _Refused(
                    CaptionReason.URLS_ONLY,
                    f"{uri} holds addresses of images and no images (columns: {names}): {_FETCH_FIRST}",
                )
            raise _Refused(
                CaptionReason.NO_IMAGE_COLUMN,
                f"{uri} has no column of images or of image files (columns: {names}): say what it is called "
                "with caption.read_pairs.columns.image or .path",
            )
        return chosen

    def _hold_paths(self, uri: str, paths: Sequence[str]) -> None:
        if paths and all(map(is_web, paths)):
            raise _Refused(
                CaptionReason.URLS_ONLY,
                f"{uri} holds addresses of images and no images, such as {paths[0][:200]}: {_FETCH_FIRST}",
            )

    def _cover(self, uri: str, paths: Iterable[str]) -> None:
        """Remember the images that a table of metadata names: they are read with it."""
        for path in paths:
            try:
                self._named_images.add(image_uri(path, uri, self._read.image_root))
            except Drop:
                continue  # reading the table says so, pair by pair

    # units

    def _add(
        self, kind: str, uri: str, start: int, stop: int, size: int, length: int, pairs: int = 0
    ) -> None:
        """Put a source into the unit that is being filled, or begin the next one.

        Args:
            length: its bytes.
            pairs: how many there are in it, where its bytes don't tell how much work it is.
        """
        params = self._params
        full = (
            self._batch_bytes + length > params.shard_bytes or self._batch_pairs + pairs > params.shard_pairs
        )
        if kind != self._batch_kind or full:
            self._end_unit()
        self._batch_kind = kind
        self._batch_bytes += length
        self._batch_pairs += pairs
        self._batch.append((kind, uri, start, stop, size))

    def _end_unit(self) -> None:
        if self._batch:
            rows = [
                {
                    "id": record_id(kind, uri, f"{start}-{stop}"),
                    "kind": kind,
                    "uri": uri,
                    "start": start,
                    "stop": stop,
                    "bytes": size,
                    "url": None,
                }
                for kind, uri, start, stop, size in self._batch
            ]
            self.shards.append(pa.Table.from_pylist(rows, schema=schemas.get("sources/1")))
        self._batch, self._batch_bytes, self._batch_pairs = [], 0, 0

    def _refuse(self, uri: str, refused: _Refused) -> None:
        judged = refused.reason in _JUDGED
        numbers = self.counts.dropped if judged else self.counts.failed
        numbers[refused.reason.value] = numbers.get(refused.reason.value, 0) + 1
        self.ledger.append(
            {
                "step": STEP,
                "record_id": record_id(STEP, uri, refused.reason),
                "record_kind": "source",
                "action": "dropped" if judged else "failed",
                "reason": refused.reason.value,
                "score": None,
                "threshold": None,
                "detail": refused.detail[:500],
                "locator": uri,
            }
        )


def _is_metadata(uri: str) -> bool:
    return PurePosixPath(uri).stem == _METADATA


def list_pair_sources(
    inputs: Sequence[str],
    stores: Stores,
    params: PairSourcesParams | None = None,
    read: ReadPairsParams | None = None,
) -> PairSources:
    """Plan the work on lists of pairs. The same inputs give the same plan.

    Args:
        inputs: local files, folders and globs, `s3://` objects, prefixes and globs.
        read: how the pairs will be read: it says what columns are called.

    Raises:
        ConfigurationError: for an input that is not there or holds no pairs, or if there are none.
    """
    if not inputs:
        raise ConfigurationError("There is no input: name a file, a folder or a prefix of image-text pairs.")
    plan = PairSources(stores, params or PairSourcesParams(), read or ReadPairsParams())
    try:
        for location in inputs:
            plan.add_input(location)
    finally:
        plan.close()
    if not plan.counts.kept:
        raise ConfigurationError(
            f"None of {plan.counts.rows_in} files holds image-text pairs; of the first: "
            f"{plan.ledger[0]['detail']}."
        )
    return plan


def publish_pair_sources(
    inputs: Sequence[str],
    out: str,
    params: Mapping[str, Any],
    read: Mapping[str, Any],
    run: Mapping[str, Any],
    artifact: Artifact,
    metrics: Any = None,
) -> None:
    """Body of the `pair_sources` component: list the inputs, cut them into units, commit the dataset.

    Args:
        params: `PairSourcesParams` as plain values.
        read: `ReadPairsParams`, likewise: what columns are called.
    """
    with reported():
        checked = read_params(PairSourcesParams, params, f"caption.{STEP}")
        reading = read_params(ReadPairsParams, read, "caption.read_pairs")
        assert isinstance(checked, PairSourcesParams)
        assert isinstance(reading, ReadPairsParams)
        plan = list_pair_sources(inputs, Stores(out), checked, reading)
        manifest = publish(
            STEP,
            "sources",
            "sources/1",
            plan.shards,
            plan.ledger,
            plan.counts,
            out,
            family="caption",
            params={**checked.model_dump(mode="json"), "inputs": list(inputs)},
            run=read_params(RunParams, run, "run"),  # type: ignore[arg-type]
        )
    hand_over({"sources": manifest}, {"sources": artifact}, metrics)
