from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.filter.word_lists import file_sections, place_of, read_sections, word_hash, word_table


def test_sections_comments_and_case() -> None:
    text = "# header\nLoose\n[stop/en]  # comment\nThe AND\n or\n\n[flagged/en]\n[stop/en]\nof # the\n"
    assert read_sections(text) == {"": ["loose"], "stop/en": ["the", "and", "or", "of"], "flagged/en": []}


def test_files(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("[hard]\nwört\n", "utf-8")
    (tmp_path / "latin.txt").write_bytes("wört".encode("latin-1"))
    assert file_sections(str(tmp_path / "words.txt")) == {"": [], "hard": ["wört"]}
    assert file_sections((tmp_path / "words.txt").as_uri())["hard"] == ["wört"]
    for name in ("latin.txt", "none.txt"):
        with pytest.raises(ConfigurationError, match=rf"word list .*{name} can't be read"):
            file_sections(str(tmp_path / name))


def test_hashes_are_those_of_fnv_1a() -> None:
    assert word_hash("") == 0xCBF29CE484222325
    assert word_hash("foobar") == 0x85944171F73967E8  # its authors' test vector
    assert word_hash("foobar", 1) != word_hash("foobar")


@given(st.dictionaries(st.integers(1, 2**64 - 1), st.integers(1, 255), max_size=60))
@settings(max_examples=50, deadline=None)
def test_tables_hold_what_they_were_given(words: dict[int, int]) -> None:
    table = word_table(words)
    assert len(table.keys) >= 2 * len(words)
    assert np.count_nonzero(table.keys) == len(words)
    for key, flags in words.items():
        place = place_of(table.keys, np.uint64(key))
        assert (table.keys[place], table.flags[place]) == (key, flags)
    missing = next(number for number in range(1, 99) if number not in words)
    assert table.keys[place_of(table.keys, np.uint64(missing))] == 0


def test_flags_of_a_word_add_up() -> None:
    table = word_table([(5, 1), (7, 2), (5, 4)])
    assert table.flags[place_of(table.keys, np.uint64(5))] == 5
