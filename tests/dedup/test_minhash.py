import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.dedup import minhash
from components.dedup.minhash import MinHasher, exact_key
from tests.dedup.samples import edited, jaccard, prose

M = 2**64
TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "b", "ab", "ba", "\u00e9", "天", "long-word", "\x01"]), max_size=9).map(
        " ".join
    ),
    max_size=8,
)


def mix(value: int) -> int:
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD % M
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 % M
    return value ^ value >> 33


def constants(label: str, seed: int, count: int) -> list[int]:
    stream = hashlib.shake_256(f"{label}/{seed}".encode()).digest(8 * count)
    return [int.from_bytes(stream[i : i + 8], "little") for i in range(0, len(stream), 8)]


def by_definition(text: str, n: int, bands: int, rows: int, seed: int) -> list[int] | None:
    """The band keys of one text, word by word, in Python's integers."""
    letters, places = constants("letters", seed, 256), constants("places", seed, n)
    multipliers = constants("multipliers", seed, bands * rows)
    flips, band_seeds = constants("flips", seed, bands * rows), constants("bands", seed, bands)
    words = [
        mix(sum(letters[byte] * pow(0x9E3779B97F4A7C15, i, M) for i, byte in enumerate(word.encode())) % M)
        for word in text.split(" ")
        if word
    ]
    shingles = [
        mix(sum(word * (place | 1) for word, place in zip(words[i : i + n], places, strict=True)) % M)
        for i in range(len(words) - n + 1)
    ]
    if not shingles:
        return None
    signature = [
        min(((s >> 32) * (a >> 32 | 1) % 2**32) ^ (b >> 32) for s in shingles)
        for a, b in zip(multipliers, flips, strict=True)
    ]
    keys = []
    for band, key in enumerate(band_seeds):
        for value in signature[band * rows : (band + 1) * rows]:
            key = mix(key ^ value)  # noqa: PLW2901
        keys.append(key)
    return keys


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(1, 4), st.integers(0, 5))
def test_keys_are_those_of_the_definition(texts: list[str], n: int, seed: int) -> None:
    rows, keys = MinHasher(n, 3, 2, seed).band_keys(texts)
    expected = {
        row: wanted
        for row, text in enumerate(texts)
        if (wanted := by_definition(text, n, 3, 2, seed)) is not None
    }
    assert dict(zip(rows.tolist(), keys.tolist(), strict=True)) == expected


def test_keys_do_not_depend_on_the_other_texts_or_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [prose(n, 5 + 13 * n) for n in range(20)] + ["", "too short"]
    hasher = MinHasher(5, 14, 8, 1)
    rows, keys = hasher.band_keys(texts)
    assert rows.tolist() == list(range(20))
    for size in (1, 100, 3000):
        monkeypatch.setattr(minhash, "CHUNK_CHARACTERS", size)
        again_rows, again = MinHasher(5, 14, 8, 1).band_keys(texts)
        assert np.array_equal(again_rows, rows)
        assert np.array_equal(again, keys)


def test_text_longer_than_a_chunk() -> None:
    text = prose(1, 200_000)
    _, keys = MinHasher(5, 14, 8, 1).band_keys([text, text + " end"])
    assert (keys[0] == keys[1]).sum() >= 13


def test_no_text() -> None:
    rows, keys = MinHasher(5, 14, 8, 1).band_keys([])
    assert rows.shape == (0,)
    assert keys.shape == (0, 14)


def test_keys_are_pinned() -> None:
    """Another value here would break every stored key: raise the stage's version if you mean it."""
    _, keys = MinHasher(5, 14, 8, 1).band_keys(["the quick brown fox jumps over the lazy dog"])
    assert keys[0, 0] == by_definition("the quick brown fox jumps over the lazy dog", 5, 14, 8, 1)[0]  # type: ignore[index]
    assert int(keys[0, 0]) == 5907128603023557862
    assert exact_key("the quick brown fox") == 12604066041185269969


def test_signatures_estimate_the_jaccard_similarity() -> None:
    """112 values estimate s with a standard deviation of at most 0.047; 200 pairs average that out."""
    hasher = MinHasher(5, 14, 8, 1)
    errors = []
    for seed in range(200):
        original = prose(seed, 150)
        copy = edited(original, seed, 1 + seed % 12)
        _, signatures = hasher.signatures([original, copy])
        errors.append((signatures[0] == signatures[1]).mean() - jaccard(original, copy))
    assert abs(np.mean(errors)) < 0.01
    assert np.std(errors) < 0.06


def test_unlike_texts_share_no_value() -> None:
    _, signatures = MinHasher(5, 14, 8, 1).signatures([prose(n, 150) for n in range(60)])
    shared = [(a == b).sum() for i, a in enumerate(signatures) for b in signatures[:i]]
    assert max(shared) <= 1


def test_order_of_words_counts() -> None:
    words = prose(3, 60).split()
    _, keys = MinHasher(5, 14, 8, 1).band_keys([" ".join(words), " ".join(reversed(words))])
    assert not (keys[0] == keys[1]).any()
