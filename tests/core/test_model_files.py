"""A model as a dataset: published, fetched, and refused where it was altered."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.core import shards
from components.core.errors import BadShard
from components.core.model_files import local_model, publish_model
from components.core.store import Stores, as_uri, open_store


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llava"}')
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 10_000)
    (folder / "checkpoints").mkdir()
    return folder


def test_what_is_published_is_what_is_fetched(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    root = as_uri(str(tmp_path / "out"))
    made = publish_model(
        model, "train", root, params={"steps": 2}, family="distill", parents={"train": "abc"}
    )
    table = shards.read(open_store(root), made.shards[0])
    fetched = local_model(table, Stores(root))
    assert {p.name: p.read_bytes() for p in fetched.iterdir()} == {
        p.name: p.read_bytes() for p in model.iterdir() if p.is_file()
    }
    assert local_model(table.take([1, 0]), Stores(root)) == fetched
    assert made.parents == {"train": "abc"}
    assert made.params == {"steps": 2}
    assert [(file.path.rpartition("/")[2], file.sha256) for file in made.files] == [
        (row["name"], row["sha256"]) for row in table.to_pylist()
    ]


def test_a_file_that_was_altered_is_refused(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    root = as_uri(str(tmp_path / "out"))
    made = publish_model(model, "train", root, params={}, family="distill", parents={})
    table = shards.read(open_store(root), made.shards[0])
    key = table.column("uri")[0].as_py().removeprefix("out:")
    (tmp_path / "out" / key).write_text("{}")
    with pytest.raises(BadShard, match=r"config\.json is not the file"):
        local_model(table, Stores(root))
