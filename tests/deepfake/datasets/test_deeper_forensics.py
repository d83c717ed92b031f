import pytest

from components.core.errors import ConfigurationError
from tests.deepfake.datasets.trees import files, plant, write

SOURCE = "source_videos/W101/light_left/happy/camera_front/W101_light_left_happy_camera_front.mp4"


def tree(root) -> None:
    plant(root, "manipulated_videos/end_to_end/000_M101.mp4",
          "manipulated_videos/end_to_end_level_3/001_W101.mp4", SOURCE)  # fmt: skip
    write(root, "lists/splits/train.txt", "000_M101.mp4\n")
    write(root, "lists/splits/val.txt", "001_W101\n")


def test_forged_videos_are_grouped_by_actor(tmp_path) -> None:
    tree(tmp_path)
    found = files("deeper_forensics", tmp_path)
    assert len(found) == 2
    first = found["manipulated_videos/end_to_end/000_M101.mp4"]
    assert (first.label, first.method, first.family) == (1, "DF-VAE", "swap")
    assert (first.split, first.group, first.source) == ("train", "M101", "000")
    assert first.attributes == {"gender": "male", "variant": "end_to_end"}
    assert found["manipulated_videos/end_to_end_level_3/001_W101.mp4"].split == "validation"


def test_source_videos_come_where_wanted(tmp_path) -> None:
    tree(tmp_path)
    real = files("deeper_forensics", tmp_path, source_videos=True)[SOURCE]
    assert (real.label, real.split, real.group) == (0, None, "W101")
    assert real.attributes == {"gender": "female", "light": "left", "camera": "front"}


def test_wrong_names(tmp_path) -> None:
    tree(tmp_path)
    write(tmp_path, "lists/splits/test.txt", "002_M101.mp4\n\nsomething\n")
    with pytest.raises(ConfigurationError, match=r"test\.txt, line 3: 'something'"):
        files("deeper_forensics", tmp_path)
    write(tmp_path, "lists/splits/test.txt", "000_M101.mp4\n")
    with pytest.raises(ConfigurationError, match=r"line 1: 000_M101 is in train as well"):
        files("deeper_forensics", tmp_path)
    (tmp_path / "lists/splits/test.txt").unlink()
    plant(tmp_path, "manipulated_videos/end_to_end/final.mp4")
    with pytest.raises(ConfigurationError, match=r"final\.mp4: a name such as 000_M101\.mp4"):
        files("deeper_forensics", tmp_path)
