"""One word about one file, out of what it declares and what the detectors found; and why.

Declarations come first (see `components.deepfake.provenance`). Else the detectors decide that have a
calibration, and only they: an uncalibrated score is evidence for a person and no probability.

How several are combined: each calibrated probability becomes a likelihood ratio, and the ratio of all is
their geometric mean (the mean of log-odds). Detectors see the same pixels, so their errors go together:
multiplying the ratios would count the same evidence several times. The mean is never more certain than the
most certain of them, and one that knows nothing (0.5) pulls it towards nothing. Where one says likely forged
and another likely real, nobody can tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from components.core.errors import ConfigurationError
from components.deepfake.calibration import Calibration, from_json
from components.deepfake.detectors.base import WEIGHTS, Finding
from components.deepfake.sample import Provenance, Sample
from components.deepfake.screen_params import VerdictParams

Word = Literal["declared_synthetic", "likely_forged", "cannot_tell", "likely_real", "declared_captured"]

WORDS: Final[tuple[Word, ...]] = (
    "cannot_tell",
    "likely_real",
    "declared_captured",
    "likely_forged",
    "declared_synthetic",
)
"""In the order of the codes of the score `forged_verdict`: 0 to 4."""
CALIBRATION_FILE: Final = "calibration.json"
_FORGED, _REAL = "likely_forged", "likely_real"
_CERTAIN: Final = 0.999
"""A calibrated probability counts for no more than this, and no less than its complement: no validation split
of this size can show more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one file.

    Attributes:
        word: the verdict.
        probability: that it is forged, at `prior`; None where no calibrated detector gave a score, or
            where the file's own declaration decided.
        prior: probability that a file like this is forged before it is looked at.
        likelihood_ratio: how much likelier the detectors' scores are for a forged one than for a real
            one; None where there is no probability.
        findings: of all detectors, in the order in which they were asked.
        why: a sentence or two.
    """

    word: Word
    probability: float | None
    prior: float
    likelihood_ratio: float | None
    findings: tuple[Finding, ...]
    why: str

    @property
    def code(self) -> int:
        """The place of the word in `WORDS`."""
        return WORDS.index(self.word)


@dataclass(frozen=True, slots=True)
class _Vote:
    detector: str
    probability: float
    answer: str


def read_calibrations(folder: Path | None) -> dict[str, Calibration]:
    """Calibrations of a model's folder by detector; of the bundled weights if None. Maybe none.

    Raises:
        ConfigurationError: for a file that does not hold calibrations.
    """
    path = (folder or WEIGHTS) / CALIBRATION_FILE
    if not path.is_file():
        return {}
    try:
        return from_json(path.read_bytes())
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def make_verdict(
    sample: Sample,
    findings: Sequence[Finding],
    calibrations: Mapping[str, Calibration],
    params: VerdictParams,
) -> Verdict:
    """The verdict on one sample."""
    declared = _declared(sample.provenance)
    if declared is not None:
        return Verdict(*declared, params.prior, None, tuple(findings), str(sample.provenance.detail))
    votes = [
        _Vote(one.detector, probability, calibration.answer(probability))
        for one in findings
        if one.score is not None
        and (calibration := calibrations.get(one.detector)) is not None
        and calibration.method != "none"
        and math.isfinite(probability := calibration.apply(one.score))
    ]
    if not votes:
        return Verdict(
            "cannot_tell", None, params.prior, None, tuple(findings), _silence(findings, calibrations)
        )
    log_ratio = sum(_log_odds(vote.probability) for vote in votes) / len(votes)
    log_ratio -= _log_odds(params.calibrated_prior)
    probability = _sigmoid(log_ratio + _log_odds(params.prior))
    word, why = _judged(sample, votes, calibrations, log_ratio, probability, params)
    ratio = round(math.exp(log_ratio), 4)
    said = (
        f"{why} The odds are {ratio:.3g} times those of the prior: probability {probability:.2f} that it is "
        f"forged, at a prior of {params.prior:g}."
    )
    return Verdict(word, round(probability, 6), params.prior, ratio, tuple(findings), said)


def _declared(provenance: Provenance) -> tuple[Word, None] | None:
    if provenance.verdict == "synthetic":
        return "declared_synthetic", None
    if provenance.verdict == "captured" and provenance.trusted:
        return "declared_captured", None
    return None


def _judged(
    sample: Sample,
    votes: Sequence[_Vote],
    calibrations: Mapping[str, Calibration],
    log_ratio: float,
    probability: float,
    params: VerdictParams,
) -> tuple[Word, str]:
    """The word of calibrated votes, and the first sentence of why."""
    forged = [vote.detector for vote in votes if vote.answer == _FORGED]
    real = [vote.detector for vote in votes if vote.answer == _REAL]
    names = ", ".join(vote.detector for vote in votes)
    planned, decoded = sample.coverage.planned, sample.coverage.decoded
    if planned and decoded < params.min_coverage * planned:
        return "cannot_tell", f"Only {decoded} of {planned} frames could be looked at."
    if forged and real:
        return "cannot_tell", f"Detectors disagree: {', '.join(forged)} against {', '.join(real)}."
    even = _sigmoid(log_ratio + _log_odds(params.calibrated_prior))
    bands = [calibrations[vote.detector] for vote in votes]
    high = sum(band.high for band in bands) / len(bands)
    low = sum(band.low for band in bands) / len(bands)
    if forged and even > high and probability >= 0.5:
        return "likely_forged", f"{', '.join(forged)}: above the band in which nobody can tell."
    if real and even < low and probability < 0.5:
        return "likely_real", f"{', '.join(real)}: below the band in which nobody can tell."
    return "cannot_tell", f"The scores lie where forged and real ones are mixed ({names})."


def _silence(findings: Sequence[Finding], calibrations: Mapping[str, Calibration]) -> str:
    """Why no detector gave a probability."""
    parts = []
    if scored := [one.detector for one in findings if one.score is not None]:
        chance = [name for name in scored if name in calibrations]
        unknown = [name for name in scored if name not in calibrations]
        if unknown:
            parts.append(f"not calibrated: {', '.join(unknown)}")
        if chance:
            parts.append(
                "too few samples to calibrate on, or not better than chance on the validation split: "
                + ", ".join(chance)
            )
    reasons: dict[str, list[str]] = {}
    for one in findings:
        if one.abstained is not None:
            reasons.setdefault(str(one.abstained), []).append(one.detector)
    parts += [f"{reason}: {', '.join(names)}" for reason, names in reasons.items()]
    return f"No detector can tell ({'; '.join(parts) or 'none was asked'})."


def _log_odds(probability: float) -> float:
    inside = min(max(probability, 1 - _CERTAIN), _CERTAIN)
    return math.log(inside / (1 - inside))


def _sigmoid(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
