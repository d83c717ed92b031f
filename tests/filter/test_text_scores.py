import random
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.filter import characters, text_kernel, text_scores
from components.filter.text_scores import score
from components.filter.texts import texts_of
from tests.filter.samples import ENGLISH, document, documents, image, text


def scores_of(*items: str) -> dict[str, float]:
    found, _ = score(texts_of(documents(document(0, *map(text, items)))))
    return {name: float(values[0]) for name, values in found.items()}


def lines_of(*items: str) -> list[dict[str, object]]:
    _, columns = score(texts_of(documents(document(0, *map(text, items)))))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def words_of(line: str) -> list[str]:
    """The tokens of a line, by the kernel itself."""
    work = text_kernel.work(len(line) + 2)
    tables = text_kernel.Tables(characters.table(), *text_scores._powers(13), *text_scores._specials())
    data = np.frombuffer(line.encode(), np.uint8)
    end = text_kernel._decode(data, 0, len(data), work.points, 0)
    text_kernel._prepare(work.points, work.classes, work.sums, tables.up, tables.classes, 0, end)
    count, _, _ = text_kernel._split_line(
        work.points, work.classes, work.sums, tables.down, tables.keys, tables.values, 0, end, work.tokens, 0,
        work.suffixes,
    )  # fmt: skip
    return [line[start:stop] for start, stop in work.tokens[:count].tolist()]


@pytest.mark.parametrize(
    ("line", "words"),
    [  # what spaCy 3.8 makes of them
        ("Don't stop: it's Mr. Smith's dog.", "Do n't stop : it 's Mr. Smith 's dog ."),
        (
            "I cannot, we\u2019ll (see) \u201cthat\u201d\u2026",
            "I can not , we \u2019ll ( see ) \u201c that \u201d \u2026",
        ),
        (
            "well-known 3-4 a.b Foo.Bar foo.Bar x/y 1,000",
            "well - known 3 - 4 a.b Foo . Bar foo . Bar x / y 1,000",
        ),
        (
            "http://example.com/a-b?c=d me@example.org, www.x.co.uk.",
            "http://example.com/a-b?c=d me@example.org , www.x.co.uk .",
        ),
        (
            "5km $20 30% U.S. NASA. e.g. 10am ...and so on...",
            "5 km $ 20 30 % U.S. NASA . e.g. 10 am ... and so on ...",
        ),
        ("(see note): \u2192 here :)", "( see note ): \u2192 here :)"),
        ("it's 20\u00b0C--warm #tag C++ rock'n'roll", "it 's 20 \u00b0 C -- warm # tag C++ rock'n'roll"),
        ("\u5929\u6587\u53f0 opens\u3002", "\u5929 \u6587 \u53f0 opens \u3002"),
        ("\u0e01\u0e32 ok", "\u0e01 \u0e32 ok"),
        ("\ud55c\uad6d\uc5b4 \ubb38\uc11c.", "\ud55c\uad6d\uc5b4 \ubb38\uc11c ."),
    ],
)
def test_words_are_those_of_spacy_and_characters_of_scripts_without_spaces(line: str, words: str) -> None:
    assert words_of(line) == words.split()


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_words_are_the_line_without_white_space(line: str) -> None:
    assert "".join(words_of(line)) == re.sub(r"\s", "", line)


@pytest.mark.parametrize(
    ("value", "words", "mean"),
    [
        ("", 0, 0),
        ("... -- !", 0, 0),
        ("One word.", 2, 3.5),
        ("well-known facts", 3, 14 / 3),
        ("\u5929\u6587\u53f0 opens", 4, 5),
        ("caf\u00e9 \U0001f600", 2, 2.5),
    ],
)
def test_words_and_their_mean_length(value: str, words: int, mean: float) -> None:
    found = scores_of(value)
    assert found["words"] == words
    assert found["mean_word_length"] == pytest.approx(mean)
    assert found["characters"] == len(value)


def test_shares_of_symbols_and_lines() -> None:
    found = scores_of("# one #two ...\n- three\n\u2022 four\u2026", "five and the rest...")
    tokens = words_of("# one #two ... - three \u2022 four\u2026 five and the rest...")
    assert found["tokens"] == len(tokens)
    assert found["hash_share"] == 2 / len(tokens)
    assert found["ellipsis_share"] == 3 / len(tokens)
    assert found["bullet_lines_share"] == 2 / 5  # the blank line between items is a line
    assert found["ellipsis_lines_share"] == 3 / 5
    assert found["stop_words"] == 2
    assert found["newlines"] == 4


def test_an_item_without_text_counts_for_nothing() -> None:
    assert scores_of(ENGLISH, "", ENGLISH[:20]) == scores_of(ENGLISH, ENGLISH[:20])
    assert scores_of("") == dict.fromkeys(scores_of(""), 0.0)


def duplicates(parts: list[str]) -> tuple[int, int]:
    seen: set[str] = set()
    repeated = [part for part in parts if part in seen or seen.add(part)]  # type: ignore[func-returns-value]
    return len(repeated), sum(map(len, repeated))


def repeated_ngrams(words: list[str], n: int) -> int:
    seen, characters, at = set(), 0, 0
    while at <= len(words) - n:
        ngram = "".join(words[at : at + n])
        if ngram in seen:
            characters += len(ngram)
            at += n
        else:
            seen.add(ngram)
            at += 1
    return characters


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["a", "bb", "ccc dd.", "e\nbb", "f ", "gg"]), min_size=1), max_size=6)
)
def test_repetition_is_what_a_plain_count_gives(items: list[list[str]]) -> None:
    """Against lists and sets of strings, by the definitions of Gopher's table A1 as datatrove reads them."""
    texts = [" ".join(words).strip() for words in items]
    whole = "\n\n".join(texts)
    found = scores_of(*texts)
    words = words_of(whole)
    paragraphs, lines = re.split(r"\n{2,}", whole.strip()), re.split(r"\n+", whole)
    size = max(len(whole), 1)
    if whole:
        number, length = duplicates(paragraphs)
        assert found["duplicate_paragraphs_share"] == number / len(paragraphs)
        assert found["duplicate_paragraph_characters_share"] == length / size
        number, length = duplicates(lines)
        assert found["duplicate_lines_share"] == number / len(lines)
        assert found["duplicate_line_characters_share"] == length / size
    for n in (2, 3, 4):
        ngrams = Counter(" ".join(words[at : at + n]) for at in range(len(words) - n + 1))
        ngram, times = ngrams.most_common(1)[0] if ngrams else ("", 0)
        assert found[f"top_{n}gram_share"] == len(ngram) * times / size
        assert found[f"top_{n}gram_count"] == times
    for n in range(5, 11):
        assert found[f"duplicate_{n}gram_share"] == repeated_ngrams(words, n) / size


def test_ngrams_of_scripts_without_spaces_are_twice_as_long() -> None:
    line = "\u5929\u6587\u53f0\u5efa\u5728\u57ce\u5916"
    assert scores_of(line + line)["duplicate_5gram_share"] == 0  # 7 characters are no 10
    assert scores_of(line * 4)["duplicate_5gram_share"] > 0


def test_lines() -> None:
    lines = lines_of(
        "  READ This, please.\n\n12,345\n12.5k views\nSign-in now", "He left... {\nand Read more\u2026"
    )
    assert [(row["item"], row["line"]) for row in lines] == [(0, 0), (0, 2), (0, 3), (0, 4), (1, 0), (1, 1)]
    first = lines[0]
    assert (first["characters"], first["words"], first["longest_word"], first["uppercase"]) == (18, 3, 7, 5)
    assert first["ends_sentence"] and first["ends_terminal"] and not first["counter"]
    assert (lines[1]["digits"], lines[1]["characters"]) == (5, 6)
    assert [row["counter"] for row in lines] == [False, False, True, False, False, False]
    assert [row["navigation"] for row in lines] == [False, False, False, True, False, True]
    assert [row["curly_bracket"] for row in lines] == [False] * 4 + [True, False]


@pytest.mark.parametrize(
    ("line", "marks"),
    [
        ("Lorem ipsum dolor", {"lorem_ipsum"}),
        ("Please enable JavaScript.", {"javascript", "ends_sentence", "ends_terminal"}),
        ("Our Privacy Policy", {"policy"}),
        ("This site uses cookies", {"policy"}),
        ("by our use of cookies", {"policy"}),
        ("They use cookies", {"policy"}),
        ('She said "yes"', {"ends_sentence"}),
        ("and then...", {"ends_terminal"}),
        ("\u542c\u5929\u6587\u5b66\u5bb6\u8bb2\u89e3\u3002", {"ends_sentence", "ends_terminal"}),
        ("3 likes!", {"counter", "ends_sentence", "ends_terminal"}),
        ("1.5M followers", {"counter"}),
        ("3 likes and more", set()),
        ("There are 2 items in cart", {"navigation"}),
        ("A line", set()),
    ],
)
def test_marks_of_lines(line: str, marks: set[str]) -> None:
    (row,) = lines_of(line)
    assert {name for name in text_kernel.LINE_MARKS if row[name]} == marks


def test_sentences_are_counted_as_spacys_sentencizer_does() -> None:
    line = 'He left. "Why?" she asked... Mr. Smith knew! 3.5 is a number.'
    assert [row["sentences"] for row in lines_of(line)] == [4]  # three dots are no full stop


def test_lines_with_citations_have_a_row_without_them() -> None:
    lines = lines_of("Found in 1999.[12][edit] Yes[citation needed]\nplain [text]")
    assert [(row["cut"], row["cited"]) for row in lines] == [(0, True), (27, True), (0, False)]
    assert lines[1]["characters"] == len("Found in 1999. Yes")
    assert lines[1]["words"] == lines[0]["words"]  # C4 counts them before


def test_same_lines_are_found_with_and_without_citations() -> None:
    lines = lines_of("One line\nother\nOne line", "One line[1]")
    assert [row["same_as"] for row in lines] == [0, 1, 0, 3, 0]


def test_scores_of_a_document_do_not_depend_on_its_neighbours() -> None:
    rng = random.Random(3)
    words = [*ENGLISH.split(), "[1]", "\u5929\u6587", "\n"]
    docs = [
        document(n, *(text(" ".join(rng.choices(words, k=40))) for _ in range(n % 4)), image("u"))
        for n in range(9)
    ]
    together, lines = score(texts_of(documents(*docs)))
    for row, doc in enumerate(docs):
        alone, own = score(texts_of(documents(doc)))
        assert {name: values[row] for name, values in together.items()} == {n: v[0] for n, v in alone.items()}
        mine = lines["row"] == row
        assert all(np.array_equal(lines[name][mine], own[name]) for name in own if name != "row")
