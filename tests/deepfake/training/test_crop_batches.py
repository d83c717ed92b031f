"""Which crops a step learns from."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.deepfake.forgeries.base import generator
from components.deepfake.train_params import AugmentParams
from components.deepfake.training.crop_batches import (
    Balanced,
    CropBatches,
    CropPack,
    draw_augmentation,
    evenly,
)
from tests.deepfake.crops import texture
from tests.deepfake.training.labelled import TINY, split_map, tables

ROWS = TINY.model_copy(update={"forged": "rows"})


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> CropPack:
    return CropPack(tmp_path_factory.mktemp("pack"), tables, split_map(), 2)


def test_a_pack_holds_the_crops_as_they_were(pack: CropPack) -> None:
    assert len(pack.rows) == 6 * 3 * 2
    real = next(n for n, row in enumerate(pack.rows) if row["label"] == 0 and row["group"] == "g0")
    assert np.array_equal(pack.crop(real).image, texture(pack.rows[real]["frame"]))
    assert pack.crop(real).mask is None
    blend = next(n for n, row in enumerate(pack.rows) if row["method"] == "self_blend")
    mask = pack.crop(blend).mask
    assert mask is not None and mask.max() > 0


def test_a_pack_that_is_whole_is_not_made_again(pack: CropPack, tmp_path: Path) -> None:
    CropPack(tmp_path, tables, split_map(), 2).close()

    def refuse() -> None:
        raise AssertionError("read again")

    again = CropPack(tmp_path, refuse, split_map(), 2)  # type: ignore[arg-type]
    assert again.rows == pack.rows


def test_samples_of_the_test_split_and_without_label_are_not_seen(tmp_path: Path) -> None:
    everything_tests = dict.fromkeys(split_map(), "test")

    def forged_tests() -> object:
        for samples, crops in tables():
            test = samples.set_column(
                samples.schema.get_field_index("split"), "split", [["test"] * samples.num_rows]
            )
            yield test, crops

    assert CropPack(tmp_path, forged_tests, everything_tests, 2).rows == []  # type: ignore[arg-type]


def test_a_draw_is_balanced_by_method_and_group(pack: CropPack) -> None:
    drawn = Balanced(pack, ROWS, "spatial")
    rng = generator("test")
    rows = [pack.rows[drawn.draw_forged(rng)] for _ in range(2000)]
    counts = Counter((row["method"], row["group"]) for row in rows)
    assert set(counts) == {(m, f"g{g}") for m in ("rough", "self_blend") for g in range(4)}
    assert all(abs(count - 250) < 75 for count in counts.values())


def test_a_method_left_out_is_never_drawn(pack: CropPack) -> None:
    assert set(Balanced(pack, ROWS, "spatial", "rough").forged) == {"self_blend"}


def test_a_batch_depends_on_its_number_alone(pack: CropPack) -> None:
    one, other = CropBatches(pack, TINY, "blending", 0), CropBatches(pack, TINY, "blending", 0)
    other.batch(1)
    first, second = one.batch(7), other.batch(7)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.masks, second.masks)
    assert first.labels.tolist() == [0, 1, 0, 1]
    assert not np.array_equal(first.pixels, one.batch(8).pixels)
    assert not np.array_equal(first.pixels, CropBatches(pack, TINY, "blending", 1).batch(7).pixels)


def test_a_self_blend_and_its_real_half_differ_in_the_mask_only(pack: CropPack) -> None:
    plain = AugmentParams(flip=1, framing=0, resize=0, blur=0, tone=1, jpeg=0)
    params = TINY.model_copy(update={"side": 256, "augment": plain})
    batches = CropBatches(pack, params, "blending", 0)
    for slot in range(4):
        (real, blank), (forged, mask) = batches.pair(0, slot)
        assert mask is not None and blank is not None and not blank.any()
        assert np.array_equal(real[mask == 0], forged[mask == 0])
        assert not np.array_equal(real, forged)


def test_real_and_forged_are_augmented_alike(pack: CropPack) -> None:
    for number in range(50):
        draws = draw_augmentation(AugmentParams(), generator("augment", str(number)))
        image = texture(number)
        one, _ = draws.apply(image, None, 64)
        other, mask = draws.apply(image, np.full((256, 256), 255, np.uint8), 64)
        assert np.array_equal(one, other)
        assert one.shape == (64, 64, 3) and mask is not None and mask.shape == (64, 64)


def test_a_mask_moves_with_its_picture() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[10:30, 5:25] = 255
    for number in range(20):
        params = AugmentParams(resize=0, blur=0, tone=0, jpeg=0)
        draws = draw_augmentation(params, generator("mask", str(number)))
        draws = dataclasses.replace(draws, quality=None)
        moved, mask = draws.apply(image, image[..., 0].copy(), 64)
        assert mask is not None
        assert (np.abs(moved[..., 0].astype(int) - mask) > 128).mean() < 0.01


def test_nothing_to_learn_from_is_told(pack: CropPack, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"train\.spatial found no forged face"):
        Balanced(pack, ROWS.model_copy(update={"families": ["swap"]}), "spatial")
    nothing = CropPack(tmp_path, lambda: [], {}, 2)
    with pytest.raises(ConfigurationError, match=r"train\.blending found no face of a real sample"):
        Balanced(nothing, TINY, "blending")


def test_evenly() -> None:
    assert evenly(3, 5) == [0, 1, 2]
    assert evenly(16, 4) == [2, 6, 10, 14]
