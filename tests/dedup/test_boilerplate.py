import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import schemas
from components.core.records import Document, Item, table
from components.dedup.boilerplate import TEXT_LENGTH, find_lines, frequent, sample_paragraphs, scopes
from components.dedup.params import BoilerplateParams
from components.dedup.text import of_documents
from tests.dedup.samples import prose

ALL = BoilerplateParams(sample=1, min_documents=2)


def page(number: int, *texts: str | None, url: str | None = None) -> Document:
    items = [Item("image", url="u") if text is None else Item("text", text=text) for text in texts]
    return Document(f"{number:032x}", "html", "file:///x", items, url=url)


def sampled(docs: list[Document], **params: object) -> tuple[pa.Table, int]:
    documents = table(docs, "documents/1")
    found, count = sample_paragraphs(documents, of_documents(documents), BoilerplateParams(**params))  # type: ignore[arg-type]
    schemas.check(found.schema, "paragraph_keys/1", producer="dedup_keys", consumer="test")
    return found, count


def common(docs: list[Document], **params: object) -> dict[str, int]:
    values = BoilerplateParams(**{"sample": 1, "min_documents": 2, **params})  # type: ignore[arg-type]
    documents = table(docs, "documents/1")
    rows = frequent(sample_paragraphs(documents, of_documents(documents), values)[0], values.min_documents)
    return {row["text"]: row["documents"] for row in rows.to_pylist()}


LINE = st.sampled_from(["", " ", "a", "a  b", "b", "天文", "天 文", "\t", "x" * 30, "é" * 20])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.none() | st.lists(LINE, max_size=4).map("\n".join), max_size=3), max_size=4))
def test_lines_are_those_of_split(texts: list[list[str | None]]) -> None:
    documents = table([page(n, *parts) for n, parts in enumerate(texts)], "documents/1")
    held = of_documents(documents)
    found = find_lines(held, ~scopes(documents, ALL).astype(bool), scopes(documents, ALL), 25)
    expected, part = [], 0
    for row, parts in enumerate(texts):
        for text in parts:
            for number, line in enumerate((text or "").split("\n")):
                if line.split() and len(line) <= 25:
                    expected.append((row, part, number, line))
            part += 1
    shown = [held.data[a:b].tobytes().decode() for a, b in zip(found.start, found.stop, strict=True)]
    assert list(zip(found.text, found.part, found.line, shown, strict=True)) == expected
    words = {key: line.split() for key, line in zip(found.key.tolist(), shown, strict=True)}
    assert [words[key] for key in found.key.tolist()] == [line.split() for line in shown]


def test_counts_documents_not_lines() -> None:
    docs = [
        page(0, "Skip to content\nOnce", "Skip to  content"),
        page(1, prose(1)),
        page(2, " Skip to content"),
    ]
    assert common(docs) == {"Skip to content": 2}
    assert common(docs, min_documents=3) == {}


def test_long_paragraphs_are_none() -> None:
    line = "é" * 200
    docs = [page(n, line, line + "é") for n in range(3)]
    assert common(docs) == {line: 3}
    assert common(docs, max_characters=199) == {}
    assert common(docs, max_characters=10_000) == {line: 3} | {line[:TEXT_LENGTH]: 3}


def test_a_domain_is_a_scope_of_its_own() -> None:
    docs = [
        page(0, "Home", url="https://a.example/1"),
        page(1, "Home", url="https://A.example:443/2"),
        page(2, "Home", url="https://b.example/1"),
        page(3, "Home", "Home"),
    ]
    assert common(docs) == {"Home": 4}
    assert common(docs, scope="domain") == {"Home": 2}


def test_sample_is_a_share_of_the_documents_that_their_ids_choose() -> None:
    docs = [page(n, f"paragraph {n}") for n in range(5000)]
    rows, count = sampled(docs)
    assert rows.num_rows == count
    assert 60 <= count <= 140
    half, _ = sampled(docs[:2500])
    again, _ = sampled(docs[2500:])
    assert pa.concat_tables([half, again]).equals(rows)
    assert sampled(docs, sample=1)[1] == 5000


@pytest.mark.parametrize("count", [0, 100])
def test_small_runs_find_nothing_in_the_sample(count: int) -> None:
    rows, _ = sampled([page(n, "Skip to content") for n in range(count)])
    assert frequent(rows, BoilerplateParams().min_documents).num_rows == 0
