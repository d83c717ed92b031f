"""Which features of which samples linear models see."""

from __future__ import annotations

import pytest

from components.deepfake.spectra import feature_names
from components.deepfake.training.features import PATCH, altered, gather
from tests.deepfake.training.labelled import PARAMS, split_map, tables


def row(label: int, family: str | None, method: str | None = None) -> dict[str, object]:
    return {"label": label, "family": family, "method": method or family}


@pytest.mark.parametrize(
    ("given", "what", "expected"),
    [
        (row(0, None), "patches", True),
        (row(1, "self_blend"), "faces", True),
        (row(1, "self_blend"), "patches", False),
        (row(1, "upsample"), "patches", True),
        (row(1, "lip_offset"), "faces", False),
        (row(1, "swap", "FaceSwap"), "faces", True),
        (row(1, "swap", "FaceSwap"), "patches", False),
        (row(1, "entire_synthesis", "StyleGAN2"), "patches", True),
    ],
)
def test_what_was_not_altered_is_not_learnt_from(given: dict[str, object], what: str, expected: bool) -> None:
    assert altered(given, what) is expected  # type: ignore[arg-type]


def test_features_are_gathered_with_their_labels() -> None:
    found = gather(tables, split_map(), PARAMS)
    assert set(found) == {"frequency", PATCH}
    frequency = found["frequency"]
    assert frequency.names == feature_names(True)
    assert len(frequency.vectors) == 6 * 3 * 2
    assert {len(vector) for vector in frequency.vectors} == {len(frequency.names)}
    validation = [one for one in frequency.rows if one["split"] == "validation"]
    assert {one["group"] for one in validation} == {"g4", "g5"}


def test_only_wanted_models_are_computed() -> None:
    params = PARAMS.model_copy(update={"frequency": None})
    assert gather(tables, split_map(), params) == {}
