import pytest

from components.filter.rules.image_aspect import ImageAspectParams, image_aspect
from tests.filter.samples import image_facts


@pytest.mark.parametrize(
    ("source", "width", "height", "wanted"),
    [
        ("html", 800, 400, True),
        ("html", 400, 800, True),
        ("html", 801, 400, False),
        ("html", 400, 801, False),
        ("pdf", 1200, 400, True),
        ("pdf", 1201, 400, False),
        ("latex", 900, 400, True),
        ("latex", 1300, 400, False),
        ("image", 1200, 400, True),
        ("image", 1300, 400, False),
        ("html", None, 400, True),
        ("html", 0, 400, True),
    ],
)
def test_published_limits(source: str, width: int | None, height: int | None, wanted: bool) -> None:
    verdict = image_aspect(image_facts(None, width, height, source), ImageAspectParams())
    assert (verdict is None) == wanted


def test_verdict_carries_score_and_threshold() -> None:
    verdict = image_aspect(image_facts(None, 728, 90), ImageAspectParams())
    assert verdict is not None
    assert (verdict.score, verdict.threshold) == (8.0889, 2.0)
