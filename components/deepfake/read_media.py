"""The `read_media` step: every file is hashed and probed, and what it declares of its origin is read."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict
from typing import Any, Final

import pyarrow as pa

from components.core import schemas
from components.core.errors import BadRecord, Drop
from components.core.sandbox import Sandbox
from components.core.stage import Output, Stage, Unit
from components.core.store import Stores
from components.deepfake.listed_files import read_listed
from components.deepfake.media_kind import MediaFacts, media_facts
from components.deepfake.media_params import ReadMediaParams
from components.deepfake.reasons import DeepfakeReason

_NO_FAULT: Final = frozenset(
    {
        DeepfakeReason.EMPTY_FILE,
        DeepfakeReason.NOT_MEDIA,
        DeepfakeReason.UNSUPPORTED_KIND,
        DeepfakeReason.MEDIA_TOO_LARGE,
    }
)
"""Files that are whole and not wanted: dropped. Others failed."""
_SHA256: Final = re.compile("[0-9a-f]{64}")
_LABELS: Final = ("label", "method", "family", "dataset", "split", "source")


class ReadMediaStage(Stage[ReadMediaParams]):
    """Hash and probe files, by their bytes and not their names; labels are handed on.

    A row is a file. One that is no image and no video, or too large, is dropped; one that is broken, takes
    too long or can't be read fails. Bytes that a file of the unit had before are dropped: sizes decide on
    the unit (`media_sources`), so every copy of a file is in it. A video that is cut off is kept while one
    frame of it can be decoded, with a line of the ledger.

        rows in = files kept + dropped + failed

    A group is a name within its data set, `DATASET/GROUP`: a speaker 1 of one set is not the speaker 1 of
    another. A file without a group is its own, and is called by its SHA-256, which means the same everywhere.
    """

    name = "read_media"
    consumes = {"sources": "media_sources/1"}
    produces = {"media": "media/1"}
    reasons = DeepfakeReason
    imports = ("av", "components.deepfake.provenance.blocks", "components.deepfake.video_file")

    def __init__(self, params: ReadMediaParams) -> None:
        super().__init__(params)
        self._sandbox: Sandbox[MediaFacts] = Sandbox(
            media_facts,
            timeout_s=params.probe_s,
            # the child holds a file twice: as it comes and unpacked
            memory_bytes=params.memory_bytes + 2 * params.max_bytes,
        )

    def close(self) -> None:
        self._sandbox.close()

    def run(self, unit: Unit, out: Output) -> None:
        """Read the files of one unit."""
        rows = unit.tables["sources"].to_pylist()
        # a retry reads what comes before, too: only so is a copy known as one
        asked = [number for number, row in enumerate(rows) if unit.wants(row["id"])]
        out.rows_in = len(asked)
        seen: dict[str, dict[str, Any]] = {}
        for row in rows if asked else []:
            if not unit.wants(row["id"]):
                self._remember(row, unit.stores, seen)
                continue
            with out.record(row["id"], kind="media", locator=row["uri"]):
                self._take(row, unit.stores, out, seen)

    def _remember(self, row: dict[str, Any], stores: Stores, seen: dict[str, dict[str, Any]]) -> None:
        try:
            seen.setdefault(hashlib.sha256(self._read(row, stores)).hexdigest(), row)
        except (BadRecord, Drop):
            return  # was decided about before

    def _take(
        self, row: dict[str, Any], stores: Stores, out: Output, seen: dict[str, dict[str, Any]]
    ) -> None:
        data = self._read(row, stores)
        name = hashlib.sha256(data).hexdigest()
        before = seen.setdefault(name, row)
        if before is not row:
            other = "" if before["label"] == row["label"] else ", which bears another label"
            raise Drop(DeepfakeReason.REPEATED, f"the same bytes as {before['uri']}{other}")
        try:
            facts = self._sandbox.call(data, self.params.max_pixels)
        except BadRecord as bad:
            if bad.reason in _NO_FAULT:
                raise Drop(bad.reason, bad.detail) from None
            raise
        out.keep("media", _table(name, row, len(data), facts))
        out.count(f"{facts.kind}s")
        if facts.provenance.verdict != "none":
            out.count(f"declared_{facts.provenance.verdict}")
        if facts.problem is not None:
            detail = f"{facts.seconds:.2f} s of it are there"
            out.change(row["id"], facts.problem, kind="media", detail=detail, locator=row["uri"])

    def _read(self, row: dict[str, Any], stores: Stores) -> bytes:
        """The bytes of a file.

        Raises:
            Drop: EMPTY_FILE or MEDIA_TOO_LARGE.
            BadRecord: UNREADABLE or FILE_CHANGED.
        """
        if row["size"] > self.params.max_bytes:
            detail = f"{row['size']:,} bytes; max_bytes is {self.params.max_bytes:,}"
            raise Drop(DeepfakeReason.MEDIA_TOO_LARGE, detail)
        data = read_listed(row["uri"], row["size"], stores)
        if len(data) != row["size"]:
            detail = f"had {row['size']:,} bytes when it was listed"
            raise BadRecord(DeepfakeReason.FILE_CHANGED, detail)
        return data


def _table(name: str, row: dict[str, Any], size: int, facts: MediaFacts) -> pa.Table:
    found = asdict(facts)
    del found["problem"]
    made = {
        "id": name,
        "uri": row["uri"],
        "size": size,
        "group": _group(row["group"], row["dataset"], name),
        "attributes": row["attributes"],
        **{column: row[column] for column in _LABELS},
        **found,
    }
    return pa.Table.from_pylist([made], schema=schemas.get("media/1"))


def _group(group: str, dataset: str, name: str) -> str:
    """The group of the file called `name`; a SHA-256 stands for a file, in whatever data set it is named."""
    if not group:
        return name
    return group if _SHA256.fullmatch(group) else f"{dataset}/{group}"
