"""Export of captions: the columns of BLIP3-KALE, in its two sets, and WebDataset tars where asked for."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas
from components.core.records import record_id
from components.core.stage import Output, Side, Stage, Unit
from components.publish.kale_params import CaptionReleaseParams
from components.publish.webdataset import EXTENSIONS, TarBuilder

CAPTIONS_SCHEMA: Final = "kale_captions/1"
CORE: Final = "data_core_set"
"""Folder of captions by the teacher and fusion, as Salesforce/blip3-kale names it."""
DISTILLED: Final = "data_distilled_set"
"""Folder of captions by the student. The published `data_full_set` repeats the core; here `full` is both."""
_STUDENT: Final = "student"
_KINDS: Final = pa.array(["dense", "fused", "one_pass", _STUDENT])
_KNOWLEDGE: Final = pa.array(["alt_text", "page"])
_SHA256: Final = r"^[0-9a-f]{64}$"


class ExportCaptionsReason(StrEnum):
    """Ledger reasons of the export of captions."""

    BAD_IMAGE_ID = "bad_image_id"
    DUPLICATE_IMAGE = "duplicate_image"
    EMPTY_CAPTION = "empty_caption"
    CAPTIONER_UNKNOWN = "captioner_unknown"
    UNKNOWN_KIND = "unknown_kind"
    IMAGE_BYTES_MISSING = "image_bytes_missing"


class ExportCaptionsStage(Stage[CaptionReleaseParams]):
    """Write each shard of final captions as released rows: stage 1 into `core`, stage 2 into `distilled`.

    Every caption is released (rows in = kept + failed, where kept is the rows of both ports) unless it
    has no text, says not who wrote it, or its image repeats within the shard. Teacher and student
    share no image: the student captions what the teacher did not, and what both captioned to be
    compared comes from the teacher only.

    With `webdataset`, `unit.tables["images"]` holds the images of the unit's captions. One that is not
    among them is released without a sample in the tar and recorded as changed.
    """

    name: ClassVar[str] = "export_captions"
    consumes: ClassVar[dict[str, str]] = {"captions": "captions/1", "images": "images/1"}
    produces: ClassVar[dict[str, str]] = {CORE: CAPTIONS_SCHEMA, DISTILLED: CAPTIONS_SCHEMA}
    reasons: ClassVar[type[StrEnum]] = ExportCaptionsReason
    sides: ClassVar[dict[str, Side]] = {"images": "by_id"}
    columns: ClassVar[dict[str, tuple[str, ...]]] = {"images": ("id", "bytes", "format")}
    exclusive: ClassVar[bool] = True

    def lookup(self, port: str, table: pa.Table) -> set[str]:
        """Ids of the images that go into a tar."""
        return set(table.column("id").to_pylist()) if self.params.webdataset else set()

    def run(self, unit: Unit, out: Output) -> None:
        """Write the unit's rows and, where asked for, `core-<unit>.tar` or `distilled-<unit>.tar`."""
        captions = _usable(unit.tables["captions"], out)
        rows = released(captions)
        student = pc.equal(rows.column("stage"), 2)
        sets = {CORE: rows.filter(pc.invert(student)), DISTILLED: rows.filter(student)}
        for port, part in sets.items():
            out.keep(port, part)
            if self.params.webdataset and part.num_rows:
                self._add_tar(port, part, unit, out)
        out.kept = rows.num_rows
        out.count("words", pc.sum(rows.column("words")).as_py() or 0)
        out.count("captions_with_knowledge", pc.sum(rows.column("knowledge")).as_py() or 0)

    def _add_tar(self, port: str, rows: pa.Table, unit: Unit, out: Output) -> None:
        images = unit.tables["images"]
        found = {
            identifier: number
            for number, identifier in enumerate(images.column("id").to_pylist())
            if images.column("bytes")[number].is_valid
        }
        tar = TarBuilder()
        for row in rows.to_pylist():
            number = found.get(row["sha256"])
            if number is None:
                out.change(
                    row["sha256"],
                    ExportCaptionsReason.IMAGE_BYTES_MISSING,
                    kind="image",
                    detail="The caption is released without its image.",
                    locator=row["url"],
                )
                continue
            add_caption(
                tar, row, images.column("bytes")[number].as_py(), images.column("format")[number].as_py()
            )
            out.count("webdataset_samples")
        if tar:
            out.attach(f"{port.split('_')[1]}-{_file_stem(unit)}.tar", tar.build())


def _file_stem(unit: Unit) -> str:
    """A retry's captions go into files of their own, beside the unit's first."""
    retried = "" if unit.only is None else f"-{record_id(*sorted(unit.only))[:12]}"
    return f"{unit.index:05d}{retried}"


def _usable(captions: pa.Table, out: Output) -> pa.Table:
    """The captions that can be released; every other one fails with its reason."""
    ids = captions.column("id")
    first = pc.is_in(
        pa.array(range(captions.num_rows)),
        value_set=pa.table({"id": ids, "row": range(captions.num_rows)})
        .group_by("id").aggregate([("row", "min")]).column("row_min").combine_chunks(),
    )  # fmt: skip
    wrong: tuple[tuple[ExportCaptionsReason, Any, str], ...] = (
        (
            ExportCaptionsReason.BAD_IMAGE_ID,
            pc.invert(pc.match_substring_regex(ids, _SHA256)),
            "An image's id must be its SHA-256 in 64 hex digits.",
        ),
        (
            ExportCaptionsReason.DUPLICATE_IMAGE,
            pc.invert(first),
            "Another caption of this shard is of the same image.",
        ),
        (
            ExportCaptionsReason.EMPTY_CAPTION,
            pc.equal(pc.utf8_trim_whitespace(captions.column("text")), ""),
            "The caption holds no text.",
        ),
        (
            ExportCaptionsReason.CAPTIONER_UNKNOWN,
            pc.is_null(_writer(captions)),
            "The caption does not say which model wrote it.",
        ),
        (
            ExportCaptionsReason.UNKNOWN_KIND,
            pc.invert(pc.is_in(captions.column("kind"), value_set=_KINDS)),
            "The caption is none of: dense, fused, one_pass, student.",
        ),
    )
    left = pa.array([True] * captions.num_rows, pa.bool_())
    for reason, mask, detail in wrong:
        bad = captions.filter(pc.and_(left, mask))
        for row in bad.select(["id", "url"]).to_pylist():
            out.fail(row["id"], reason, kind="caption", detail=detail, locator=row["url"])
        left = pc.and_(left, pc.invert(mask))
    return captions.filter(left)


def _writer(captions: pa.Table) -> pa.ChunkedArray:
    """The model that wrote each caption: the one that merged it, where one did."""
    # a caption that fell back to the dense one still tells who merged it before
    merged = pc.equal(captions.column("kind"), "fused")
    fuser, captioner = (pc.struct_field(captions.column(name), "model") for name in ("fuser", "captioner"))
    return pc.coalesce(pc.if_else(merged, fuser, pa.scalar(None, pa.string())), captioner)


def released(captions: pa.Table) -> pa.Table:
    """`kale_captions/1` of usable rows of `captions/1`, in order."""
    kind = captions.column("kind")
    columns = {
        "url": captions.column("url"),
        "sha256": captions.column("id"),
        "caption": captions.column("text"),
        "cogvlm_caption": captions.column("dense"),
        # a dense caption came about without it, whatever its row still carries
        "alt_text": pc.if_else(pc.equal(kind, "dense"), pa.scalar(None, pa.string()), captions.column("alt")),
        "captioner": _writer(captions),
        "stage": pc.if_else(pc.equal(kind, _STUDENT), pa.scalar(2, pa.int8()), pa.scalar(1, pa.int8())),
        "words": captions.column("words"),
        "knowledge": _knowledge(captions.column("claims")),
        "claims": captions.column("claims"),
    }
    schema = schemas.get(CAPTIONS_SCHEMA)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _knowledge(claims: pa.ChunkedArray) -> pa.Array:
    """Whether a claim that stands rests on the alternative text or the page; null where none were judged."""
    lists = claims.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], claims.type)
    flat = lists.flatten()
    known = pc.and_(
        pc.and_(
            pc.is_in(pc.struct_field(flat, "source"), value_set=_KNOWLEDGE),
            pc.equal(pc.struct_field(flat, "verdict"), "supported"),
        ),
        pc.invert(pc.struct_field(flat, "removed")),
    )
    rows = pc.unique(pc.list_parent_indices(lists).filter(known))
    numbers = pa.array(range(len(lists)), rows.type)
    return pc.if_else(pc.is_null(lists), pa.scalar(None, pa.bool_()), pc.is_in(numbers, value_set=rows))


def add_caption(tar: TarBuilder, row: dict[str, Any], image: bytes, kind: str) -> None:
    """Add a sample as img2dataset lays it out: `<sha256>.<extension>`, `.txt` with the caption, `.json`.

    Args:
        row: of `kale_captions/1`.
        image: the bytes as found.
        kind: their format, as in `images/1`.
    """
    key = row["sha256"]
    tar.add(f"{key}.{EXTENSIONS[kind]}", image)
    tar.add(f"{key}.json", json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())
    tar.add(f"{key}.txt", row["caption"].encode())
