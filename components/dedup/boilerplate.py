"""Boilerplate: short paragraphs that many documents of a snapshot share ("Skip to content").

MINT-1T finds them by exact paragraph deduplication on 2 % of each Common Crawl snapshot and strips
them from every document; OBELICS strips what occurs more than once in a domain. A paragraph here is
a line of a text item. Two paragraphs are the same where their words are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas
from components.dedup.address_keys import canonical, string_keys
from components.dedup.minhash import CHUNK, find_words, fold, hash_word
from components.dedup.params import BoilerplateParams
from components.dedup.text import Texts, character_classes

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

TEXT_LENGTH: Final = 200
"""Characters of a paragraph that are kept for people to read."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines with words of some texts, in order, those longer than a limit left out; each shape (l,).

    Attributes:
        text, part: the text and the part of it that holds the line.
        line: its number in that part, counted from 0.
        start, stop: its bytes.
        key: a hash of its words.
    """

    text: I64
    part: I64
    line: I64
    start: I64
    stop: I64
    key: U64


def find_lines(texts: Texts, wanted: npt.NDArray[np.bool_], scopes: U64, max_characters: int) -> Lines:
    """Lines of at most `max_characters` of the `wanted` texts.

    Args:
        scopes: shape (n,); lines of texts with other scopes have other keys.
    """
    breaks = _count_lines(texts.data, texts.offsets, texts.bounds, wanted)
    places = np.empty((5, breaks), np.int64)
    keys = np.empty(breaks, np.uint64)
    count = _find_lines(
        texts.data,
        texts.eights,
        texts.offsets,
        texts.bounds,
        character_classes(),
        wanted,
        scopes,
        max_characters,
        places,
        keys,
    )
    text, part, line, start, stop = places[:, :count]
    return Lines(text, part, line, start, stop, keys[:count])


def scopes(documents: pa.Table, params: BoilerplateParams) -> U64:
    """What the paragraphs of each document are compared within: everything, or those of one host."""
    if params.scope == "snapshot":
        return np.zeros(documents.num_rows, np.uint64)
    hosts = pc.struct_field(
        pc.extract_regex(canonical(documents.column("url")), r"^https?://(?P<host>[^/]*)"), "host"
    )
    return string_keys(hosts)


def sample_paragraphs(documents: pa.Table, texts: Texts, params: BoilerplateParams) -> tuple[pa.Table, int]:
    """The paragraphs (`paragraph_keys/1`) of a sample of documents, each once a document.

    Which documents are in the sample follows from their ids alone.

    Returns:
        the rows, sorted by document and place; and how many documents are in the sample.
    """
    if params.sample < 1:
        chosen = string_keys(documents.column("id")) < np.uint64(int(params.sample * 2.0**64))
    else:
        chosen = np.ones(documents.num_rows, np.bool_)
    found = find_lines(texts, chosen, scopes(documents, params), params.max_characters)
    # lexsort is stable: of the same line of one document, the first is kept
    order = np.lexsort((found.key, found.text))
    new = np.ones(len(order), np.bool_)
    key, text = found.key[order], found.text[order]
    new[1:] = (key[1:] != key[:-1]) | (text[1:] != text[:-1])
    kept = np.sort(order[new])
    shown = [
        texts.data[first:last].tobytes().decode("utf-8", "replace").strip()[:TEXT_LENGTH]
        for first, last in zip(found.start[kept].tolist(), found.stop[kept].tolist(), strict=True)
    ]
    columns = [pa.array(found.key[kept]), pa.array(shown, pa.string())]
    return pa.Table.from_arrays(columns, schema=schemas.get("paragraph_keys/1")), int(chosen.sum())


def frequent(paragraphs: pa.Table, min_documents: int) -> pa.Table:
    """`boilerplate/1`: the paragraphs of a `paragraph_keys/1` table that enough documents hold, by key."""
    keys = paragraphs.column("key").to_numpy()
    different, first, counts = np.unique(keys, return_index=True, return_counts=True)
    enough = counts >= min_documents
    columns = [
        pa.array(different[enough], pa.uint64()),
        pa.array(counts[enough], pa.int64()),
        pc.take(paragraphs.column("text"), pa.array(first[enough])),
    ]
    return pa.Table.from_arrays(columns, schema=schemas.get("boilerplate/1"))


@numba.njit(cache=True, nogil=True)
def _count_lines(data, offsets, bounds, wanted):
    count = 0
    for text in range(len(bounds) - 1):
        if wanted[text]:
            for part in range(bounds[text], bounds[text + 1]):
                count += 1
                for place in range(offsets[part], offsets[part + 1]):
                    count += data[place] == 10
    return count


@numba.njit(cache=True, nogil=True)
def _find_lines(
    data, eights, offsets, bounds, classes, wanted, scopes, max_characters, places, keys
):  # fmt: skip
    starts, stops = np.empty(CHUNK + 8, np.int64), np.empty(CHUNK + 8, np.int64)
    state = np.zeros(3, np.int64)
    found = 0
    for text in range(len(bounds) - 1):
        if not wanted[text]:
            continue
        for part in range(bounds[text], bounds[text + 1]):
            end, first, line = offsets[part + 1], offsets[part], 0
            while first < end:
                last, characters = first, 0
                while last < end and data[last] != 10:
                    characters += (data[last] & 0xC0) != 0x80
                    last += 1
                if characters <= max_characters:
                    whole, before, place, words = scopes[text], -1, first, 0
                    state[0] = state[1] = 0
                    while place < last:
                        place = find_words(data, place, last, classes, starts, stops, state)
                        for number in range(state[1]):
                            word = hash_word(data, eights, starts[number], stops[number])
                            whole = fold(whole, word, starts[number] == before)
                            before = stops[number]
                            words += 1
                        starts[0] = starts[state[1]]
                        state[0], state[1] = state[0] - state[1], 0
                    if words:
                        places[0, found], places[1, found], places[2, found] = text, part, line
                        places[3, found], places[4, found] = first, last
                        keys[found] = whole
                        found += 1
                line += 1
                first = last + 1
    return found
