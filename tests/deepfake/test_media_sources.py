"""What inputs amount to: files with labels, units in which copies meet, refusals in one sentence."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.core.manifest import load
from components.core.schemas import get
from components.core.store import Stores, open_store
from components.deepfake.datasets import registry
from components.deepfake.datasets.generic import Generic
from components.deepfake.media_params import MediaSourcesParams
from components.deepfake.media_sources import MediaSources, list_media_sources, publish_media_sources


class Artifact:
    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.metadata: dict[str, object] = {}


def plan(*inputs: Path | str, **params: object) -> MediaSources:
    return list_media_sources(map(str, inputs), Stores(), MediaSourcesParams.model_validate(params))


def rows(found: MediaSources) -> list[dict]:
    return [row for unit in found.units() for row in unit.to_pylist()]


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def test_files_folders_and_globs(tmp_path: Path) -> None:
    write(tmp_path, "set/a.mp4", "set/deep/b.txt", "more/c.png", "more/d.webp", "one.jpg")
    (tmp_path / "set" / "empty.mp4").touch()
    found = plan(tmp_path / "set", tmp_path / "more" / "*.png", tmp_path / "one.jpg", tmp_path / "one.jpg")
    named = {row["uri"].rpartition("/")[2]: row for row in rows(found)}
    assert {name: row["dataset"] for name, row in named.items()} == {
        "a.mp4": "set", "b.txt": "set", "c.png": "more", "one.jpg": "files"
    }  # fmt: skip
    assert {row["label"] for row in named.values()} == {None}
    assert {row["group"] for row in named.values()} == {""}
    assert (found.counts.rows_in, found.counts.kept, found.counts.imbalance()) == (6, 4, 0)
    assert found.counts.dropped == {"empty_file": 1, "repeated": 1}
    assert [line["reason"] for line in found.ledger] == ["empty_file", "repeated"]
    assert found.units()[0].schema == get("media_sources/1")


def test_a_data_set_brings_its_labels(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write(folder, "1.mp4", "2.mp4")
    (folder / "truth.csv").write_text(
        "file,label,method,family,source,age\n1.mp4,1,FSGAN,swap,2.mp4,30\n2.mp4,0,,,,\n3.mp4,0,,,,\n"
    )
    found = plan(f"generic:{folder}", datasets={"generic": {"labels": "truth.csv"}})
    forged, real = sorted(rows(found), key=lambda row: row["uri"])
    assert (forged["label"], forged["method"], forged["family"], forged["dataset"]) == (
        1, "FSGAN", "swap", "mine"
    )  # fmt: skip
    assert (forged["group"], forged["source"], dict(forged["attributes"])) == (
        "2.mp4",
        "2.mp4",
        {"age": "30"},
    )
    assert (real["label"], real["group"], real["source"]) == (0, "", None)
    assert found.counts.dropped == {"not_downloaded": 1}
    assert "mine lists 3.mp4: it is not there" in found.ledger[0]["detail"]


def test_documented_counts_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Generic, "counts", {"real": 2, "FSGAN": 1})
    write(tmp_path, "real/a.mp4", "fake/FSGAN/b.mp4")
    found = plan(f"generic:{tmp_path}")
    assert found.notices == ["generic: real: 1 files; generic is documented to have 2."]


def test_a_folder_with_labels_brings_them_without_a_word(tmp_path: Path) -> None:
    write(tmp_path / "told", "real/a.mp4", "fake/FSGAN/b.mp4")
    write(tmp_path / "untold", "a.mp4", "b.mp4")
    assert sorted(row["label"] for row in rows(plan(str(tmp_path / "told")))) == [0, 1]
    assert [row["label"] for row in rows(plan(str(tmp_path / "untold")))] == [None, None]
    assert {row["label"] for row in rows(plan(f"{tmp_path}/told/*/a.mp4"))} == {None}


def test_a_colon_in_a_path_names_no_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "generic:x/a.png")
    monkeypatch.chdir(tmp_path)
    assert [row["label"] for row in rows(plan("generic:x"))] == [None]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("nowhere", "'nowhere' names no file, no folder"),
        ("celebs:nowhere", "There is no data set 'celebs'; there are"),
        ("generic:nowhere", "holds no files"),
        ("https://x.org/a.mp4", "is an address of the web"),
    ],
)
def test_an_input_that_is_nothing_stops_the_step(location: str, expected: str) -> None:
    assert "generic" in registry()
    with pytest.raises(ConfigurationError, match=expected):
        plan(location)


def test_no_input_and_only_refused_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no input"):
        plan()
    (tmp_path / "a.mp4").touch()
    with pytest.raises(ConfigurationError, match=r"None of 1 files can be read; .*a\.mp4 has no bytes"):
        plan(tmp_path)


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=60), unit_files=st.integers(1, 20))
def test_files_of_one_size_meet_in_one_unit(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], unit_files: int
) -> None:
    folder = tmp_path_factory.mktemp("sizes")
    for number, size in enumerate(sizes):
        (folder / f"{number:02d}").write_bytes(bytes(size))
    found = plan(folder, unit_files=unit_files)
    units = found.units()
    homes: dict[int, set[int]] = {}
    for number, unit in enumerate(units):
        for row in unit.to_pylist():
            homes.setdefault(row["size"], set()).add(number)
    assert all(len(home) == 1 for home in homes.values())
    assert sum(unit.num_rows for unit in units) == found.counts.kept == len(sizes)
    assert [unit.to_pylist() for unit in plan(folder, unit_files=unit_files).units()] == [
        unit.to_pylist() for unit in units
    ]


def test_the_dataset_is_committed(tmp_path: Path) -> None:
    write(tmp_path, "in/real/a.mp4", "in/fake/b.mp4")
    out, artifact = (tmp_path / "out").as_uri(), Artifact(tmp_path / "sources")
    publish_media_sources([f"generic:{tmp_path / 'in'}"], out, {}, {}, artifact)
    manifest = load(Path(artifact.path).read_bytes(), "here")
    assert (manifest.step, manifest.port, manifest.schema_name, manifest.family, manifest.rows) == (
        "media_sources", "sources", "media_sources/1", "deepfake", 2
    )  # fmt: skip


def test_wrong_parameters_stop_the_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        publish_media_sources([str(tmp_path)], str(tmp_path), {"units": 1}, {}, Artifact(tmp_path / "a"))
    assert stopped.value.code == 2
    assert "deepfake.media_sources.units" in "".join(capsys.readouterr())


@pytest.mark.s3
def test_a_prefix_of_a_store(s3_bucket: str) -> None:
    store = open_store(f"s3://{s3_bucket}")
    store.put("set/real/a.mp4", b"12")
    store.put("set/fake/FSGAN/b.mp4", b"123")
    found = plan(f"generic:s3://{s3_bucket}/set", f"s3://{s3_bucket}/set/real/a.mp4")
    assert sorted((row["uri"], row["label"], row["dataset"], row["size"]) for row in rows(found)) == [
        (f"s3://{s3_bucket}/set/fake/FSGAN/b.mp4", 1, "set", 3),
        (f"s3://{s3_bucket}/set/real/a.mp4", 0, "set", 2),
    ]
    assert found.counts.dropped == {"repeated": 1}
