"""From findings to one word: what is declared, what is calibrated, when nobody can tell."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.deepfake.calibration import Calibration, to_json
from components.deepfake.detectors.base import Abstained, Finding
from components.deepfake.sample import Coverage, Provenance, Sample
from components.deepfake.screen_params import VerdictParams
from components.deepfake.verdict import WORDS, Verdict, make_verdict, read_calibrations

LOGISTIC = tuple(n / 4 for n in range(-24, 25))


def calibration(name: str, **changes: Any) -> Calibration:
    values = tuple(1 / (1 + math.exp(-x)) for x in LOGISTIC)
    fields = {"method": "platt", "threshold": 0.5, "low": 0.2, "high": 0.8, "rows": 99} | changes
    return Calibration(name, knots=LOGISTIC, values=values, **fields)


def judged(
    scores: dict[str, float | None],
    *,
    provenance: Provenance | None = None,
    coverage: Coverage | None = None,
    calibrations: dict[str, Calibration] | None = None,
    **params: float,
) -> Verdict:
    sample = Sample(
        "0" * 64, "image", 9, 9, provenance=provenance or Provenance(), coverage=coverage or Coverage()
    )
    findings = [
        Finding(name, score, Abstained.NO_FACE if score is None else None) for name, score in scores.items()
    ]
    known = {name: calibration(name) for name in scores} if calibrations is None else calibrations
    return make_verdict(sample, findings, known, VerdictParams(**params))


def test_a_declaration_comes_before_all_detectors() -> None:
    found = judged({"a": -5.0}, provenance=Provenance("synthetic", "c2pa", True, None, "It says so."))
    assert (found.word, found.probability, found.why) == ("declared_synthetic", None, "It says so.")


def test_a_capture_counts_only_where_its_signature_is_trusted() -> None:
    for trusted, word in ((True, "declared_captured"), (False, "likely_forged"), (None, "likely_forged")):
        assert judged({"a": 5.0}, provenance=Provenance("captured", "c2pa", trusted, None, "x")).word == word


def test_one_detector_by_hand() -> None:
    found = judged({"a": 2.0}, prior=0.1)
    assert found.likelihood_ratio == pytest.approx(math.exp(2), abs=1e-3)
    assert found.probability == pytest.approx(math.exp(2) / (math.exp(2) + 9), abs=1e-6)
    assert found.word == "cannot_tell"  # below one half at this prior
    assert "prior of 0.1" in found.why
    assert judged({"a": 2.0}).word == "likely_forged"
    assert judged({"a": -2.0}).word == "likely_real"
    assert judged({"a": 1.0}).word == "cannot_tell"


def test_a_calibration_made_for_another_share() -> None:
    # at a share of 0.9 a probability of 0.9 is no news
    found = judged({"a": math.log(9)}, calibrated_prior=0.9)
    assert found.likelihood_ratio == pytest.approx(1, abs=0.02)


def test_several_detectors_are_averaged_not_multiplied() -> None:
    found = judged({"a": 3.0, "b": 1.0})
    assert found.likelihood_ratio == pytest.approx(math.exp(2), abs=1e-3)
    assert found.word == "likely_forged"


@given(st.lists(st.floats(-6, 6), min_size=1, max_size=6))
def test_the_fusion_is_never_more_certain_than_its_most_certain_detector(scores: list[float]) -> None:
    found = judged({f"d{n}": score for n, score in enumerate(scores)})
    assert found.probability is not None
    alone = [judged({"d": score}).probability for score in scores]
    assert min(alone) - 1e-5 <= found.probability <= max(alone) + 1e-5


def test_detectors_that_disagree() -> None:
    found = judged({"a": 5.0, "b": -3.0})
    assert found.word == "cannot_tell"
    assert "disagree: a against b" in found.why


def test_frames_that_could_not_be_decoded() -> None:
    found = judged({"a": 5.0}, coverage=Coverage(planned=16, decoded=7))
    assert found.word == "cannot_tell" and "7 of 16 frames" in found.why
    assert judged({"a": 5.0}, coverage=Coverage(planned=16, decoded=8)).word == "likely_forged"


def test_without_calibration_nobody_can_tell() -> None:
    found = judged({"a": 9.0, "b": None}, calibrations={})
    assert (found.word, found.probability, found.likelihood_ratio) == ("cannot_tell", None, None)
    assert "not calibrated: a" in found.why and "no_face: b" in found.why


def test_a_detector_at_chance_level_says_nothing() -> None:
    found = judged({"a": 9.0}, calibrations={"a": Calibration.none("a", 40)})
    assert found.word == "cannot_tell" and "not better than chance" in found.why


def test_nobody_was_asked() -> None:
    assert "none was asked" in judged({}).why


def test_codes_are_places_of_words() -> None:
    assert WORDS == ("cannot_tell", "likely_real", "declared_captured", "likely_forged", "declared_synthetic")
    assert judged({"a": 5.0}).code == 3


def test_calibrations_of_a_folder(tmp_path: Path) -> None:
    assert read_calibrations(tmp_path) == {}
    (tmp_path / "calibration.json").write_text(to_json([calibration("a")]))
    assert read_calibrations(tmp_path) == {"a": calibration("a")}
    (tmp_path / "calibration.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"calibration\.json"):
        read_calibrations(tmp_path)
