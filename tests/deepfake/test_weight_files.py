"""Names of files of weights."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from components.deepfake.weight_files import folds_of, link_fold, parse_weight_file, weight_file


@given(
    method=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    suffix=st.sampled_from([".onnx", ".json"]),
)
def test_any_method_makes_a_file_name_that_gives_it_back(method: str | None, suffix: str) -> None:
    file = weight_file("spatial", suffix, method)
    assert parse_weight_file(file) == ("spatial", method, suffix)
    assert Path(file).name == file and "\0" not in file


def test_plain_methods_are_readable() -> None:
    assert weight_file("blending", ".onnx", "FaceSwap") == "blending--without-FaceSwap.onnx"
    assert weight_file("frequency", ".json") == "frequency.json"


def test_folds_are_found_and_linked(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    for name, method in (("a", None), ("a", "x/y.z"), ("a", "b"), ("ab", "b")):
        (weights / weight_file(name, ".json", method)).write_text(f"{name} {method}")
    files = [path.name for path in weights.iterdir()]
    assert folds_of(files, "a") == ["b", "x/y.z"]
    assert folds_of(files, "c") == []
    link_fold(weights, "a", "x/y.z", tmp_path / "fold")
    (linked,) = (tmp_path / "fold").iterdir()
    assert linked.name == "a.json" and linked.read_text() == "a x/y.z"
