"""What becomes of images that the step `screen` found synthetic or forged."""

from __future__ import annotations

import pytest

from components.filter.params import DecideParams
from components.filter.reasons import FilterReason
from components.filter.rules import STORED_IMAGE_RULES
from components.filter.rules.base import ImageFacts
from components.filter.rules.image_synthetic import image_synthetic


def facts(**scores: float) -> ImageFacts:
    return ImageFacts("html", None, 640, 480, True, scores)


DECLARED = facts(synthetic_declared=1, forged_verdict=4)
FORGED = facts(synthetic_declared=0, forged_verdict=3, forged_probability=0.9)


def test_by_default_nothing_is_removed() -> None:
    assert image_synthetic in STORED_IMAGE_RULES
    for image in (DECLARED, FORGED, facts()):
        assert image_synthetic(image, DecideParams()) is None


@pytest.mark.parametrize("scope", ["image", "document"])
def test_declared_ones_go_where_they_are_not_wanted(scope: str) -> None:
    params = DecideParams.model_validate({"synthetic_images": scope})
    verdict = image_synthetic(DECLARED, params)
    assert verdict is not None
    assert (verdict.reason, verdict.scope) == (FilterReason.IMAGE_SYNTHETIC, scope)
    for image in (FORGED, facts(), facts(synthetic_declared=0)):
        assert image_synthetic(image, params) is None


def test_a_limit_on_the_probability() -> None:
    params = DecideParams(max_forged_probability=0.8, forged_scope="document")
    verdict = image_synthetic(FORGED, params)
    assert verdict is not None
    assert (verdict.reason, verdict.score, verdict.threshold, verdict.scope) == (
        FilterReason.IMAGE_FORGED, 0.9, 0.8, "document",
    )  # fmt: skip
    assert image_synthetic(facts(forged_probability=0.8), params) is None
    assert image_synthetic(DECLARED, params) is None  # it has no probability
