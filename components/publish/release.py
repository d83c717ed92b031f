"""What is released: the files of an export, as its card and its Croissant metadata name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from components.core.manifest import Manifest
from components.publish.item_rows import SUFFIX
from components.publish.params import PublishParams


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One file of a release.

    Attributes:
        path: relative to the release's folder, with `/`.
        bytes: its size.
        sha256: of its bytes, hex.
        kind: parquet, webdataset or items (a row an item).
        rows: documents in a Parquet file; 0 for a tar, which is not counted again.
    """

    path: str
    bytes: int
    sha256: str
    kind: Literal["parquet", "webdataset", "items"]
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """A release: its files and what it says of itself.

    Attributes:
        files: in order: Parquet first, then tars, then item rows.
        digest: of the manifest of the released dataset.
        params: layout and card.
        schema: of the Parquet files.
    """

    files: Sequence[ReleaseFile]
    digest: str
    params: PublishParams = field(default_factory=PublishParams)
    schema: str = "mint_documents/1"

    def of_kind(self, kind: str) -> list[ReleaseFile]:
        """Its files of one kind."""
        return [file for file in self.files if file.kind == kind]


def release_of(manifest: Manifest, folder: str = "") -> Release:
    """The release that an export's manifest describes.

    Args:
        manifest: of the export's output port.
        folder: folder of the run's output that is released; paths become relative to it.
    """
    prefix = f"{folder.strip('/')}/" if folder else ""
    files = [
        ReleaseFile(s.path.removeprefix(prefix), s.bytes, s.sha256, "parquet", s.rows)
        for s in manifest.shards
    ]
    files += [
        ReleaseFile(f.path.removeprefix(prefix), f.bytes, f.sha256, "webdataset")
        for f in manifest.files
        if f.path.endswith(".tar")
    ]
    files += [
        ReleaseFile(f.path.removeprefix(prefix), f.bytes, f.sha256, "items")
        for f in manifest.files
        if f.path.endswith(SUFFIX)
    ]
    params = PublishParams.model_validate(manifest.params)
    return Release(files, manifest.digest, params, manifest.schema_name)
