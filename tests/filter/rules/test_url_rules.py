from __future__ import annotations

from pathlib import Path

import numpy as np

from components.filter.reasons import FilterReason
from components.filter.rules.base import Documents, Objection, Parts, TextFacts
from components.filter.rules.url_lists import UrlListsParams, url_lists
from components.filter.rules.url_words import UrlWordsParams, url_words


def facts(*urls: str | None) -> TextFacts:
    none = np.zeros(0, np.int32)
    parts = Parts(none, none, len(urls), {}, np.ones(0, np.bool_))
    column = np.array([*urls, None], dtype=object)[:-1]
    documents = Documents(column, column, column, np.ones(len(urls)), {})
    return TextFacts(documents, parts, parts)


def objections(*found: Objection) -> list[list[tuple[FilterReason, str]]]:
    rows: list[list[tuple[FilterReason, str]]] = [[] for _ in found[0].wrong]
    for objection in found:
        assert callable(objection.detail)
        for row in np.flatnonzero(objection.wrong).tolist():
            rows[row].append((objection.reason, objection.detail(row)))
    return rows


def test_listed_domains_and_addresses(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("bad.com\nother.org/forum\n")
    params = UrlListsParams(url_lists=[str(tmp_path / "list.txt")])
    seen = facts(
        "http://a.bad.com/é", None, "http://good.com/", "https://www.xnxx.com/", "http://other.org/forum/1"
    )
    assert objections(*url_lists(seen, params)) == [
        [(FilterReason.URL_DOMAIN, "bad.com is a listed domain")],
        [],
        [],
        [(FilterReason.URL_DOMAIN, "xnxx.com is a listed domain")],
        [(FilterReason.URL_LISTED, "other.org/forum is a listed address")],
    ]
    params = UrlListsParams(url_lists=[str(tmp_path / "list.txt")], url_domains=False)
    assert objections(*url_lists(seen, params))[3] == []
    assert list(url_lists(seen, UrlListsParams(url_domains=False))) == []


def test_words_of_addresses() -> None:
    seen = facts("http://x.com/é/porn", None, "http://essex.gov.uk/", "http://x.com/naked-webcam")
    assert objections(*url_words(seen, UrlWordsParams())) == [
        [(FilterReason.URL_WORD, "'porn' in the address")],
        [],
        [],
        [(FilterReason.URL_SOFT_WORDS, "the last of them is 'webcam'")],
    ]
    assert objections(*url_words(seen, UrlWordsParams(min_soft_url_words=3)))[3] == []
    assert list(url_words(seen, UrlWordsParams(url_words=False))) == []


def test_no_documents() -> None:
    assert objections(*url_words(facts(), UrlWordsParams())) == []
    assert objections(*url_lists(facts(), UrlListsParams())) == []
