"""A folder of one's own: labels out of a table or of names of folders, and what is wrong with them."""

from pathlib import Path

import pytest

from components.core.errors import ConfigurationError
from components.core.store import Stores
from components.deepfake.datasets import LabelledFile, open_dataset, registry
from components.deepfake.datasets.base import FAMILIES


def files(folder: Path, **params: object) -> list[LabelledFile]:
    return list(open_dataset("generic", str(folder), Stores(), params))


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def refusal(folder: Path, **params: object) -> str:
    with pytest.raises(ConfigurationError) as error:
        files(folder, **params)
    return str(error.value)


def test_the_registry_finds_every_adapter() -> None:
    assert registry()["generic"].says
    for name, adapter in registry().items():
        assert adapter.name == name
        assert adapter.says
    with pytest.raises(ConfigurationError, match=r"There is no data set 'nothing'; there are .*generic"):
        list(open_dataset("nothing", ".", Stores()))
    with pytest.raises(ConfigurationError, match=r"deepfake\.datasets\.generic\.lables"):
        list(open_dataset("generic", ".", Stores(), {"lables": "x"}))


def test_names_of_folders_are_labels(tmp_path: Path) -> None:
    write(tmp_path, "train/real/a.mp4", "test/Fake/face-swap/b.mp4", "fake/SimSwap/c.png", "d.png", ".hidden")
    found = {Path(file.uri).name: file for file in files(tmp_path)}
    assert set(found) == {"a.mp4", "b.mp4", "c.png", "d.png"}
    a, b, c, d = (found[name] for name in sorted(found))
    assert (a.label, a.method, a.family, a.split) == (0, None, None, "train")
    assert (b.label, b.method, b.family, b.split) == (1, "face-swap", "swap", "test")
    assert (c.label, c.method, c.family, c.split) == (1, "SimSwap", None, None)
    assert (d.label, d.size) == (None, 5)


def test_a_table_says_everything(tmp_path: Path) -> None:
    write(tmp_path, "x/1.mp4", "x/2.mp4", "other.mp4")
    (tmp_path / "labels.csv").write_text(
        "\ufefffile,Label (1=fake),method,family,split,group,source,gender\n"
        "x/1.mp4,1,FSGAN,Face Swap,VAL,anna,x/2.mp4,f\n"
        "./x/2.mp4,genuine,,real,test,anna,,\n"
        "gone.mp4,,,,,,,\n"
    )
    one, two, gone = files(tmp_path)
    uri = (tmp_path / "x/1.mp4").as_uri()
    assert one == LabelledFile(uri, 7, 1, "FSGAN", "swap", "validation", "anna", "x/2.mp4", {"gender": "f"})
    assert (two.label, two.method, two.family, two.split, two.attributes) == (0, None, None, "test", {})
    assert (gone.size, gone.label) == (None, None)


def test_a_table_may_be_called_otherwise(tmp_path: Path) -> None:
    write(tmp_path, "in/a.png")
    (tmp_path / "in" / "truth.tsv").write_text("path\ty\na.png\tfake\n")
    (file,) = files(tmp_path, labels="in/truth.tsv", columns={"file": "path", "label": "y"})
    assert (file.label, file.size) == (1, 8)
    assert "no table 'nothing.csv'" in refusal(tmp_path, labels="nothing.csv")
    text = refusal(tmp_path, labels="in/truth.tsv", columns={"file": "name"})
    assert "truth.tsv has no column 'name'" in text
    assert "path, y" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file,label\na.png,maybe\n", "line 2, column label: 'maybe' is neither 1 (fake) nor 0 (real)"),
        ("file,label\na.png,1\na.png,1\n", "line 3: a.png stands in line 2 already"),
        ("file,label,family\na.png,1,magic\n", "line 2, column family: 'magic' is none of swap"),
        ("file,label,Split\na.png,1,later\n", "line 2, column Split: 'later' is none of train"),
        ("file,label\n,1\n", "line 2, column file: names no file"),
        ("file,label\na.png,1,2\n", "line 2: has more cells than the header"),
        ("file,label\na.png\n", "line 2: has fewer cells than the header"),
        ("file,other\na.png,1\n", "has no column 'label'; it has file, other"),
        ("", "has no column 'file'; it has no header"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(tmp_path: Path, text: str, expected: str) -> None:
    write(tmp_path, "a.png")
    (tmp_path / "labels.csv").write_text(text)
    found = refusal(tmp_path)
    assert "labels.csv" in found
    assert expected in found


def test_folders_without_labels_are_refused(tmp_path: Path) -> None:
    assert "holds no files" in refusal(tmp_path)
    write(tmp_path, "a.png")
    assert "neither a table of labels" in refusal(tmp_path)
    assert "is a file" in refusal(tmp_path / "a.png")


@pytest.mark.corpora
def test_the_corpus_of_faces_is_such_a_folder(corpora: Path) -> None:
    found = files(corpora / "faces")
    labels = [file.label for file in found]
    assert (labels.count(0), labels.count(1)) == (35, 7)
    assert {file.family for file in found if file.label == 1} == {"talking_head"} <= set(FAMILIES)
    assert all(file.size for file in found)
