"""Tests of components.crawl.latex.tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.crawl.latex.tokens import CODE, PAR, RAW, detokenize, tokenize


@pytest.mark.parametrize(
    ("latex", "tokens"),
    [
        ("a \\foo  bar", ["a", " ", "\\foo", "bar"]),
        ("a\\foo\n\nb", ["a", "\\foo", PAR, "b"]),
        ("one % gone\n   two", ["one", " ", "two"]),
        ("one%gone\n\ntwo", ["one", PAR, "two"]),
        ("50\\% x", ["50", "\\%", " ", "x"]),
        ("#1 ##2", ["#1", " ", "##2"]),
        ("a@b \\c@d", ["a@b", " ", "\\c", "@d"]),
        ("\\makeatletter\\c@d\\makeatother\\c@d", ["\\makeatletter", "\\c@d", "\\makeatother", "\\c", "@d"]),
        ("\\verb|%{|x", [RAW + "%{", "x"]),
        ("\\url{a%b#c}", ["\\url", "{", RAW + "a%b#c", "}"]),
        ("\\url{#1}", ["\\url", "{", "#1", "}"]),
        ("\\begin{verbatim}\n%a\n\\end{verbatim}b", [CODE + "%a\n", "b"]),
        ("\\begin{lstlisting}[language=C]\nx\\end{lstlisting}", [CODE + "x"]),
        ("\\begin{comment}x\\end{comment}y", ["y"]),
        ("\\begin{align*}", ["\\begin", "{", "align", "*", "}"]),
    ],
)
def test_tokens(latex: str, tokens: list[str]) -> None:
    assert tokenize(latex) == tokens


@given(st.text(alphabet="ab \\{}$%#&~^_[]*\n1", max_size=80))
def test_any_text_has_tokens_and_none_is_empty(latex: str) -> None:
    tokens = tokenize(latex)
    assert all(tokens)
    assert sum(map(len, tokens)) <= 2 * len(latex)


@given(st.lists(st.sampled_from(["\\alpha", "\\%", "x", "{", "}", "1", "$", "^"]), max_size=20))
def test_detokenize_is_undone_by_tokenize(tokens: list[str]) -> None:
    assert "".join(tokenize(detokenize(tokens))) == "".join(tokens)
