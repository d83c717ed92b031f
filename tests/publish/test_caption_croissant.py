from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from components.publish.describe import write_report
from components.publish.kale_params import CaptionCardParams
from tests.publish import kale_runs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlcroissant

ABOUT = CaptionCardParams(
    license="CC-BY-4.0",
    license_url="https://creativecommons.org/licenses/by/4.0/",
    url="https://example.org/captions",
    creator="Somebody",
    published="2026-01-02",  # type: ignore[arg-type]
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("caption-croissant") / "run"
    kale_runs.make(root, webdataset=True, card=ABOUT.model_dump(mode="json"))
    write_report(str(root))
    return root / "export_captions"


@pytest.fixture(scope="module")
def dataset(release: Path) -> Any:
    return mlcroissant.Dataset(jsonld=str(release / "croissant.json"))


def test_mlcroissant_finds_nothing_wrong(dataset: Any) -> None:
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings


def test_every_file_is_listed_with_its_digest(release: Path) -> None:
    document = json.loads((release / "croissant.json").read_text())
    listed = {f["contentUrl"]: f["sha256"] for f in document["distribution"] if f["@type"] == "cr:FileObject"}
    there = [*release.glob("data_*/*.parquet"), *release.glob("files/**/*.tar")]
    assert len(there) == 9
    assert listed == {
        p.relative_to(release).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in there
    }


@pytest.mark.parametrize(("name", "folders"), [("core", ["core"]), ("full", ["core", "distilled"])])
def test_mlcroissant_reads_every_caption_of_a_configuration(
    release: Path, dataset: Any, name: str, folders: list[str]
) -> None:
    rows = [
        row
        for folder in folders
        for path in sorted(release.glob(f"data_{folder}_set/*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]
    records = list(dataset.records(record_set=name))
    assert [r[f"{name}/sha256"].decode() for r in records] == [row["sha256"] for row in rows]
    assert [r[f"{name}/caption"].decode() for r in records] == [row["caption"] for row in rows]
    # a null list comes as one struct of nulls
    sources = [
        [c[f"{name}/claims/source"].decode() for c in r[f"{name}/claims"] or [] if c[f"{name}/claims/source"]]
        for r in records
    ]
    assert sources == [[claim["source"] for claim in row["claims"] or []] for row in rows]
