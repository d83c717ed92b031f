"""Declarations as log-odds."""

from __future__ import annotations

import pytest

from components.deepfake.detectors import open_detectors
from components.deepfake.detectors.base import Abstained
from components.deepfake.sample import Provenance, Sample


def judged(provenance: Provenance, **params: float):
    (detector,) = open_detectors({"provenance": params})
    return detector.score(Sample("0" * 64, "image", 10, 10, provenance=provenance), evidence=True)


def test_synthesis_is_believed_more_where_it_is_signed() -> None:
    unsigned = judged(Provenance("synthetic", "iptc", None, None, "It says so."))
    signed = judged(Provenance("synthetic", "c2pa", True, "Painter", "It says so."))
    broken = judged(Provenance("synthetic", "c2pa", False, "Painter", "It says so."))
    assert signed.score == 8.0
    assert unsigned.score == broken.score == 6.0
    assert unsigned.evidence[0].kind == "text"
    assert "It says so." in unsigned.evidence[0].text


def test_a_capture_is_believed_under_a_trusted_signature_only() -> None:
    assert judged(Provenance("captured", "c2pa", True)).score == -8.0
    for trusted in (False, None):
        found = judged(Provenance("captured", "c2pa", trusted))
        assert (found.score, found.abstained) == (None, Abstained.NOTHING_DECLARED)


@pytest.mark.parametrize("verdict", ["edited", "none"])
def test_nothing_else_is_an_answer(verdict: str) -> None:
    found = judged(Provenance(verdict))  # type: ignore[arg-type]
    assert (found.score, found.abstained) == (None, Abstained.NOTHING_DECLARED)
    assert found.evidence


def test_the_log_odds_are_parameters() -> None:
    assert judged(Provenance("synthetic"), unsigned_log_odds=3.0).score == 3.0
