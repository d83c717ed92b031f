from collections import Counter

import pytest

from components.core.errors import ConfigurationError
from components.deepfake.datasets.base import FAMILIES
from components.deepfake.datasets.df40 import _FAMILIES
from tests.deepfake.datasets.trees import files, plant


def test_methods_domains_and_groups(tmp_path) -> None:
    paths = {
        "DF40_train/fsgan/ff/frames/000_003/012.png": ("fsgan", "swap", "train", "youtube 000"),
        "test/SimSwap/cdf/frames/id0_id1_0002/3.png": ("simswap", "swap", "test", "id0"),
        "test/sadtalker_ff/frames/003_000/3.png": ("sadtalker", "talking_head", "test", "youtube 000"),
        "facevid2vid/cdf/frames/id9_0001/0.png": ("facevid2vid", "reenactment", None, "id9"),
        "StyleGAN2/ff/7.png": ("stylegan2", "entire_synthesis", None, "ff 7"),
        "sd2.1/cdf/8.png": ("sd21", "entire_synthesis", None, "cdf 8"),
        "styleclip/fake/19.jpg": ("styleclip", "editing", None, "styleclip 19"),
        "lia/ff/101_102.mp4": ("lia", "reenactment", None, "youtube 101"),
    }
    plant(tmp_path, *paths, "styleclip/real/20.jpg")
    found = files("df40", tmp_path)
    for path, wanted in paths.items():
        file = found[path]
        assert (file.method, file.family, file.split, file.group) == wanted, path
        assert file.label == 1
    real = found["styleclip/real/20.jpg"]
    assert (real.label, real.method, real.family) == (0, None, None)
    frame = found["DF40_train/fsgan/ff/frames/000_003/012.png"]
    assert frame.attributes == {"domain": "ff", "sequence": "DF40_train/fsgan/ff/frames/000_003"}


def test_every_family_is_known_and_as_large_as_documented() -> None:
    counts = Counter(_FAMILIES.values())
    assert set(counts) == set(FAMILIES)
    # other spellings of one method count twice: inswapper, whichfaceisreal and the like
    assert counts["swap"] == 10 + 1
    assert counts["editing"] == 5
    assert counts["reenactment"] + counts["talking_head"] == 13 + 3


def test_no_method_is_an_error(tmp_path) -> None:
    plant(tmp_path, "pictures/1.png")
    with pytest.raises(ConfigurationError, match="no folder named after a method of DF40"):
        files("df40", tmp_path)
