import pytest

from components.core.errors import ConfigurationError
from tests.deepfake.datasets.trees import files, plant, write

HEADER = "source,target1,target2,method,category,type,race,gender,path,\n"
FOLDER = "FakeVideo-FakeAudio/African/men/id00003"


def row(kind: str, method: str, name: str, person: str = "id00003") -> str:
    return (
        f"{person},id10001,4,{method},D,{kind},African,men,{name},FakeAVCeleb/{kind}/African/men/{person}\n"
    )


def test_labels_are_those_of_the_pictures(tmp_path) -> None:
    plant(tmp_path, f"{FOLDER}/1_4_id10001_wavtolip.mp4", "RealVideo-RealAudio/African/men/id00003/1.mp4")
    write(
        tmp_path,
        "meta_data.csv",
        HEADER
        + row("FakeVideo-FakeAudio", "faceswap-wav2lip", "1_4_id10001_wavtolip.mp4")
        + row("RealVideo-RealAudio", "real", "1.mp4")
        + row("RealVideo-FakeAudio", "rtvc", "2.mp4"),
    )
    found = files("fake_av_celeb", tmp_path)
    forged = found[f"{FOLDER}/1_4_id10001_wavtolip.mp4"]
    assert (forged.label, forged.method, forged.family) == (1, "faceswap-wav2lip", "swap")
    assert forged.attributes == {"race": "African", "gender": "men", "voice": "forged"}
    real = found["RealVideo-RealAudio/African/men/id00003/1.mp4"]
    assert (real.label, real.method, real.attributes["voice"]) == (0, None, "real")
    spoken = found["RealVideo-FakeAudio/African/men/id00003/2.mp4"]
    assert (spoken.label, spoken.method, spoken.family, spoken.size) == (None, "rtvc", None, None)
    assert {file.group for file in found.values()} == {"id00003"}
    assert {file.split for file in found.values()} == {None}


def test_copies_that_name_the_last_columns(tmp_path) -> None:
    plant(tmp_path, f"{FOLDER}/x.mp4")
    line = row("FakeVideo-FakeAudio", "wav2lip", "x.mp4")
    write(tmp_path, "meta_data.csv", HEADER.replace("path,\n", "filename,path\n") + line)
    assert files("fake_av_celeb", tmp_path)[f"{FOLDER}/x.mp4"].family == "talking_head"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + row("FakeVideo", "wav2lip", "x.mp4"), "line 2, column type: 'FakeVideo'"),
        (HEADER + row("FakeVideo-RealAudio", "magic", "x.mp4"), "line 2, column method: 'magic'"),
        (HEADER + row("RealVideo-RealAudio", "real", ""), "line 2: names no file"),
        (HEADER + "id1,2\n", "line 2: 2 cells; the header has 10"),
        (HEADER.replace("type", "kind"), "no column 'type'"),
    ],
)
def test_a_wrong_table(tmp_path, content, message) -> None:
    write(tmp_path, "meta_data.csv", content)
    with pytest.raises(ConfigurationError, match=message):
        files("fake_av_celeb", tmp_path)
