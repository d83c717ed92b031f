from components.deepfake.datasets.label_files import Tally
from components.deepfake.datasets.wild_deepfake import WildDeepfake
from tests.deepfake.datasets.trees import files, plant


def test_frames_of_a_video_stay_together(tmp_path) -> None:
    plant(
        tmp_path,
        "fake_train/12/fake/340/0.png",
        "fake_train/12/fake/340/7.png",
        "fake_train/12/fake/341/3.png",
        "real_test/5/real/9/1.png",
        "real_test/5/readme.txt",
    )
    found = files("wild_deepfake", tmp_path)
    assert len(found) == 4
    forged = found["fake_train/12/fake/340/0.png"]
    assert (forged.label, forged.family, forged.split, forged.group) == (1, "swap", "train", "fake_train/12")
    assert forged.attributes == {"sequence": "fake_train/12/fake/340"}
    real = found["real_test/5/real/9/1.png"]
    assert (real.label, real.method, real.split, real.group) == (0, None, "test", "real_test/5")
    tally = Tally(WildDeepfake())
    for file in found.values():
        tally.add(file)
    assert tally.differences() == [
        "real: 1 files; wild_deepfake is documented to have 3,805",
        "forged: 2 files; wild_deepfake is documented to have 3,509",
    ]
