import math
import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.caption.drift import Expected, audit, expected, wilson_low
from components.caption.scale_params import ScaleParams
from components.core import schemas

GATE = Expected(agreement=0.8, degenerate=0.01)
FINE = [False] * 100


def test_the_gate_s_figures_are_what_is_expected() -> None:
    rows = [
        {"metric": "word_f1", "value": 0.8, "rows": 9},
        {"metric": "degenerate", "value": 0.01, "rows": 9},
        {"metric": "bleu", "value": 0.5, "rows": 9},
    ]
    gate = pa.Table.from_pylist(rows, schema=schemas.get("gate/1"))
    assert expected(gate) == GATE
    assert expected(gate.slice(0, 0)) == Expected(None, None)


def test_a_student_as_good_as_at_the_gate_is_left_alone() -> None:
    found = audit([0.7, 0.9] * 50, FINE, GATE, ScaleParams())
    assert (found.agreement, found.expected, found.degenerate) == (pytest.approx(0.8), 0.8, 0.0)
    assert found.sentence is None


def test_less_agreement_than_chance_explains_is_drift() -> None:
    # mean 0.6, standard deviation 0.1005: at most 0.6 + 3.09 * 0.01005 = 0.631
    found = audit([0.5, 0.7] * 50, FINE, GATE, ScaleParams())
    assert found.sentence == (
        "its captions agree with the teacher's by 0.600 (at most 0.631, word F1 over 100 images); at the "
        "gate it was 0.800."
    )
    # the same mean with so wide a spread that it may be chance
    assert audit([0.0, 1.0, 0.8] * 10, FINE, GATE, ScaleParams()).sentence is None
    # nothing alike at all, without any spread
    assert audit([0.0] * 30, FINE, GATE, ScaleParams()).sentence is not None


def test_too_few_images_ring_no_alarm() -> None:
    assert audit([0.0] * 29, FINE, GATE, ScaleParams()).sentence is None
    assert audit([0.0], [True], GATE, ScaleParams()).sentence is None


def test_more_degenerate_captions_than_at_the_gate_are_drift() -> None:
    many = [True] * 30 + [False] * 70
    found = audit([0.8] * 30, many, GATE, ScaleParams())
    assert found.degenerate == 0.3
    assert found.sentence is not None
    assert found.sentence.startswith("30.0% of its 100 captions are degenerate (at least 18.1%)")
    few = [True] * 8 + [False] * 92
    assert audit([0.8] * 30, few, GATE, ScaleParams()).sentence is None


def test_without_the_gate_s_figures_there_is_nothing_to_compare_with() -> None:
    found = audit([0.0] * 100, [True] * 100, Expected(None, None), ScaleParams())
    assert (found.expected, found.sentence) == (None, None)


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    rng = random.Random(5)
    params = ScaleParams(drift_confidence=0.95, drift_tolerance=0)
    rings = sum(
        audit([rng.betavariate(8, 2) for _ in range(60)], FINE, GATE, params).sentence is not None
        for _ in range(1000)
    )
    # one-sided at 95 %: 50 of 1,000; a skewed mean makes it a little less or more; seven deviations
    assert 10 <= rings <= 100


def test_wilson_by_hand() -> None:
    # no hit: no bound; all of 10 at z = 2: 1 / (1 + 4 / 10)
    assert wilson_low(0, 10, 2.0) == pytest.approx(0)
    assert wilson_low(10, 10, 2.0) == pytest.approx(1 / 1.4)


@given(st.integers(1, 500), st.data(), st.floats(0.1, 4))
def test_a_lower_bound_lies_below_the_share(of: int, data: st.DataObject, z: float) -> None:
    hits = data.draw(st.integers(0, of))
    low = wilson_low(hits, of, z)
    assert -1e-12 <= low <= hits / of + 1e-12
    # it solves (share - p)^2 = z^2 p (1 - p) / n
    assert math.isclose((hits / of - low) ** 2, z**2 * low * (1 - low) / of, rel_tol=1e-6, abs_tol=1e-9)
