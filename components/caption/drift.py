"""Whether the student is still what passed the gate, from the images of one shard that the teacher did, "
"too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

import pyarrow as pa

from components.caption.scale_params import ScaleParams


@dataclass(frozen=True, slots=True)
class Expected:
    """The gate's figures; None where it did not measure them."""

    agreement: float | None
    degenerate: float | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What a shard's audit found.

    Attributes:
        agreement: mean word F1 of student and teacher.
        expected: the same figure at the gate.
        degenerate: share of degenerate captions.
        sentence: why the alarm went off; None where it did not.
    """

    agreement: float
    expected: float | None
    degenerate: float
    sentence: str | None


def expected(gate: pa.Table) -> Expected:
    """The figures of `gate/1` that a shard is held against."""
    values = dict(zip(gate.column("metric").to_pylist(), gate.column("value").to_pylist(), strict=True))
    return Expected(values.get("word_f1"), values.get("degenerate"))


def audit(
    agreements: Sequence[float], degenerates: Sequence[bool], gate: Expected, params: ScaleParams
) -> Audit:
    """Hold a shard against the gate.

    The alarm goes off where the upper bound of the mean agreement (normal approximation) lies more than
    the tolerance below the gate's figure, or the lower bound of the share of degenerate captions (Wilson
    1927) more than that above it; the bounds are one-sided, at `drift_confidence`.

    Args:
        agreements: word F1 of every audited image; at least one.
        degenerates: of all captions of the shard, audited or not.
    """
    mean, bad = fmean(agreements), fmean(degenerates)
    z = NormalDist().inv_cdf(params.drift_confidence)
    sentence = None
    if gate.agreement is not None and len(agreements) >= params.min_audit_rows:
        high = mean + z * stdev(agreements) / math.sqrt(len(agreements))
        if high < gate.agreement - params.drift_tolerance:
            sentence = (
                f"its captions agree with the teacher's by {mean:.3f} (at most {high:.3f}, word F1 over "
                f"{len(agreements)} images); at the gate it was {gate.agreement:.3f}."
            )
    if sentence is None and gate.degenerate is not None and len(degenerates) >= params.min_audit_rows:
        low = wilson_low(sum(degenerates), len(degenerates), z)
        if low > gate.degenerate + params.drift_tolerance:
            sentence = (
                f"{bad:.1%} of its {len(degenerates)} captions are degenerate (at least {low:.1%}); at the "
                f"gate it was {gate.degenerate:.1%}."
            )
    return Audit(mean, gate.agreement, bad, sentence)


def wilson_low(hits: int, of: int, z: float) -> float:
    """Lower bound of a share (Wilson 1927): `hits` of `of` were seen."""
    share, square = hits / of, z * z / of
    spread = z * math.sqrt(share * (1 - share) / of + square / (4 * of))
    return (share + square / 2 - spread) / (1 + square)
