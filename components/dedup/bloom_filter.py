"""How large a Bloom filter has to be, exactly, and the filter's memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError

BLOCK_BYTES: Final = 64
_WORDS: Final = 8
_BITS_PER_WORD: Final = 64
MOST_BLOCKS: Final = 2**32 - 1
"""What 32 bits of a hash can choose from."""


def false_positive_rate(ngrams: int, blocks: int) -> float:
    """Expected share of n-grams that were never inserted and are found nevertheless.

    A block gets a number of n-grams that is Poisson distributed; j of them set a given bit of a word
    with probability 1 - (1 - 1/64)^j, and a look-up asks for one bit in each of the block's 8 words.
    """
    mean = ngrams / blocks
    if mean == 0:
        return 0.0
    if mean > _BITS_PER_WORD * _WORDS:
        return 1.0  # a hair less; no filter is as full as that
    loads = np.arange(int(mean + 12 * math.sqrt(mean) + 40))
    logarithms = loads * math.log(mean) - mean - np.array([math.lgamma(load + 1) for load in loads])
    set_bit = 1 - (1 - 1 / _BITS_PER_WORD) ** loads
    return float(np.sum(np.exp(logarithms) * set_bit**_WORDS))


@dataclass(frozen=True, slots=True)
class FilterPlan:
    """The size of one filter.

    Attributes:
        ngrams: how many are put into it at the most.
        rate: false positive rate asked for.
        blocks: blocks of 64 bytes.
    """

    ngrams: int
    rate: float
    blocks: int

    @property
    def bytes(self) -> int:
        """Memory of the filter."""
        return self.blocks * BLOCK_BYTES

    def refuse_above(self, most: int) -> None:
        """Refuse a filter of more than `most` bytes.

        Raises:
            ConfigurationError: naming the parameters that make it smaller, or allow it.
        """
        if self.bytes > most or self.blocks > MOST_BLOCKS:
            parts = math.ceil(self.bytes / min(most, MOST_BLOCKS * BLOCK_BYTES))
            raise ConfigurationError(
                f"bloom: a filter for {self.ngrams:,} n-grams at a false positive rate of {self.rate:g} "
                f"takes {self.bytes:,} bytes, more than dedup.bloom.max_memory_bytes = {most:,}: spread the "
                f"documents over {parts} times as many filters (dedup.bloom.filters), allow more memory, "
                "or accept a higher dedup.bloom.false_positive_rate."
            )

    def allocate(self) -> npt.NDArray[np.uint64]:
        """An empty filter, shape (8 x blocks,), whose blocks begin where the CPU's cache lines do."""
        raw = np.zeros(self.blocks * _WORDS + _WORDS, np.uint64)
        skip = (-raw.ctypes.data % BLOCK_BYTES) // 8
        return raw[skip : skip + self.blocks * _WORDS]


def plan_filter(ngrams: int, rate: float) -> FilterPlan:
    """The smallest filter that keeps to a false positive rate with `ngrams` n-grams in it."""
    low, high = 0, 1
    while false_positive_rate(ngrams, high) > rate:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if false_positive_rate(ngrams, middle) <= rate else (middle, high)
    return FilterPlan(ngrams, rate, high)
