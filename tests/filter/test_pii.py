from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.filter.pii import _KINDS as KINDS
from components.filter.pii import EMAIL, PHONE, PiiParams, find, placeholders, redact
from components.filter.pii import _replace as replace

ALL = PiiParams(phones=True)


def found(text: str) -> list[tuple[str, str]]:
    data = text.encode()
    return [(span.kind, data[span.start : span.stop].decode()) for span in find(data, KINDS)]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("write to jane@uni.edu.", "jane@uni.edu"),
        ("Jane.O'Neil+list@Sub.Uni-Town.CO.UK, or call", "Jane.O'Neil+list@Sub.Uni-Town.CO.UK"),
        ("<josé.garcía@correo.es>", "josé.garcía@correo.es"),
        ("联系anna@firma.de。", "anna@firma.de"),
        ("mailto:a_b@x-y.org?subject=hi", "a_b@x-y.org"),
        ("https://site.com/?email=joe@host.net&x=1", "joe@host.net"),
        ("jim@пример.xn--p1ai and jim@mail.xn--p1ai", "jim@mail.xn--p1ai"),
    ],
)
def test_email_addresses(text: str, address: str) -> None:
    assert found(text) == [("emails", address)]


@pytest.mark.parametrize(
    "text", ["@handle", "react@18.2.0", "a @ b.com", "user@localhost", "x@y.z", "5 apples @ 2.50 each", "@"]
)
def test_no_email_address(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text", ["163.36.107.25", "at 4.132.211.142.", "(8.8.8.8)", "地址214.70.227.4。", "9.9.9.9:80"]
)
def test_public_addresses(text: str) -> None:
    numbers = re.findall(r"\d+(?:\.\d+){3}", text)
    assert found(text) == [("ips", numbers[0])]


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1", "172.16.0.9", "172.31.254.254", "192.168.1.2", "127.0.0.2", "0.1.2.3", "100.64.0.1",
        "169.254.1.1", "224.0.0.1", "255.255.255.255", "203.0.113.9",  # not routed
        "999.999.999.999", "108.0.0.01", "256.1.1.1", "1.2.3", "1.2.3.4.5", "v1.2.3.4", "1.2.3.4a",
        "_1.2.3.4",
    ],
)  # fmt: skip
def test_no_public_address(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "number",
    [
        "+44 20 7946 0958", "+44 (0)20 7946 0958", "+49 (0) 30 901820", "+49-30-901820", "+1 (415) 555-2671",
        "+1-415-555-2671", "+14155552671", "+33 1 42 68 53 00", "+39 06 698 12345", "+353 1 679 2777",
        "+86 10 6552 9988", "(415) 555-2671", "415-555-2671", "415.555.2671", "415 555-2671",
    ],
)  # fmt: skip
def test_telephone_numbers(number: str) -> None:
    assert found(f"Call {number}, or write.") == [("phones", number)]


@pytest.mark.parametrize(
    "text",
    [
        "2024-11-23", "23.11.2024", "2024-11-23 10:30:00", "978-3-16-148410-0", "ISBN 0-306-40615-2",
        "9783161484100", "$415.555.2671", "€1,234,567.89",
        "+10 000 000 km", "+1 000 000 people",
        "10 + 20 = 30", "+5%", "200 300 4000", "250 415 5552", "1234-567-8901", "123-45-6789",
        "911-555-2671", "415-155-2671",
        "4111 1111 1111 1111", "id=415-555-2671", "x415-555-2671", "415-555-26711", "415-555-2671-2",
        "+123", "+83 12 34 56 78", "GMT+01:00", "10.1038/415.555.2671",
    ],
)  # fmt: skip
def test_no_telephone_number(text: str) -> None:
    assert found(text) == []


def test_replaces_by_the_placeholders_of_fineweb() -> None:
    texts = pa.array(
        ["ask jo@a.org (163.36.107.25)", None, "nothing", "", "jo@a.org jo@b.org +1-415-555-2671"]
    )
    result = redact(texts, PiiParams())
    first, *others = result.texts.to_pylist()
    assert re.fullmatch(
        r"ask (email@example\.com|firstname\.lastname@example\.org) "
        r"\((22\.214|126\.188|188\.8|184\.220|220\.127|18\.104)\.\d+\.\d+\)",
        first,
    )
    assert others[:3] == [None, "nothing", ""]
    assert others[3].endswith("+1-415-555-2671")
    assert {kind: counts.tolist() for kind, counts in result.counts.items()} == {
        "emails": [1, 0, 0, 0, 2],
        "ips": [1, 0, 0, 0, 0],
    }


def test_the_same_address_has_the_same_placeholder_everywhere() -> None:
    alone = redact(pa.array(["jo@a.org"]), ALL).texts[0].as_py()
    among = redact(pa.array(["x@y.com 8.8.8.8 jo@a.org"]), ALL).texts[0].as_py()
    assert among.endswith(alone)


def test_every_placeholder_is_used() -> None:
    texts = pa.array([f"u{n}@host{n}.com {n + 1}.2.3.4 +1 415 555 26{n:02}" for n in range(5, 95) if n != 9])
    joined = " ".join(redact(texts, ALL).texts.to_pylist())
    for kind in KINDS:
        for placeholder in placeholders(kind.name):
            assert placeholder.decode() in joined


def test_parts_of_arrays_and_long_offsets() -> None:
    texts = ["a@b.com", "é", None, "8.8.8.8", "c@d.com"]
    for kind in (pa.string(), pa.large_string()):
        part = redact(pa.array(texts, kind)[1:4], ALL)
        assert part.texts.type == kind
        assert part.texts.to_pylist() == ["é", None, redact(pa.array(["8.8.8.8"]), ALL).texts[0].as_py()]
    assert redact(pa.array([], pa.string()), ALL).texts.to_pylist() == []
    assert redact(pa.array([None, None], pa.string()), ALL).counts["ips"].tolist() == [0, 0]


def test_many_in_one_text() -> None:
    texts = pa.array(["jo@a.org 8.8.8.8 +1 415 555 2671 " * 5000])
    assert {kind: counts.tolist() for kind, counts in redact(texts, ALL).counts.items()} == {
        "emails": [5000],
        "ips": [5000],
        "phones": [5000],
    }


def test_switched_off_kinds_are_not_looked_for() -> None:
    texts = pa.array(["a@b.com 8.8.8.8 +14155552671"])
    off = redact(texts, PiiParams(emails=False, ips=False))
    assert off.texts is texts
    assert off.counts == {}


PIECES = st.sampled_from(
    ["@", ".", "..", "-", "_", "a", "b1", "é", "ж", "中", "com", "xn--", "1", "22", "333", "4444", " ", "+",
     "+1 ", "(", ")", "jo@a.org", "8.8.8.8", "1.1.1.1", "415-555-2671", "+44 20 7946 0958",
     "email@example.com", "\n", "'"]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.characters(exclude_categories=["Cs"]), max_size=30).map("".join)


@given(st.lists(st.none() | TEXTS, max_size=4))
@example(["a@b.co.1c@d.fr"])
@example(["a@b.co_c@d.fr"])
@example(["+1 4155552671+1 4155552671"])
@settings(max_examples=400, deadline=None)
def test_redacting_twice_changes_nothing(texts: list[str | None]) -> None:
    once = redact(pa.array(texts, pa.string()), ALL)
    twice = redact(once.texts, ALL)
    assert twice.texts is once.texts
    assert all(counts.sum() == 0 for counts in twice.counts.values())


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_spans_are_in_order_and_apart(text: str) -> None:
    data = text.encode()
    spans = find(data, KINDS)
    for span in spans:
        data[span.start : span.stop].decode()  # whole characters
        assert span.start < span.stop
    assert all(one.stop <= other.start for one, other in itertools.pairwise(spans))


@given(st.lists(st.none() | TEXTS, max_size=6))
@settings(max_examples=200, deadline=None)
def test_only_texts_with_a_find_change(texts: list[str | None]) -> None:
    result = redact(pa.array(texts, pa.string()), ALL)
    total = np.sum(list(result.counts.values()), axis=0) if texts else []
    for before, after, count in zip(texts, result.texts.to_pylist(), total, strict=True):
        spans = find((before or "").encode(), KINDS)
        assert len(spans) == count
        assert (before == after) == (not spans)


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_what_lies_between_the_spans_is_kept(text: str) -> None:
    data = text.encode()
    spans = find(data, KINDS)
    ends = [0, *(span.stop for span in spans)]
    starts = [*(span.start for span in spans), len(data)]
    between = [data[end:start] for end, start in zip(ends, starts, strict=True)]
    assert re.fullmatch(b".*".join(map(re.escape, between)), replace(data, spans), re.DOTALL)


@pytest.mark.parametrize("pattern", [EMAIL, PHONE])
@given(text=TEXTS)
@settings(max_examples=200, deadline=None)
def test_both_engines_find_the_same_spans(pattern: str, text: str) -> None:
    import re2

    theirs = [
        tuple(len(text[:place].encode()) for place in match.span()) for match in re.finditer(pattern, text)
    ]
    assert [match.span() for match in re2.compile(pattern).finditer(text.encode())] == theirs


@pytest.mark.corpora
def test_no_candidate_is_missed_on_real_pages(corpora: Path) -> None:
    with (corpora / "web" / "pages.warc.gz").open("rb") as stream:
        texts = [
            record.reader.read().decode("utf-8", "replace")
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response)
        ][::6]
    result = redact(pa.array(texts), ALL)
    for kind in KINDS:
        counts = [sum(span.kind == kind.name for span in find(text.encode(), KINDS)) for text in texts]
        assert result.counts[kind.name].tolist() == counts
        assert sum(counts) > 5
