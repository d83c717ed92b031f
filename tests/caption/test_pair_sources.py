"""What inputs amount to: kinds, units, refusals in one sentence."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.caption.pair_sources import publish_pair_sources
from components.caption.pairs_params import PairColumns, ReadPairsParams
from components.core.errors import ConfigurationError
from components.core.manifest import load
from components.core.schemas import get
from tests.caption.pair_files import encoded, img2dataset, plan, write_tar


def units(found) -> list[list[tuple[str, str]]]:
    return [
        [(row["kind"], row["uri"].rpartition("/")[2]) for row in table.to_pylist()] for table in found.shards
    ]


def write_parquet(path: Path, groups: int = 1, rows: int = 4, **columns) -> Path:
    values = columns or {
        "image": pa.array([encoded(n) for n in range(rows)], pa.binary()),
        "text": ["x"] * rows,
    }
    pq.write_table(pa.table(values), path, row_group_size=max(1, rows // groups))
    return path


def test_a_folder_of_everything_has_a_unit_of_each_kind(tmp_path: Path) -> None:
    write_tar(tmp_path / "b.tar", [img2dataset(1)])
    write_tar(tmp_path / "a.tar", [img2dataset(2)])
    write_parquet(tmp_path / "c.parquet")
    (tmp_path / "d.csv").write_text("file,text\nsub/1.jpg,one\n")
    (tmp_path / "sub").mkdir()
    for n in range(3):
        (tmp_path / "sub" / f"{n}.jpg").write_bytes(encoded(n))
    (tmp_path / "sub" / "0.txt").write_text("zero")
    (tmp_path / "notes.txt").write_text("not beside an image")
    (tmp_path / "b_stats.json").write_text("{}")
    (tmp_path / "empty.tar").touch()
    (tmp_path / ".hidden.tar").write_bytes(b"x")
    found = plan(tmp_path)
    assert units(found) == [
        [("pairs_tar", "a.tar"), ("pairs_tar", "b.tar")],
        [("pairs_parquet", "c.parquet")],
        [("pairs_table", "d.csv")],
        [("pairs_folder", "0.jpg"), ("pairs_folder", "1.jpg"), ("pairs_folder", "2.jpg")],
    ]
    counts = found.counts
    assert (counts.rows_in, counts.kept, counts.imbalance()) == (10, 7, 0)
    assert counts.dropped == {"unsupported_kind": 1, "describes_another": 1, "empty_file": 1}
    assert [line["locator"].rpartition("/")[2] for line in found.ledger] == [
        "b_stats.json", "empty.tar", "notes.txt"
    ]  # fmt: skip
    assert found.shards[0].schema == get("sources/1")
    again = plan(tmp_path)
    assert [t.to_pylist() for t in again.shards] == [t.to_pylist() for t in found.shards]


def test_img2dataset_metadata_is_not_read_beside_its_images(tmp_path: Path) -> None:
    write_tar(tmp_path / "00000.tar", [img2dataset(1)])
    write_parquet(
        tmp_path / "00000.parquet", rows=1, url=["https://x.org/1.jpg"], caption=["c"], status=["success"]
    )
    (tmp_path / "00001").mkdir()
    (tmp_path / "00001" / "000010000.jpg").write_bytes(encoded(1))
    write_parquet(tmp_path / "00001.parquet", rows=1, url=["https://x.org/1.jpg"], caption=["c"])
    found = plan(tmp_path)
    assert units(found) == [[("pairs_tar", "00000.tar")], [("pairs_folder", "000010000.jpg")]]
    assert found.counts.dropped == {"describes_another": 2}


def test_units_are_of_about_equal_size(tmp_path: Path) -> None:
    for n in range(6):
        write_tar(tmp_path / f"{n}.tar", [img2dataset(n)])
    size = (tmp_path / "0.tar").stat().st_size
    assert [len(u) for u in units(plan(tmp_path, shard_bytes=2 * size))] == [2, 2, 2]
    path = write_parquet(tmp_path / "p.parquet", groups=8, rows=16)
    ranges = [
        (row["start"], row["stop"]) for t in plan(path, shard_bytes=8000).shards for row in t.to_pylist()
    ]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == 8
    assert [a[1] for a in ranges[:-1]] == [b[0] for b in ranges[1:]]
    assert len(ranges) > 2


def test_a_table_is_cut_where_records_start(tmp_path: Path) -> None:
    records = [f'"{n}.jpg","text {n}\nof two lines"\n' for n in range(7)]
    path = tmp_path / "list.csv"
    path.write_text("file,text\n" + "".join(records))
    found = [row for table in plan(path, shard_pairs=3).shards for row in table.to_pylist()]
    data = path.read_bytes()
    parts = [data[row["start"] : row["stop"]].decode() for row in found]
    assert parts == ["file,text\n" + "".join(records[:3]), "".join(records[3:6]), records[6]]


def test_small_tables_share_a_unit(tmp_path: Path) -> None:
    for n in range(4):
        (tmp_path / f"{n}.jsonl").write_text(json.dumps({"file": "a.jpg"}) + "\n")
    assert [len(u) for u in units(plan(tmp_path, shard_pairs=3))] == [3, 1]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("column", ["url", "image"])
def test_lists_of_addresses_are_refused_with_what_to_do(tmp_path: Path, suffix: str, column: str) -> None:
    rows = [{column: f"https://x.org/{n}.jpg", "caption": f"c{n}"} for n in range(3)]
    path = tmp_path / f"list.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        mark = "," if suffix == "csv" else "\t"
        path.write_text("\n".join([mark.join(rows[0]), *(mark.join(row.values()) for row in rows)]))
    with pytest.raises(ConfigurationError, match=r"holds addresses of images.*img2dataset.*`full`") as raised:
        plan(path)
    assert str(path) in str(raised.value)
    write_tar(tmp_path / "some.tar", [img2dataset(1)])
    found = plan(tmp_path)  # in a folder it is a line of the ledger
    assert found.counts.dropped == {"urls_only": 1}


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("list.csv", b"picture_file,words\na.jpg,x\n", r"no column of images.*picture_file, words.*\.image"),
        ("list.csv", b"file,text\n", "has a header and no rows"),
        ("list.jsonl", b"not json\n", "no record that can be read"),
        ("list.csv", b"", "has no bytes"),
        ("a.parquet", b"PAR1 and nothing more", "can't be read as Parquet"),
        ("a.zip", b"PK", "no list of pairs that can be read: WebDataset tars"),
        ("urls.txt", b"https://x.org/a.jpg", "no list of pairs that can be read"),
    ],
)  # fmt: skip
def test_what_holds_no_pairs_is_one_sentence(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigurationError, match=said) as raised:
        plan(tmp_path / name)
    assert "\n" not in str(raised.value)
    with pytest.raises(ConfigurationError, match=r"None of 1 files holds image-text pairs"):
        plan(tmp_path)


def test_inputs_that_are_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no input"):
        plan()
    with pytest.raises(ConfigurationError, match=r"'.*gone' names no file, no folder"):
        plan(tmp_path / "gone")
    with pytest.raises(ConfigurationError, match=r"names no file"):
        plan(tmp_path)
    with pytest.raises(ConfigurationError, match=r"address of the web.*img2dataset"):
        plan("https://x.org/list.parquet")


def test_globs_and_inputs_named_twice(tmp_path: Path) -> None:
    for name in ("1.tar", "2.tar", "3.other"):
        (tmp_path / name).write_bytes(write_tar(tmp_path / "x.tar", [img2dataset(1)]).read_bytes())
    found = plan(tmp_path / "[12].tar", tmp_path)
    assert units(found) == [[("pairs_tar", "1.tar"), ("pairs_tar", "2.tar"), ("pairs_tar", "x.tar")]]
    assert found.counts.dropped == {"repeated": 2, "unsupported_kind": 1}


def test_columns_are_those_that_the_reading_step_is_told(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("picture_file,words\na.jpg,x\n")
    read = ReadPairsParams(columns=PairColumns(path=["Picture_File"]))
    assert plan(path, read=read).counts.kept == 1


class Artifact:
    def __init__(self, path: Path) -> None:
        self.path, self.metadata = str(path), {}


def test_the_step_commits_a_dataset(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", [img2dataset(1)])
    artifact = Artifact(tmp_path / "artifact")
    out = (tmp_path / "out").as_uri()
    publish_pair_sources([str(tmp_path / "a.tar")], out, {}, {}, {}, artifact)
    manifest = load(Path(artifact.path).read_bytes(), "here")
    assert (manifest.step, manifest.port, manifest.schema_name, manifest.family) == (
        "pair_sources", "sources", "sources/1", "caption"
    )  # fmt: skip
    assert manifest.rows == 1
    assert manifest.params["inputs"] == [str(tmp_path / "a.tar")]


def test_wrong_parameters_stop_the_step(tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        publish_pair_sources([str(tmp_path)], str(tmp_path), {"shards": 1}, {}, {}, Artifact(tmp_path / "a"))
    assert stopped.value.code == 2
    assert "caption.pair_sources.shards" in "".join(capsys.readouterr())


def test_a_metadata_table_speaks_for_its_images(tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_bytes(encoded(n))
    (tmp_path / "metadata.csv").write_text("file_name,text\n0.jpg,zero\n1.jpg,one\n")
    found = plan(tmp_path)
    assert units(found) == [[("pairs_table", "metadata.csv")], [("pairs_folder", "2.jpg")]]
    assert found.counts.dropped == {"describes_another": 2}


def test_a_parquet_file_without_rows(tmp_path: Path) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), sink)
    (tmp_path / "a.parquet").write_bytes(sink.getvalue())
    with pytest.raises(ConfigurationError, match="has no rows"):
        plan(tmp_path / "a.parquet")
