import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.columns import with_items
from components.filter.facts import text_facts
from components.filter.text_edits import CITATION, edited
from components.filter.texts import texts_of
from tests.filter.samples import annotated, document, documents, image, text

LINES = st.sampled_from(["one", "two words", "", "  ", "caf\u00e9 [1]", "[edit]", "\u5929\u6587", "end."])


def edit(table: pa.Table, gone: set[int], rows: list[bool], cut: bool) -> list[list[str | None]]:
    """The texts of the documents without the lines of these numbers (blank lines are not counted)."""
    tables = annotated(table, identify_language=False).tables
    texts = texts_of(table)
    seen = text_facts(tables["documents"], tables["item_scores"], texts, without_citations=cut)
    seen.lines.left[[n for n in sorted(gone) if n < len(seen.lines.left)]] = False
    result, wanted = edited(table, texts, seen, np.array(rows), without_citations=cut)
    result.validate(full=True)
    return [
        [item["text"] for item in items] for items in with_items(result, wanted).column("items").to_pylist()
    ]


def test_lines_and_emptied_texts_are_taken_out() -> None:
    table = documents(
        document(0, text("a\nb\n\nc"), image("u"), text("d")),
        document(1, text("e\nf")),
        document(2, text("g\nh")),
    )
    assert edit(table, {1, 3, 4, 6}, [True, True, False], cut=False) == [
        ["a\n\nc", None],
        ["f"],
        ["g\nh"],
    ]
    assert edit(table, set(), [True] * 3, cut=False) == [["a\nb\n\nc", None, "d"], ["e\nf"], ["g\nh"]]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(st.lists(LINES, min_size=1, max_size=5), max_size=3), min_size=1, max_size=3),
    st.sets(st.integers(0, 12)),
    st.booleans(),
)
def test_against_strings(shapes: list[list[list[str]]], gone: set[int], cut: bool) -> None:
    docs = [
        document(n, *(text("\n".join(lines)) for lines in items), image("u"))
        for n, items in enumerate(shapes)
    ]
    number = -1
    expected: list[list[str | None]] = []
    for items in shapes:
        expected.append([])
        for lines in items:
            kept, lost, cited = [], 0, False
            for line in lines:
                without = CITATION.sub("", line.strip()) if cut else line.strip()
                if line.strip():
                    number += 1
                    if number in gone or not without:
                        lost += 1
                        continue
                    cited |= without != line.strip()
                kept.append(line)
            if not (lost or cited):
                expected[-1].append("\n".join(lines))
            elif any(line.strip() for line in kept):
                whole = "\n".join(kept).strip("\n")
                expected[-1].append(CITATION.sub("", whole) if cut else whole)
        expected[-1].append(None)
    assert edit(documents(*docs), gone, [True] * len(docs), cut) == expected
