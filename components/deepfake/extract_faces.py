"""The `faces` step: every file is decoded once, and what detectors look at is cut out of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from components.core import schemas
from components.core.errors import BadRecord
from components.core.sandbox import Sandbox
from components.core.stage import Output, Stage, Unit
from components.core.store import Stores
from components.deepfake.faces_params import ExamineParams, ExtractFacesParams
from components.deepfake.listed_files import read_listed
from components.deepfake.reasons import DeepfakeReason

Rows = tuple[str, dict[str, Any], list[dict[str, Any]]]


def examined_rows(data: bytes, kind: Any, params: ExamineParams) -> Rows:
    """Id of the sample, its columns of samples/1, and its crops; called in the sandbox."""
    from components.deepfake.examine import EVERYTHING, examine
    from components.deepfake.sample_rows import to_rows

    sample = examine(data, kind, params, needs=EVERYTHING - {"provenance"})
    return sample.id, *to_rows(sample)


class ExtractFacesStage(Stage[ExtractFacesParams]):
    """Decode images and videos, find, follow and align faces, cut out patches and sound.

    A row is a file. One that can't be decoded, takes too long or is not what it was when it was listed
    fails. One without a face is kept, with the reason in `problem`: detectors that look at patches judge it,
    and its missing scores count.

        rows in = files kept + failed

    Files are decoded one at a time in a child process with limits on time and memory; a unit holds the
    encoded crops of its files, 3 to 8 MB of a video of 16 frames and 4 seconds.
    """

    name = "faces"
    consumes = {"media": "media/1"}
    produces = {"samples": "samples/1", "crops": "crops/1"}
    reasons = DeepfakeReason
    imports = ("av", "cv2", "components.deepfake.examine", "components.deepfake.sample_rows")

    def __init__(self, params: ExtractFacesParams) -> None:
        super().__init__(params)
        self._sandbox: Sandbox[Rows] = Sandbox(
            examined_rows,
            timeout_s=params.examine_s,
            # the child holds a file twice: as it comes and unpacked
            memory_bytes=params.memory_bytes + 2 * params.max_bytes,
        )
        self._examine_params = ExamineParams(**params.model_dump(include=set(ExamineParams.model_fields)))

    def close(self) -> None:
        self._sandbox.close()

    def run(self, unit: Unit, out: Output) -> None:
        """Examine the files of one unit."""
        rows = [row for row in unit.tables["media"].to_pylist() if unit.wants(row["id"])]
        out.rows_in = len(rows)
        for row in rows:
            with out.record(row["id"], kind="media", locator=row["uri"]):
                self._take(row, unit.stores, out)

    def _take(self, row: dict[str, Any], stores: Stores, out: Output) -> None:
        data = self._read(row, stores)
        found_id, columns, crops = self._sandbox.call(data, row["kind"], self._examine_params)
        if found_id != row["id"]:
            raise BadRecord(
                DeepfakeReason.FILE_CHANGED,
                f"its SHA-256 is now {found_id}: it was changed since it was listed",
            )
        out.keep("samples", pa.Table.from_pylist([row | columns], schema=schemas.get("samples/1")))
        out.keep("crops", pa.Table.from_pylist(crops, schema=schemas.get("crops/1")))
        out.count(f"{row['kind']}s")
        out.count("frames_planned", columns["planned"])
        out.count("frames_decoded", columns["decoded"])
        out.count("frames_with_face", columns["with_face"])
        if columns["problem"] is not None:
            out.count(f"problem_{columns['problem']}")

    def _read(self, row: dict[str, Any], stores: Stores) -> bytes:
        """The bytes of a file.

        Raises:
            BadRecord: MEDIA_TOO_LARGE or UNREADABLE.
        """
        if row["size"] > self.params.max_bytes:
            detail = f"{row['size']:,} bytes; max_bytes is {self.params.max_bytes:,}"
            raise BadRecord(DeepfakeReason.MEDIA_TOO_LARGE, detail)
        return read_listed(row["uri"], row["size"], stores)
