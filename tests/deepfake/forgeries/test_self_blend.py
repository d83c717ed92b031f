import dataclasses

import numpy as np
import pytest

from components.deepfake.forgeries.base import generator
from components.deepfake.forgeries.self_blend import Look, SelfBlend, blend, draw, self_blend
from tests.deepfake.crops import crop, texture
from tests.deepfake.forgeries.faces import face, video

PLAIN = Look((0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0, 0.0, 1, 0.0)
STILL = dataclasses.replace(
    draw(generator("a recipe")), look=PLAIN, shift=(0.0, 0.0), scale=1.0, ratio=1.0, region="face"
)


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other.astype(int)).max(-1)


def test_the_forged_face_differs_from_its_target_where_the_mask_says_and_nowhere_else() -> None:
    for seed in range(25):
        made = self_blend(face(seed), generator(str(seed)))
        changed = difference(made.image, made.target)
        assert made.mask.shape == changed.shape
        # half a step of the mask (1/510) may move a pixel by one
        assert changed[made.mask == 0].max() <= 1
        assert changed[made.mask > 0].max() > 3
        assert made.mask.max() <= round(255 * made.recipe.ratio)


def test_nothing_altered_gives_the_picture_back() -> None:
    for source in (True, False):
        made = blend(face(1), dataclasses.replace(STILL, alter_source=source))
        assert difference(made.image, face(1).image).max() == 0
        assert made.mask.max() == 255


def test_one_copy_is_altered_and_the_other_is_as_it_was() -> None:
    brighter = dataclasses.replace(STILL, look=dataclasses.replace(PLAIN, brightness=0.1))
    on_top = blend(face(1), dataclasses.replace(brighter, alter_source=True))
    beneath = blend(face(1), dataclasses.replace(brighter, alter_source=False))
    assert difference(on_top.target, face(1).image).max() == 0
    full = on_top.mask == 255
    inside = face(1).image[full].astype(int)
    assert (np.minimum(inside + 25, 255) <= on_top.image[full]).all()
    assert np.abs(beneath.image[full].astype(int) - inside).max() == 0
    corner = (beneath.mask == 0) & (face(1).image.max(-1) < 200)
    assert (beneath.image[corner] > face(1).image[corner]).all()


@pytest.mark.parametrize(
    "change",
    [
        {"hue": 6.0}, {"saturation": 0.2}, {"value": 0.06}, {"contrast": 0.1}, {"rgb": (0.07, 0.0, 0.0)},
        {"shrink": 2}, {"shrink": 4}, {"sharpen": 0.2},
    ],
    ids=str,
)  # fmt: skip
def test_every_alteration_changes_pixels(change: dict) -> None:
    recipe = dataclasses.replace(STILL, alter_source=True, look=dataclasses.replace(PLAIN, **change))
    made = blend(face(2), recipe)
    assert difference(made.image, face(2).image)[made.mask == 255].mean() > 0.5


def test_a_ratio_mixes_and_is_in_the_mask() -> None:
    recipe = dataclasses.replace(STILL, alter_source=True, look=dataclasses.replace(PLAIN, brightness=-0.1))
    whole, half = blend(face(1), recipe), blend(face(1), dataclasses.replace(recipe, ratio=0.5))
    assert half.mask.max() in (127, 128)  # 255 / 2
    full = whole.mask == 255
    dark, light = whole.image[full].astype(float), whole.target[full].astype(float)
    assert half.image[full] == pytest.approx((dark + light) / 2, abs=1)


def test_a_mask_shrinks_by_the_first_filter_and_grows_by_the_second() -> None:
    sizes = [
        float(blend(face(1), dataclasses.replace(STILL, kernels=kernels, sigma=20)).mask.sum())
        for kernels in ((25, 5), (15, 15), (5, 25))
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


def test_the_mask_of_a_small_mouth_is_never_empty() -> None:
    small = dataclasses.replace(face(1), landmarks=face(1).landmarks * np.float32(0.2) + 100)
    for first in (5, 15, 25):
        recipe = dataclasses.replace(STILL, region="mouth", kernels=(first, 5))
        assert blend(small, recipe).mask.max() > 100


def test_one_recipe_fits_crops_of_other_sizes() -> None:
    large, small = blend(face(1), STILL).mask, blend(face(1, side=128), STILL).mask
    assert small.shape == (128, 128)
    assert np.abs(large[::2, ::2].astype(int) - small).mean() < 4


def test_draws_cover_what_the_paper_lists() -> None:
    recipes = [draw(generator("draws", str(number))) for number in range(300)]
    assert {recipe.ratio for recipe in recipes} == {0.25, 0.5, 0.75, 1.0}
    assert 0.4 < np.mean([recipe.ratio == 1 for recipe in recipes]) < 0.6
    assert {recipe.look.shrink for recipe in recipes} == {1, 2, 4}
    assert 0.4 < np.mean([recipe.alter_source for recipe in recipes]) < 0.6
    assert all((recipe.look.shrink == 1) == (recipe.look.sharpen > 0) for recipe in recipes)
    assert all(kernel % 2 == 1 and 5 <= kernel <= 25 for recipe in recipes for kernel in recipe.kernels)
    assert 0.2 < np.mean([any(recipe.look.rgb) for recipe in recipes]) < 0.4


def test_the_same_seed_gives_the_same_face_and_another_seed_another_one() -> None:
    one, again, other = (self_blend(face(1), generator(word)) for word in ("a", "a", "b"))
    assert (one.image == again.image).all()
    assert one.recipe == again.recipe
    assert (one.image != other.image).any()


def test_all_faces_of_a_sample_have_one_recipe() -> None:
    sample = video(1)
    forged = SelfBlend().forge(sample, [], generator("sample"))
    assert forged is not None
    masks = [crop.mask for crop in forged.faces[0].crops]
    assert all(mask is not None and mask.any() for mask in masks)
    # the head moves by 0.3 pixels a frame, and so does what is forged of it
    assert np.abs(masks[0].astype(int) - masks[1]).mean() < 2  # type: ignore[union-attr]
    small = forged.dense[0].crops[0].mask
    assert small is not None
    assert np.abs(masks[0][::2, ::2].astype(int) - small).mean() < 5  # type: ignore[index]
    assert forged.audio is sample.audio


def test_beside_the_face_a_stored_forgery_is_its_source() -> None:
    sample = video(1)
    for seed in range(6):
        forged = SelfBlend().forge(sample, [], generator(str(seed)))
        assert forged is not None
        for made, real in zip(forged.faces[0].crops, sample.faces[0].crops, strict=True):
            assert made.mask is not None
            assert difference(made.image, real.image)[made.mask == 0].max() <= 1


def test_patches_on_the_face_are_taken_out_and_others_stay_as_they_are() -> None:
    sample = video(1)
    forged = SelfBlend().forge(sample, [], generator("sample"))
    assert forged is not None
    assert forged.patches == sample.patches[:1]


def test_without_a_face_there_is_nothing_to_blend() -> None:
    bare = dataclasses.replace(video(1), faces=(), dense=())
    assert SelfBlend().forge(bare, [], generator("x")) is None
    with pytest.raises(ValueError, match="no landmarks"):
        self_blend(crop(texture(1), landmarks=None), generator("x"))
