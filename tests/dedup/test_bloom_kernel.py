"""Tokens between word boundaries, and a filter that forgets nothing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.dedup import bloom_kernel
from components.dedup.bloom_filter import BLOCK_BYTES, false_positive_rate, plan_filter
from components.dedup.word_bounds import word_break_classes


def fnv(token: str) -> int:
    value = 0xCBF29CE484222325
    for byte in token.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def hashes(text: str) -> list[int]:
    data = np.frombuffer(text.encode(), np.uint8)
    room = np.zeros(len(data), np.uint64)
    count = bloom_kernel.tokenise(data, 0, len(data), word_break_classes(), room)
    return room[:count].tolist()


def some_hashes(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, count, np.uint64)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \t\u3000 ", []),
        ("The quick (\u201cbrown\u201d) fox", ["The", "quick", "(", "\u201c", "brown", "\u201d", ")", "fox"]),
        ("can\u2019t jump 32.3 feet, right?", ["can\u2019t", "jump", "32.3", "feet", ",", "right", "?"]),
        ("Case matters: CASE", ["Case", "matters", ":", "CASE"]),
        ("1,000.50 is 3.14x;", ["1,000.50", "is", "3.14x", ";"]),
        ("e.g. a.b. ..c", ["e.g", ".", "a.b", ".", ".", ".", "c"]),
        ("snake_case _x 'tis rock'n'roll'", ["snake_case", "_x", "'", "tis", "rock'n'roll", "'"]),
        ("www.example.com/a-b", ["www.example.com", "/", "a", "-", "b"]),
        ("日本カタカナひら", ["日", "本", "カタカナ", "ひ", "ら"]),
        ("ภาษา", ["ภ", "า", "ษ", "า"]),
        ("한국어 3월", ["한국어", "3월"]),
        ("e\u0301a\u0301! a\u00adb", ["e\u0301a\u0301", "!", "a\u00adb"]),
        ("!\u0301x", ["!\u0301", "x"]),
        ("\u0301x", ["\u0301", "x"]),
        ("🇩🇪🇫🇷🇺 x", ["🇩🇪", "🇫🇷", "🇺", "x"]),
        ("👩\u200d👩\u200d👧👍🏽👍", ["👩\u200d👩\u200d👧", "👍🏽", "👍"]),
        ("א\"ב ג' ד\" a\"b", ["א\"ב", "ג'", "ד", '"', "a", '"', "b"]),
        ("a:b 1:2 1'2 a'2", ["a:b", "1", ":", "2", "1'2", "a", "'", "2"]),
        ("𠀀𠀁 𐐷𐐷\U000e0100", ["𠀀", "𠀁", "𐐷𐐷\U000e0100"]),
    ],
)  # fmt: skip
def test_tokens_are_those_of_uax_29(text: str, tokens: list[str]) -> None:
    assert hashes(text) == [fnv(token) for token in tokens]


@settings(max_examples=200)
@given(st.text(alphabet="aZ1.,:;'\" _-’·é\u0301\u200dאב日カの👍🏽🇩🇫ก0\u00ad\u2003", max_size=12))
def test_every_byte_but_white_space_is_in_one_token(text: str) -> None:
    """Tokens of the text, put side by side without their boundaries, are those of its parts."""
    words = text.split()
    assert hashes(text) == [value for word in words for value in hashes(word)]
    assert len(hashes(text)) <= sum(len(word) for word in words)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3000), st.integers(0, 2**32), st.sampled_from([0.3, 0.01, 0.001]))
def test_never_a_false_negative(count: int, seed: int, rate: float) -> None:
    words = plan_filter(count, rate).allocate()
    inserted = some_hashes(count, seed)
    bloom_kernel.insert(words, inserted, count)
    assert bloom_kernel.contained(words, inserted, count) == count


@pytest.mark.parametrize(("count", "rate"), [(200_000, 0.01), (200_000, 0.001), (3000, 0.01), (50_000, 0.1)])
def test_false_positives_are_as_rare_as_asked(count: int, rate: float) -> None:
    """Measured at the moment the filter is full; 1.2 times the rate is far beyond chance."""
    words = plan_filter(count, rate).allocate()
    bloom_kernel.insert(words, some_hashes(count, 1), count)
    asked = 2_000_000
    measured = bloom_kernel.contained(words, some_hashes(asked, 2), asked) / asked
    assert 0.8 * rate <= measured <= 1.2 * rate


def test_false_positives_of_hashes_of_real_n_grams() -> None:
    """Numbers in a row differ in a digit or two: the hash must not let that show."""
    classes, size = word_break_classes(), 13
    first, second = (
        np.frombuffer(" ".join(map(str, range(a, a + 300_000))).encode(), np.uint8) for a in (0, 10**6)
    )
    tokens = np.zeros(len(second), np.uint64)
    made = []
    for data in (first, second):
        count = bloom_kernel.tokenise(data, 0, len(data), classes, tokens)
        ngrams = np.zeros(count - size + 1, np.uint64)
        bloom_kernel._hash_ngrams(tokens, count, size, len(ngrams), np.uint64(7), ngrams)
        made.append(ngrams)
    assert len(np.unique(np.concatenate(made))) == len(made[0]) + len(made[1])
    words = plan_filter(len(made[0]), 0.01).allocate()
    bloom_kernel.insert(words, made[0], len(made[0]))
    found = bloom_kernel.contained(words, made[1], len(made[1])) / len(made[1])
    assert 0.008 <= found <= 0.012


def test_an_n_gram_hash_is_that_of_its_tokens_wherever_it_stands() -> None:
    text = "a b c d e f g a b c d"
    data = np.frombuffer(text.encode(), np.uint8)
    tokens, ngrams = np.zeros(30, np.uint64), np.zeros(30, np.uint64)
    count = bloom_kernel.tokenise(data, 0, len(data), word_break_classes(), tokens)
    bloom_kernel._hash_ngrams(tokens, count, 4, count - 3, np.uint64(1), ngrams)
    assert ngrams[0] == ngrams[7]
    assert len(set(ngrams[: count - 3].tolist())) == count - 4


def test_the_formula_is_that_of_blocks_filled_at_random() -> None:
    rng = np.random.default_rng(3)
    blocks, count = 500, 20_000
    loads = np.bincount(rng.integers(0, blocks, count), minlength=blocks)
    simulated = float(np.mean((1 - (1 - 1 / 64) ** loads) ** 8))
    assert math.isclose(false_positive_rate(count, blocks), simulated, rel_tol=0.1)
    assert plan_filter(0, 0.01).bytes == BLOCK_BYTES
