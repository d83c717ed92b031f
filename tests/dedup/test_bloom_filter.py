"""The memory a filter takes is known before, and refused where it is too much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.dedup.bloom_filter import BLOCK_BYTES, FilterPlan, false_positive_rate, plan_filter


@given(st.integers(1, 10**13), st.floats(1e-8, 0.4))
def test_the_smallest_filter_that_keeps_to_the_rate(ngrams: int, rate: float) -> None:
    plan = plan_filter(ngrams, rate)
    assert false_positive_rate(ngrams, plan.blocks) <= rate
    assert plan.blocks == 1 or false_positive_rate(ngrams, plan.blocks - 1) > rate


def test_bits_for_each_n_gram() -> None:
    """An ideal filter takes 9.585 bits at 1 %; one cache line a look-up costs another half bit."""
    assert 9.585 < plan_filter(10**9, 0.01).bytes * 8 / 10**9 < 10.2


def test_memory_begins_at_a_cache_line_and_is_empty() -> None:
    for blocks in (1, 3, 1000):
        words = FilterPlan(1, 0.01, blocks).allocate()
        assert words.ctypes.data % BLOCK_BYTES == 0
        assert words.nbytes == blocks * BLOCK_BYTES
        assert not words.any()


def test_too_large_a_filter_is_refused_with_what_to_change() -> None:
    plan = plan_filter(10**9, 0.01)
    plan.refuse_above(plan.bytes)
    with pytest.raises(ConfigurationError) as refused:
        plan.refuse_above(plan.bytes // 3)
    assert f"{plan.bytes:,} bytes" in str(refused.value)
    assert "4 times as many filters (dedup.bloom.filters)" in str(refused.value)
    with pytest.raises(ConfigurationError, match=r"dedup\.bloom\.filters"):
        plan_filter(10**12, 0.01).refuse_above(10**15)
