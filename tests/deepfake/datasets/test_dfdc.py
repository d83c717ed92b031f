import pytest

from components.core.errors import ConfigurationError
from tests.deepfake.datasets.trees import files, plant, write

PART = {
    "aaa.mp4": {"label": "FAKE", "split": "train", "original": "bbb.mp4"},
    "bbb.mp4": {"label": "REAL", "split": "train"},
    "gone.mp4": {"label": "FAKE", "split": "train", "original": "bbb.mp4"},
}


def test_challenge(tmp_path) -> None:
    plant(tmp_path, *(f"dfdc_train_part_3/{name}.mp4" for name in ("aaa", "bbb", "more")))
    write(tmp_path, "dfdc_train_part_3/metadata.json", PART)
    found = files("dfdc", tmp_path)
    forged, real = found["dfdc_train_part_3/aaa.mp4"], found["dfdc_train_part_3/bbb.mp4"]
    assert (forged.label, forged.method, forged.family, forged.split) == (1, "DFDC", "swap", "train")
    assert (real.label, real.method, real.family, real.split) == (0, None, None, "train")
    assert forged.group == real.group == forged.source == "bbb.mp4"
    assert forged.attributes == {"part": "dfdc_train_part_3"}
    assert found["dfdc_train_part_3/gone.mp4"].size is None
    assert found["dfdc_train_part_3/more.mp4"].label is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"label": "MAYBE"}, "x.mp4: label: 'MAYBE' is none of real, fake"),
        ({"label": "FAKE"}, "x.mp4: original is missing"),
        ({"label": "REAL", "split": "tune"}, "x.mp4: split: 'tune'"),
        ("FAKE", "x.mp4 is 'FAKE'; an object"),
    ],
)
def test_a_wrong_entry(tmp_path, entry, message) -> None:
    write(tmp_path, "metadata.json", {"x.mp4": entry})
    with pytest.raises(ConfigurationError, match=message):
        files("dfdc", tmp_path)


def test_no_list(tmp_path) -> None:
    plant(tmp_path, "a.mp4")
    with pytest.raises(ConfigurationError, match=r"no metadata\.json"):
        files("dfdc", tmp_path)
    with pytest.raises(ConfigurationError, match=r"no dataset\.json"):
        files("dfdc_preview", tmp_path)


def test_preview(tmp_path) -> None:
    forged = "method_A/1224068/1224068_B_000.mp4"
    real = "original_videos/643772/643772_A_001.mp4"
    plant(tmp_path, forged, real)
    write(
        tmp_path,
        "dataset.json",
        {
            forged: {
                "label": "fake",
                "set": "train",
                "target_id": 9,
                "swapped_id": 4,
                "augmentations": ["fps"],
            },
            real: {"label": "real", "set": "test", "target_id": 9, "swapped_id": None, "augmentations": []},
        },
    )
    found = files("dfdc_preview", tmp_path)
    assert (found[forged].method, found[forged].family, found[forged].split) == ("method_A", "swap", "train")
    assert found[forged].attributes == {"augmentation": "fps"}
    assert (found[real].label, found[real].method, found[real].split) == (0, None, "test")
    assert found[forged].group == found[real].group == "person 9"
    write(tmp_path, "dataset.json", {real: {"label": "real", "set": "test"}})
    with pytest.raises(ConfigurationError, match=r"643772_A_001\.mp4: target_id is missing"):
        files("dfdc_preview", tmp_path)
