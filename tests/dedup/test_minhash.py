import hashlib
import unicodedata

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.scripts import UNSPACED
from components.dedup import minhash
from components.dedup.minhash import MinHasher, TextKeys
from components.dedup.text import Texts, of_strings
from tests.dedup.samples import edited, jaccard, prose

M = 2**64
# white space of every kind, marks that compose, scripts without spaces, and everything else
PIECES = ["a", "bc", " ", "\n", "\t", "\u00a0", "\u3000", "\x1c", "\x85", "longer-than-eight-bytes"]
PIECES += ["\u00e9", "e\u0301", "\u0301", "q\u0323\u0307", "\ud55c", "\u1112\u1161", "\u0958"]
PIECES += ["\u5929", "\u306e", "\u0e44", "\U00020000", "\U0001f600", "\x00", "\x01"]
TEXTS = st.lists(st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8")).map("".join), max_size=6)


def hashed(texts: list[str], n: int = 5, bands: int = 14, rows: int = 8, seed: int = 1) -> TextKeys:
    return MinHasher(n, bands, rows, seed).keys(of_strings(pa.array(texts, pa.string())))


def mix(value: int) -> int:
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD % M
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 % M
    return value ^ value >> 33


def constants(label: str, seed: int, count: int) -> list[int]:
    stream = hashlib.shake_256(f"{label}/{seed}".encode()).digest(8 * count)
    return [int.from_bytes(stream[i : i + 8], "little") for i in range(0, len(stream), 8)]


def words_of(text: str) -> list[tuple[str, bool]]:
    """The words by the definition, with Python's own strings, and whether each follows at once."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    found: list[tuple[str, bool]] = []
    for word in text.split():
        parts = UNSPACED.sub(r" \g<0> ", word).split(" ")
        found += [(part, number > 0) for number, part in enumerate([p for p in parts if p])]
    return found


def word_hash(word: str) -> int:
    data = word.encode()
    value = 0xCBF29CE484222325 ^ (len(data) * 0x9E3779B97F4A7C15 % M)
    for start in range(0, len(data), 8):
        value = mix(value ^ int.from_bytes(data[start : start + 8], "little"))
    return value


def by_definition(text: str, n: int, bands: int, rows: int, seed: int) -> tuple[int, list[int] | None]:
    """The key of a whole text and those of its bands, word by word, in Python's integers."""
    multipliers = constants("multipliers", seed, bands * rows)
    flips, band_seeds = constants("flips", seed, bands * rows), constants("bands", seed, bands)
    base = constants("places", seed, 1)[0] | 1
    words = words_of(text)
    whole = 0
    for word, glued in words:
        whole = (whole ^ (word_hash(word) + 0xD6E8FEB86659FD93 * glued) % M) * 0x9E3779B97F4A7C15 % M
        whole ^= whole >> 32
    hashes = [word_hash(word) for word, _ in words]
    shingles = [
        mix(sum(word * base ** (n - 1 - i) for i, word in enumerate(hashes[at : at + n])) % M)
        for at in range(len(hashes) - n + 1)
    ]
    if not shingles:
        return whole, None
    signature = [
        min(((s >> 32) * (a >> 32 | 1) % 2**32) ^ (b >> 32) for s in shingles)
        for a, b in zip(multipliers, flips, strict=True)
    ]
    keys = []
    for band, key in enumerate(band_seeds):
        for value in signature[band * rows : (band + 1) * rows]:
            key = mix(key ^ value)  # noqa: PLW2901
        keys.append(key)
    return whole, keys


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(1, 4), st.integers(0, 5))
def test_keys_are_those_of_the_definition(texts: list[str], n: int, seed: int) -> None:
    found = hashed(texts, n, 3, 2, seed)
    for row, text in enumerate(texts):
        whole, keys = by_definition(text, n, 3, 2, seed)
        assert found.whole[row] == whole
        assert found.words[row] == len(words_of(text))
        assert (found.words[row] >= n) == (keys is not None)
        if keys:
            assert found.bands[row].tolist() == keys


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8")).map("".join))
def test_form_and_layout_do_not_count(text: str) -> None:
    forms = [unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)]
    forms += [f" \n{text.replace(' ', chr(0x2003))}\t"]
    keys = hashed([text, *forms], 1)
    assert len(set(keys.whole.tolist())) == 1
    assert len({tuple(row) for row in keys.bands.tolist()}) == 1


def test_parts_of_a_text_have_white_space_between_them() -> None:
    parts = of_strings(pa.array(["one two", None, "three", "four five six"]), np.array([0, 3, 4]))
    one = MinHasher(2, 3, 2, 1).keys(parts)
    other = hashed(["one two three", "four five six"], 2, 3, 2)
    assert np.array_equal(one.whole, other.whole)
    assert np.array_equal(one.bands, other.bands)


def test_keys_do_not_depend_on_the_other_texts_or_on_chunks() -> None:
    texts = [prose(n, 5 + 213 * n) + "語" * n for n in range(20)] + ["", "too short"]
    together = hashed(texts)
    alone = [hashed([text]) for text in texts]
    assert together.whole.tolist() == [keys.whole[0] for keys in alone]
    assert np.array_equal(together.bands, np.concatenate([keys.bands for keys in alone]))
    # one longer than a chunk of bytes and a block of shingles, and a word longer than both
    assert len(texts[19]) > 2 * minhash.CHUNK
    for text in (texts[19], "x" * 20_000 + " " + "y" * 9_000):
        whole, keys = by_definition(text, 2, 3, 2, 1)
        found = hashed([text], 2, 3, 2)
        assert (found.whole[0], keys and found.bands[0].tolist()) == (whole, keys)


def test_bytes_that_are_no_utf8_do_no_harm() -> None:
    data = np.frombuffer(b"ab \xf0\x9f cd \xe5 \xff\xff", np.uint8)
    keys = MinHasher(1, 2, 2, 1).keys(Texts(data, np.array([0, len(data)]), np.array([0, 1])))
    assert keys.words[0] > 0


def test_no_text() -> None:
    keys = hashed([])
    assert keys.bands.shape == (0, 14)
    assert hashed(["", "  "]).words.tolist() == [0, 0]


def test_keys_are_pinned() -> None:
    """Another value here would break every stored key: raise the stage's version if you mean it."""
    keys = hashed(["the quick brown fox jumps over the lazy dog"])
    assert int(keys.bands[0, 0]) == 3506307098873752711
    assert int(keys.whole[0]) == 11159982645879288282


def test_signatures_estimate_the_jaccard_similarity() -> None:
    """112 values estimate s with a standard deviation of at most 0.047; 200 pairs average that out."""
    errors = []
    for seed in range(200):
        original = prose(seed, 150)
        copy = edited(original, seed, 1 + seed % 12)
        one, two = hashed([original, copy]).signatures
        errors.append((one == two).mean() - jaccard(original, copy))
    assert abs(np.mean(errors)) < 0.01
    assert np.std(errors) < 0.06


def test_unlike_texts_share_no_value() -> None:
    signatures = hashed([prose(n, 150) for n in range(60)]).signatures
    shared = [(a == b).sum() for i, a in enumerate(signatures) for b in signatures[:i]]
    assert max(shared) <= 1


def test_seed_chooses_the_bands_but_not_the_hash_of_the_text() -> None:
    one, two = (hashed([prose(1)], seed=seed) for seed in (1, 2))
    assert one.whole[0] == two.whole[0]
    assert not set(one.bands[0].tolist()) & set(two.bands[0].tolist())


def test_order_and_case_of_words_count() -> None:
    words = prose(3, 60).split()
    keys = hashed([" ".join(words), " ".join(reversed(words)), " ".join(words).upper()])
    assert len(set(keys.whole.tolist())) == 3
    assert not (keys.bands[0] == keys.bands[1]).any()
    assert not (keys.bands[0] == keys.bands[2]).any()
