import pytest

from components.core.errors import ConfigurationError
from tests.deepfake.datasets.trees import files, plant, write

VIDEO = "Filename,Date,Video Ground Truth,Audio Ground Truth,Public Comments,Finetuning Set\n"
IMAGE = "Filename,Ground Truth,Finetuning Set\n"


def test_both_kinds(tmp_path) -> None:
    plant(tmp_path, "video-data/a.mp4", "image-data/b.webp", "audio-data/c.wav")
    write(
        tmp_path,
        "video-metadata-publish-with-links.csv",
        VIDEO + 'a.mp4,2024-10-17,Fake,Real,"lips, off",Train\ngone.mp4,2024-10-18,Real,Unknown,,test\n',
    )
    write(tmp_path, "image-metadata-publish.csv", IMAGE + "b.webp,Unknown,Test\n")
    found = files("deepfake_eval_2024", tmp_path)
    assert len(found) == 3
    forged = found["video-data/a.mp4"]
    assert (forged.label, forged.method, forged.family, forged.split) == (1, "in the wild", None, "train")
    assert (forged.group, forged.attributes) == (None, {"voice": "real"})
    gone = found["video-data/gone.mp4"]
    assert (gone.label, gone.split, gone.size) == (0, "test", None)
    assert (found["image-data/b.webp"].label, found["image-data/b.webp"].split) == (None, "test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (IMAGE + "a.png,Real,Test\nb.png,Sure,Test\n", "line 3, column Ground Truth: 'Sure'"),
        (IMAGE + "a.png,Real,Tune\n", "line 2, column Finetuning Set: 'Tune'"),
        (IMAGE + ",Real,Test\n", "line 2, column Filename: names no file"),
        ("Filename,Truth\n", "no column 'Ground Truth'; it has Filename, Truth"),
    ],
)
def test_a_wrong_table(tmp_path, content, message) -> None:
    write(tmp_path, "image-metadata-publish.csv", content)
    with pytest.raises(ConfigurationError, match=message):
        files("deepfake_eval_2024", tmp_path)


def test_no_table(tmp_path) -> None:
    plant(tmp_path, "video-data/a.mp4")
    with pytest.raises(ConfigurationError, match=r"neither video-metadata-publish\.csv nor"):
        files("deepfake_eval_2024", tmp_path)
