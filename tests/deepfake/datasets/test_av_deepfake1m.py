import pytest

from components.core.errors import ConfigurationError
from tests.deepfake.datasets.trees import files, plant, write

CLIP = "id00012/21Uxsk56VDQ/00001"


def entry(kind: str, name: str, **more: object) -> dict[str, object]:
    return {"file": f"{CLIP}/{name}.mp4", "original": f"{CLIP}/real.mp4", "split": "train",
            "modify_type": kind, "fake_segments": [], **more}  # fmt: skip


def test_labels_are_those_of_the_pictures(tmp_path) -> None:
    plant(
        tmp_path,
        f"train/{CLIP}/real.mp4",
        f"train/{CLIP}/both.mp4",
        f"val/{CLIP}/voice.mp4",
        "test/000001.mp4",
    )
    write(
        tmp_path,
        "train_metadata.json",
        [entry("real", "real"), entry("both_modified", "both", visual_fake_segments=[[0.48, 0.9], [2, 2.4]])],
    )
    write(tmp_path, "val_metadata.json", [entry("audio_modified", "voice"), entry("visual_modified", "gone")])
    found = files("av_deepfake1m", tmp_path)
    forged = found[f"train/{CLIP}/both.mp4"]
    assert (forged.label, forged.method, forged.family) == (1, "both_modified", "talking_head")
    assert (forged.split, forged.group, forged.source) == ("train", "id00012", f"{CLIP}/real.mp4")
    assert forged.attributes == {"voice": "forged", "forged_seconds": "0.48-0.9 2-2.4"}
    real = found[f"train/{CLIP}/real.mp4"]
    assert (real.label, real.method, real.source) == (0, None, None)
    voice = found[f"val/{CLIP}/voice.mp4"]
    assert (voice.label, voice.method, voice.split) == (None, "audio_modified", "validation")
    assert found[f"val/{CLIP}/gone.mp4"].size is None
    assert (found["test/000001.mp4"].label, found["test/000001.mp4"].split) == (None, "test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([entry("real", "a"), entry("changed", "b")], "entry 2: modify_type: 'changed'"),
        ([{"modify_type": "real"}], "entry 1 names no file"),
        ('[\n{"file": 1,,}]', r"train_metadata\.json, line 2"),
    ],
)
def test_a_wrong_list(tmp_path, content, message) -> None:
    write(tmp_path, "train_metadata.json", content)
    with pytest.raises(ConfigurationError, match=message):
        files("av_deepfake1m", tmp_path)


def test_no_list(tmp_path) -> None:
    plant(tmp_path, "test/1.mp4")
    with pytest.raises(ConfigurationError, match=r"neither train_metadata\.json nor val_metadata\.json"):
        files("av_deepfake1m", tmp_path)
