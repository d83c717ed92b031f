"""A fastText classifier, read from its file and evaluated by compiled loops: the likeliest label of a text.

Written from the file format and the published method (Joulin et al. 2016, arXiv 1607.01759 and 1612.03651):
a text's vector is the mean of those of its words and of their character n-grams, and labels are the
leaves of a Huffman tree (hierarchical softmax). Product-quantized vectors are expanded once, when
the model is read. The labels are those of fastText itself, the probabilities but for the last bits;
only that fastText reads no further than a word </s> in a text, and this does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError

_MAGIC: Final = 793712314
_VERSION: Final = 12
_HIERARCHICAL_SOFTMAX: Final = 1
_LABEL: Final = "__label__"
_PREFIX: Final = np.frombuffer(_LABEL.encode(), np.uint8)
_END: Final = "</s>"


class FastTextModel(NamedTuple):
    """A classifier.

    Attributes:
        labels: their names, without prefix.
        vectors: of words, then of n-grams, shape (words + n-grams, dimensions).
        word_keys, word_rows: hash table of words by two 32-bit hashes in one; 0 is free.
        gram_keys, gram_rows: hash table of the buckets that have a vector, by bucket + 1.
        present: a bit for each bucket: whether it has a vector.
        nodes: vectors of the inner nodes of the tree, shape (labels - 1, dimensions).
        children: left and right child of every node, leaves (which are labels) first; -1: none.
        settings: shortest and longest n-gram, number of buckets, row of the end of a text.
    """

    labels: list[str]
    vectors: npt.NDArray[np.float32]
    word_keys: npt.NDArray[np.uint64]
    word_rows: npt.NDArray[np.int32]
    gram_keys: npt.NDArray[np.uint64]
    gram_rows: npt.NDArray[np.int32]
    present: npt.NDArray[np.uint8]
    nodes: npt.NDArray[np.float32]
    children: npt.NDArray[np.int32]
    settings: tuple[int, int, int, int]

    def likeliest(self, text: str) -> tuple[str | None, float]:
        """The likeliest label and its probability; (None, 0.0) where nothing of the text is known."""
        data = np.frombuffer(text.encode(), np.uint8)
        label, score = _likeliest(data, *self[1:])
        return (self.labels[label], float(np.exp(score))) if label >= 0 else (None, 0.0)


class _Reader:
    """Numbers and arrays out of the bytes of a file, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def array(self, kind: str, count: int) -> npt.NDArray:
        found = np.frombuffer(self.data, kind, count, self.place)
        self.place += found.nbytes
        return found

    def number(self, kind: str = "<i4") -> int:
        return int(self.array(kind, 1)[0])

    def word(self) -> bytes:
        end = self.data.index(b"\0", self.place)
        word = self.data[self.place : end]
        self.place = end + 1
        return word


def read_model(file: Path) -> FastTextModel:
    """Read a model of fastText, quantized or not.

    Raises:
        ConfigurationError: where it is no classifier with hierarchical softmax over single words.
    """
    reader = _Reader(file.read_bytes())
    if reader.number() != _MAGIC or reader.number() != _VERSION:
        raise ConfigurationError(f"{file} is no fastText model of version {_VERSION}.")
    arguments = reader.array("<i4", 12)
    _, _, _, _, _, word_ngrams, loss, _, buckets, shortest, longest, _ = map(int, arguments)
    reader.array("<f8", 1)
    if word_ngrams != 1 or loss != _HIERARCHICAL_SOFTMAX:
        raise ConfigurationError(f"{file} is no fastText classifier with hierarchical softmax over words.")
    entries, words, labels = reader.number(), reader.number(), reader.number()
    reader.number("<i8")
    pruned = reader.number("<i8")
    names: list[bytes] = []
    counts: list[int] = []
    for _ in range(entries):
        names.append(reader.word())
        counts.append(reader.number("<i8"))
        reader.number("i1")
    rows = reader.array("<i4", 2 * max(pruned, 0)).reshape(-1, 2)
    vectors = _matrix(reader, quantized=bool(reader.number("i1")))
    nodes = _matrix(reader, quantized=bool(reader.number("i1")))
    if pruned < 0:
        rows = np.stack([np.arange(buckets), np.arange(buckets)], axis=1)
    present = np.zeros(buckets + 8, np.uint8)
    present[rows[:, 0]] = 1
    words_of = {name: row for row, name in enumerate(names[:words])}
    keys = np.array([_word_key(name) for name in words_of], np.uint64)
    word_table = _table(keys, np.arange(words))
    gram_table = _table(rows[:, 0].astype(np.uint64) + 1, rows[:, 1] + words)
    return FastTextModel(
        [name.decode().removeprefix(_LABEL) for name in names[words:]],
        vectors,
        *word_table,
        *gram_table,
        np.packbits(present, bitorder="little"),
        nodes[: labels - 1],
        _tree(counts[words:]),
        (shortest, longest, buckets, words_of.get(_END.encode(), -1)),
    )


def _matrix(reader: _Reader, *, quantized: bool) -> npt.NDArray[np.float32]:
    """The rows of a matrix; where it is quantized, the sums of the centroids that its codes name."""
    if not quantized:
        rows, columns = reader.number("<i8"), reader.number("<i8")
        return reader.array("<f4", rows * columns).reshape(rows, columns).copy()
    with_norms = bool(reader.number("i1"))
    rows, columns = reader.number("<i8"), reader.number("<i8")
    codes = reader.array("u1", reader.number())
    matrix = _centroids(reader, codes.reshape(rows, -1))
    assert matrix.shape == (rows, columns)
    if with_norms:
        matrix *= _centroids(reader, reader.array("u1", rows).reshape(rows, 1))
    return matrix


def _centroids(reader: _Reader, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """What product quantizer and codes (rows, parts) stand for; each part of a row has 256 centroids."""
    columns, parts, width, last = (reader.number() for _ in range(4))
    values = reader.array("<f4", 256 * columns)
    blocks = []
    for part in range(parts):
        size = last if part == parts - 1 else width
        start = part * 256 * width
        blocks.append(values[start : start + 256 * size].reshape(256, size)[codes[:, part]])
    return np.concatenate(blocks, axis=1)


def _tree(counts: list[int]) -> npt.NDArray[np.int32]:
    """The Huffman tree of labels, which are sorted by falling count, as fastText builds it."""
    leaves = len(counts)
    weights = [*counts, *[10**15] * (leaves - 1)]
    children = np.full((2 * leaves - 1, 2), -1, np.int32)
    leaf, node = leaves - 1, leaves
    for parent in range(leaves, 2 * leaves - 1):
        for side in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                children[parent, side] = leaf
                leaf -= 1
            else:
                children[parent, side] = node
                node += 1
        weights[parent] = sum(weights[child] for child in children[parent])
    return children


def _word_key(word: bytes) -> int:
    """Two hashes of a word in one number, never 0."""
    first, second = 2166136261, 5381
    for byte in word:
        signed = byte | 0xFFFFFF00 if byte > 127 else byte  # fastText hashes signed bytes
        first = ((first ^ signed) * 16777619) & 0xFFFFFFFF
        second = (second * 33 + byte) & 0xFFFFFFFF
    return (first << 32 | second) or 1


def _table(
    keys: npt.NDArray[np.uint64], rows: npt.NDArray
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    size = 16
    while size < 2 * len(keys):
        size *= 2
    table = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    _fill(*table, keys, rows.astype(np.int32))
    return table


@numba.njit(cache=True, nogil=True)
def _place(keys, key):  # type: ignore[no-untyped-def]
    mask = np.uint64(len(keys) - 1)
    place = ((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & mask
    while keys[place] != key and keys[place] != np.uint64(0):
        place = (place + np.uint64(1)) & mask
    return place


@numba.njit(cache=True, nogil=True)
def _fill(table_keys, table_rows, keys, rows):  # type: ignore[no-untyped-def]
    for number in range(len(keys)):
        place = _place(table_keys, keys[number])
        table_keys[place] = keys[number]
        table_rows[place] = rows[number]


@numba.njit(cache=True, nogil=True)
def _word_rows(  # type: ignore[no-untyped-def]
    data, start, stop, word_keys, word_rows, gram_keys, gram_rows, present, settings, rows, found
):
    """Append the rows of a word and of the n-grams of `<word>` to those `found`; how many there are then."""
    shortest, longest, buckets, _ = settings
    first, second = np.uint32(2166136261), np.uint32(5381)
    for at in range(start, stop):
        byte = np.uint32(data[at])
        signed = byte | np.uint32(0xFFFFFF00) if byte > 127 else byte
        first = np.uint32((first ^ signed) * np.uint32(16777619))
        second = np.uint32(second * np.uint32(33) + byte)
    key = (np.uint64(first) << np.uint64(32)) | np.uint64(second)
    place = _place(word_keys, key)
    if word_keys[place] == key:
        rows[found] = word_rows[place]
        found += 1
    elif _is_label(data, start, stop):
        return found
    # positions -1 and `length` are the brackets around the word
    length = stop - start
    for begin in range(-1, length):
        if begin >= 0 and data[start + begin] & 0xC0 == 0x80:
            continue
        value = np.uint32(2166136261)
        at = begin
        characters = 0
        while at <= length and characters < longest:
            more = True
            while more:
                byte = (
                    np.uint32(60)
                    if at < 0
                    else np.uint32(62)
                    if at == length
                    else np.uint32(data[start + at])
                )
                signed = byte | np.uint32(0xFFFFFF00) if byte > 127 else byte
                value = np.uint32((value ^ signed) * np.uint32(16777619))
                at += 1
                more = 0 < at < length and data[start + at] & 0xC0 == 0x80
            characters += 1
            alone = characters == 1 and (begin < 0 or at > length)
            if characters >= shortest and not alone:
                bucket = value % np.uint32(buckets)
                if present[bucket >> 3] >> (bucket & 7) & 1:
                    rows[found] = gram_rows[_place(gram_keys, np.uint64(bucket) + np.uint64(1))]
                    found += 1
    return found


@numba.njit(cache=True, nogil=True)
def _is_label(data, start, stop):  # type: ignore[no-untyped-def]
    """Whether a word starts as labels do, so that fastText leaves it out."""
    if stop - start < len(_PREFIX):
        return False
    equal = True
    for at in range(len(_PREFIX)):
        equal &= data[start + at] == _PREFIX[at]
    return equal


@numba.njit(cache=True, nogil=True)
def _likeliest(  # type: ignore[no-untyped-def]
    data, vectors, word_keys, word_rows, gram_keys, gram_rows, present, nodes, children, settings
):
    """The likeliest label of a text and the logarithm of its probability; (-1, 0) where all is unknown."""
    # a letter starts at most so many n-grams; besides there are its word, the bracket, and the end
    rows = np.empty((len(data) + 2) * (settings[1] - settings[0] + 4), np.int32)
    found = 0
    start = 0
    for at in range(len(data) + 1):
        if at == len(data) or data[at] == 32 or 9 <= data[at] <= 13 or data[at] == 0:
            if at > start:
                found = _word_rows(
                    data,
                    start,
                    at,
                    word_keys,
                    word_rows,
                    gram_keys,
                    gram_rows,
                    present,
                    settings,
                    rows,
                    found,
                )
            start = at + 1
    if settings[3] >= 0:
        rows[found] = settings[3]
        found += 1
    if found == 0:
        return -1, 0.0
    vector = np.zeros(vectors.shape[1], np.float32)
    for number in range(found):
        vector += vectors[rows[number]]
    vector *= np.float32(1.0 / found)
    labels = len(nodes) + 1
    stack = np.empty(len(children), np.int32)
    scores = np.empty(len(children), np.float64)
    stack[0], scores[0] = len(children) - 1, 0.0
    depth = 1
    best, best_score = -1, -np.inf
    while depth:
        depth -= 1
        node, score = stack[depth], scores[depth]
        if score < best_score:
            continue
        if children[node, 0] < 0:
            best, best_score = node, score
            continue
        product = np.float32(0)
        for column in range(len(vector)):
            product += vector[column] * nodes[node - labels, column]
        right = 1.0 / (1.0 + np.exp(-product))
        # the left child is looked at first: of equal labels fastText keeps the first
        stack[depth], scores[depth] = children[node, 1], score + np.log(right + 1e-5)
        stack[depth + 1], scores[depth + 1] = children[node, 0], score + np.log(1.0 - right + 1e-5)
        depth += 2
    return best, best_score
