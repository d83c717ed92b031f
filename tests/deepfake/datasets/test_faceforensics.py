import pytest

from components.core.errors import ConfigurationError
from components.deepfake.datasets.faceforensics import FaceForensics
from components.deepfake.datasets.label_files import Tally
from tests.deepfake.datasets.trees import files, plant, write


def tree(root) -> None:
    plant(
        root,
        "original_sequences/youtube/c23/videos/071.mp4",
        "original_sequences/youtube/c23/videos/054.mp4",
        "original_sequences/youtube/raw/videos/071.mp4",
        "original_sequences/actors/c23/videos/01__exit_phone_room.mp4",
        "manipulated_sequences/Deepfakes/c23/videos/071_054.mp4",
        "manipulated_sequences/Deepfakes/masks/videos/071_054.mp4",
        "manipulated_sequences/NeuralTextures/c40/videos/054_071.mp4",
        "manipulated_sequences/Face2Face/c23/frames/071_054/0001.png",
        "manipulated_sequences/Face2Face/c23/frames/071_054/0002.png",
        "manipulated_sequences/FaceShifter/c0/videos/300_301.mp4",
        "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4",
        "manipulated_sequences/Deepfakes/c23/videos/readme.txt",
    )
    write(root, "splits/train.json", [["071", "054"]])
    write(root, "splits/val.json", [["300", "301"]])


def test_labels_splits_and_groups(tmp_path) -> None:
    tree(tmp_path)
    found = files("faceforensics", tmp_path)
    assert len(found) == 10
    assert not any("masks" in path or path.endswith("txt") for path in found)
    real = found["original_sequences/youtube/c23/videos/071.mp4"]
    assert (real.label, real.method, real.family, real.split) == (0, None, None, "train")
    forged = found["manipulated_sequences/Deepfakes/c23/videos/071_054.mp4"]
    assert (forged.label, forged.method, forged.family, forged.split) == (1, "Deepfakes", "swap", "train")
    assert (forged.source, forged.attributes) == ("071", {"compression": "c23"})
    moved = found["manipulated_sequences/NeuralTextures/c40/videos/054_071.mp4"]
    assert (moved.family, moved.source) == ("reenactment", "054")
    other = found["original_sequences/youtube/c23/videos/054.mp4"]
    assert {real.group, forged.group, moved.group, other.group} == {"youtube 054"}
    shifted = found["manipulated_sequences/FaceShifter/c0/videos/300_301.mp4"]
    assert (shifted.split, shifted.attributes) == ("validation", {"compression": "raw"})


def test_actors_have_no_split_and_frames_a_sequence(tmp_path) -> None:
    tree(tmp_path)
    found = files("faceforensics", tmp_path)
    actor = found["original_sequences/actors/c23/videos/01__exit_phone_room.mp4"]
    swapped = found["manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4"]
    assert actor.group == swapped.group == "actor 01"
    assert (actor.split, swapped.split, swapped.family, swapped.source) == (None, None, "swap", None)
    frames = [file for path, file in found.items() if "frames" in path]
    assert {(file.group, file.attributes["sequence"]) for file in frames} == {
        ("youtube 054", "Face2Face/c23/071_054")
    }


def test_a_part_of_the_download_is_told(tmp_path) -> None:
    tree(tmp_path)
    tally = Tally(FaceForensics())
    for file in files("faceforensics", tmp_path).values():
        tally.add(file)
    said = tally.differences()
    assert "Deepfakes (c23): 1 files; faceforensics is documented to have 1,000" in said
    assert "Face2Face (c23): 1 files; faceforensics is documented to have 1,000" in said
    assert "FaceSwap: 0 files; faceforensics is documented to have 1,000" in said
    assert "real (raw): 1 files; faceforensics is documented to have 1,363" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[["071",\n "054"', r"test\.json, line 2"),
        ({"071": "054"}, "holds a dict; a list is needed"),
        ([["771", "754"], ["1", "2", "3"]], "entry 2 is .*a pair of ids is needed"),
        ([["071", "999"]], "entry 1: 071 is in the split train as well"),
    ],
)
def test_wrong_splits(tmp_path, content, message) -> None:
    tree(tmp_path)
    write(tmp_path, "splits/test.json", content)
    with pytest.raises(ConfigurationError, match=message):
        files("faceforensics", tmp_path)


def test_another_folder(tmp_path) -> None:
    plant(tmp_path, "Celeb-real/id0_0000.mp4")
    with pytest.raises(
        ConfigurationError, match=r"none of the folders original_sequences.*it has Celeb-real"
    ):
        files("faceforensics", tmp_path)
