import pytest

from components.core.errors import ConfigurationError
from components.deepfake.forgeries import open_forgeries, register, registry
from components.deepfake.forgeries.base import Forgery, generator
from components.deepfake.forgeries.warp import Warp
from components.deepfake.forgery_params import SynthesizeParams


def test_every_file_that_registers_a_forgery_is_found() -> None:
    assert list(registry()) == ["face_swap_2d", "lip_offset", "self_blend", "upsample", "warp"]
    assert set(SynthesizeParams().methods) == set(registry())


def test_each_says_what_it_is_and_no_family_is_that_of_a_real_generator() -> None:
    real = {"swap", "reenactment", "talking_head", "entire_synthesis", "editing"}
    for name, forgery in registry().items():
        assert forgery.name == name
        assert forgery.family not in real
        assert forgery.paper
        assert set(forgery.alters) <= {"faces", "dense", "patches", "audio"}
        assert forgery.alters


def test_an_unknown_one_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"no forgery 'deepfacelab'.*self_blend"):
        open_forgeries(["warp", "deepfacelab"])
    assert [forgery.name for forgery in open_forgeries(["warp", "self_blend"])] == ["warp", "self_blend"]


def test_two_files_cannot_give_one_name() -> None:
    class Impostor(Warp):
        pass

    with pytest.raises(ValueError, match="both 'warp'"):
        register(Impostor)


def test_random_numbers_depend_on_every_word_and_on_where_it_ends() -> None:
    draws = {generator(*words).random() for words in (("a", "b"), ("ab",), ("a", "c"), ("b", "a"))}
    assert len(draws) == 4
    assert generator("a", "b").random() in draws
    assert issubclass(Warp, Forgery)
