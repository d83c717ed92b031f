import pytest

from components.core.errors import ConfigurationError
from components.deepfake.datasets.celeb_df import CelebDFv1
from components.deepfake.datasets.label_files import Tally
from tests.deepfake.datasets.trees import files, plant, write


def tree(root) -> None:
    plant(
        root,
        "Celeb-real/id0_0000.mp4",
        "Celeb-real/videos/id1_0003.mp4",
        "Celeb-synthesis/id0_id1_0000.mp4",
        "YouTube-real/00170.mp4",
    )
    write(
        root, "List_of_testing_videos.txt", "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"
    )


@pytest.mark.parametrize("version", ["celeb_df_v1", "celeb_df_v2"])
def test_labels_splits_and_groups(tmp_path, version) -> None:
    tree(tmp_path)
    found = files(version, tmp_path)
    assert {path: (file.label, file.split, file.group) for path, file in found.items()} == {
        "Celeb-real/id0_0000.mp4": (0, "train", "id0"),
        "Celeb-real/videos/id1_0003.mp4": (0, "train", "id1"),
        "Celeb-synthesis/id0_id1_0000.mp4": (1, "test", "id0"),
        "YouTube-real/00170.mp4": (0, "test", "YouTube-real/00170.mp4"),
    }
    forged = found["Celeb-synthesis/id0_id1_0000.mp4"]
    assert (forged.method, forged.family) == ("Celeb-synthesis", "swap")
    assert forged.source == "Celeb-real/id0_0000.mp4"


def test_without_the_list_there_is_no_split(tmp_path) -> None:
    tree(tmp_path)
    (tmp_path / "List_of_testing_videos.txt").unlink()
    assert {file.split for file in files("celeb_df_v2", tmp_path).values()} == {None}


def test_a_complete_set_has_no_differences(tmp_path) -> None:
    plant(tmp_path, *(f"Celeb-real/id{n}_0000.mp4" for n in range(408)))
    plant(tmp_path, *(f"Celeb-synthesis/id{n}_id1_0000.mp4" for n in range(795)))
    tally = Tally(CelebDFv1())
    for file in files("celeb_df_v1", tmp_path).values():
        tally.add(file)
    assert tally.differences() == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 YouTube-real/00171.mp4", r"line 3: 0 \(1: real\) for a file in YouTube-real"),
        ("1 Celeb-synthesis/id0_id2_0000.mp4", r"line 3: 1 \(1: real\) for a file in Celeb-synthesis"),
        ("YouTube-real/00171.mp4", "line 3: .* are needed"),
        ("1 Elsewhere/00171.mp4", "line 3: .* are needed"),
    ],
)
def test_a_wrong_list(tmp_path, line, message) -> None:
    tree(tmp_path)
    with (tmp_path / "List_of_testing_videos.txt").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ConfigurationError, match=message):
        files("celeb_df_v2", tmp_path)
