import pytest

from components.filter.reasons import FilterReason
from components.filter.rules.image_size import ImageSizeParams, image_size
from tests.filter.samples import image_facts


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (150, 150, None),
        (20_000, 20_000, None),
        (149, 400, FilterReason.IMAGE_TOO_SMALL),
        (400, 149, FilterReason.IMAGE_TOO_SMALL),
        (0, 0, FilterReason.IMAGE_TOO_SMALL),
        (20_001, 400, FilterReason.IMAGE_TOO_LARGE),
        (None, None, None),
        (400, None, None),
        (None, 1, FilterReason.IMAGE_TOO_SMALL),  # a tracking pixel whose page gives one side
    ],
)
def test_published_bounds(width: int | None, height: int | None, reason: FilterReason | None) -> None:
    verdict = image_size(image_facts(None, width, height), ImageSizeParams())
    assert (verdict.reason if verdict else None) == reason


@pytest.mark.parametrize("width", [None, 400])
def test_unknown_size_can_be_refused(width: int | None) -> None:
    verdict = image_size(image_facts(None, width, None), ImageSizeParams(unknown_size="drop"))
    assert verdict is not None
    assert verdict.reason == FilterReason.IMAGE_SIZE_UNKNOWN
