"""What is released of captions: the files of their export, by configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from components.core.manifest import Manifest
from components.publish.export_captions import CORE, DISTILLED
from components.publish.kale_params import CaptionReleaseParams
from components.publish.release import ReleaseFile

CONFIGURATIONS: Final = {"core": (CORE,), "full": (CORE, DISTILLED)}
"""Names under which the release is loaded, and the folders of each."""


@dataclass(frozen=True, slots=True)
class CaptionRelease:
    """A release of captions.

    Attributes:
        step: the step that wrote it; its folder of the run's output is what is released.
        files: Parquet files of both sets, then tars; paths are relative to that folder.
        rows: captions by set.
        digests: of the released datasets, by set.
        params: layout and card.
        schema: of the Parquet files.
        code_version: of kalemint, that wrote them.
    """

    step: str
    files: Sequence[ReleaseFile]
    rows: dict[str, int]
    digests: dict[str, str]
    params: CaptionReleaseParams
    schema: str
    code_version: str

    @property
    def digest(self) -> str:
        """One digest for both sets."""
        return hashlib.sha256(
            "+".join(self.digests[name] for name in sorted(self.digests)).encode()
        ).hexdigest()

    def of_kind(self, kind: str) -> list[ReleaseFile]:
        """Its files of one kind."""
        return [file for file in self.files if file.kind == kind]

    def of_set(self, name: str) -> list[ReleaseFile]:
        """The Parquet files of one set."""
        return [file for file in self.of_kind("parquet") if file.path.startswith(f"{name}/")]


def caption_release(manifests: Sequence[Manifest]) -> CaptionRelease:
    """The release that the manifests of both output ports of one export describe."""
    first = manifests[0]
    prefix = f"{first.step}/"
    files = [
        ReleaseFile(shard.path.removeprefix(prefix), shard.bytes, shard.sha256, "parquet", shard.rows)
        for manifest in manifests
        for shard in manifest.shards
    ]
    files += [
        ReleaseFile(file.path.removeprefix(prefix), file.bytes, file.sha256, "webdataset")
        for file in first.files
    ]
    return CaptionRelease(
        first.step,
        files,
        {m.port: m.rows for m in manifests},
        {m.port: m.digest for m in manifests},
        CaptionReleaseParams.model_validate(first.params),
        first.schema_name,
        first.code_version,
    )
