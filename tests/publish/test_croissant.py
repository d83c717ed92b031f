from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from components.publish.describe import write_report
from components.publish.params import CardParams
from tests.publish import runs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlcroissant

ABOUT = CardParams(
    name="pages",
    license="CC-BY-4.0",
    license_url="https://creativecommons.org/licenses/by/4.0/",
    url="https://example.org/pages",
    creator="Somebody",
    published="2026-01-02",  # type: ignore[arg-type]
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("croissant") / "run"
    runs.make(root, card=ABOUT.model_dump(mode="json"))
    write_report(str(root))
    return root / "export"


@pytest.fixture(scope="module")
def dataset(release: Path) -> Any:
    return mlcroissant.Dataset(jsonld=str(release / "croissant.json"))


def test_mlcroissant_finds_nothing_wrong(dataset: Any) -> None:
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings


def test_without_optional_facts_there_are_no_errors(tmp_path: Path) -> None:
    runs.make(tmp_path / "run")
    write_report(str(tmp_path / "run"))
    found = mlcroissant.Dataset(jsonld=str(tmp_path / "run/export/croissant.json"))
    assert not found.metadata.ctx.issues.errors


def test_every_file_is_listed_with_its_digest(release: Path) -> None:
    document = json.loads((release / "croissant.json").read_text())
    listed = {
        f["contentUrl"]: (f["sha256"], f["contentSize"])
        for f in document["distribution"]
        if f["@type"] == "cr:FileObject"
    }
    there = [*release.glob("release/*.parquet"), *release.glob("files/**/*.tar")]
    assert len(there) == 4
    assert listed == {
        path.relative_to(release).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            f"{path.stat().st_size} B",
        )
        for path in there
    }


def test_mlcroissant_reads_every_document(release: Path, dataset: Any) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.decode()
        return [plain(v) for v in value] if isinstance(value, list) else value

    records = list(dataset.records(record_set="documents"))
    rows = [
        row for path in sorted(release.glob("release/*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    assert len(records) == len(rows) == 12
    for record, row in zip(records, rows, strict=True):
        assert plain(record["documents/texts"]) == row["texts"]
        assert plain(record["documents/images"]) == row["images"]
        assert plain(record["documents/image_hashes"]) == row["image_hashes"]
        metadata = record["documents/metadata"]
        assert plain(metadata["documents/metadata/id"]) == row["metadata"]["id"]
        assert plain(metadata["documents/metadata/consent_robots"]) == "allowed"
        widths = [image["documents/images_metadata/width"] for image in record["documents/images_metadata"]]
        assert widths == [image["width"] for image in row["images_metadata"]]
