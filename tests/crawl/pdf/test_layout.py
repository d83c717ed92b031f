"""Reading order, paragraphs, furniture and captions on boxes made here."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.crawl.pdf import furniture
from components.crawl.pdf.blocks import Block, blocks_of, caption_kind, join_lines, line_of, text_of
from components.crawl.pdf.figures import attach_captions, clusters, drawings
from components.crawl.pdf.layout import Figure, reading_order, rows_of
from components.crawl.pdf.text import Frame, Run, turned

FULL = "words that fill the column to its edge"


def run(
    text: str, x0: float, y0: float, x1: float, *, order: int = 0, size: float = 10, **style: bool
) -> Run:
    return Run(
        text, x0, y0, x1, y0 + size, size, style.get("bold", False), style.get("italic", False),
        style.get("mono", False), style.get("rtl", False), order,
    )  # fmt: skip


def column(name: str, x0: float, x1: float, y: float, count: int, order: int) -> list[Run]:
    return [run(f"{name}{i} {FULL}", x0, y + 12 * i, x1, order=order + i) for i in range(count)]


def first_words(regions: list[list[Run | Figure]]) -> list[str]:
    return [
        a.text.split()[0] for region in regions for row in rows_of(region) for a in row if isinstance(a, Run)
    ]


def test_columns_come_one_after_the_other_whatever_the_stream_order() -> None:
    left, right = column("L", 50, 290, 100, 20, 0), column("R", 310, 550, 100, 20, 20)
    interleaved = [r for pair in zip(left, right, strict=True) for r in pair]
    for number, one in enumerate(interleaved):
        one.order = number
    assert first_words(reading_order(interleaved)) == [f"L{i}" for i in range(20)] + [
        f"R{i}" for i in range(20)
    ]


def test_a_title_and_a_figure_across_both_columns_divide_the_page() -> None:
    title = [run("Title across both columns", 150, 50, 450, order=0, size=18)]
    upper = column("A", 50, 290, 100, 10, 1) + column("B", 310, 550, 100, 10, 11)
    figure = Figure(0, 60, 240, 540, 400)
    lower = column("C", 50, 290, 420, 10, 21) + column("D", 310, 550, 420, 10, 31)
    regions = reading_order([*lower, figure, *upper, *title])
    names = [
        "figure" if isinstance(a, Figure) else a.text[0]
        for region in regions
        for row in rows_of(region)
        for a in row
    ]
    assert [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n] == [
        "T",
        "A",
        "B",
        "figure",
        "C",
        "D",
    ]


def test_paragraph_gaps_that_line_up_do_not_cut_the_columns() -> None:
    atoms = []
    for name, x0, order in (("L", 50, 0), ("R", 310, 20)):
        atoms += column(name, x0, x0 + 240, 100, 10, order)
        atoms += column(name + "low", x0, x0 + 240, 260, 10, order + 10)
    order = first_words(reading_order(atoms))
    assert order.index("Llow9") < order.index("R0")


def test_three_columns_and_right_to_left_columns() -> None:
    three = [r for i in range(3) for r in column("abc"[i], 50 + 180 * i, 210 + 180 * i, 100, 15, 15 * i)]
    random.Random(7).shuffle(three)
    assert [w[0] for w in first_words(reading_order(three))] == ["a"] * 15 + ["b"] * 15 + ["c"] * 15
    hebrew = column("x", 50, 290, 100, 15, 15) + column("y", 310, 550, 100, 15, 0)
    for one in hebrew:
        one.rtl = True
    assert [w[0] for w in first_words(reading_order(hebrew))] == ["y"] * 15 + ["x"] * 15


def test_a_table_is_read_by_rows() -> None:
    atoms = [
        run(cell, 50 + 150 * c, 100 + 14 * r, 90 + 150 * c, order=4 * r + c)
        for r, row in enumerate(
            (("Stage", "Rows", "Time"), ("read", "12", "3.5"), ("dedup", "8", "0.7"), ("x", "1", "2"))
        )
        for c, cell in enumerate(row)
    ]
    [region] = reading_order(atoms)
    [block] = blocks_of(region)
    assert block.role == "table"
    assert text_of(block, frozenset()) == "Stage\tRows\tTime\nread\t12\t3.5\ndedup\t8\t0.7\nx\t1\t2"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 600),
            st.floats(0, 800),
            st.floats(0.1, 500),
            st.floats(1, 60),
            st.booleans(),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_every_atom_is_in_exactly_one_region(
    boxes: list[tuple[float, float, float, float, bool, bool]],
) -> None:
    atoms: list[Run | Figure] = []
    for index, (x, y, width, size, rtl, is_run) in enumerate(boxes):
        made = run(f"w{index}", x, y, x + width, order=index, size=size, rtl=rtl)
        atoms.append(made if is_run else Figure(index, x, y, x + width, y + size))
    found = [id(a) for region in reading_order(atoms) for a in region]
    assert sorted(found) == sorted(id(a) for a in atoms)
    blocks = [b for region in reading_order(atoms) for b in blocks_of(region)]
    letters = "".join(text_of(b, frozenset()) for b in blocks)
    assert sum(c == "w" for c in letters) == sum(isinstance(a, Run) for a in atoms)
    assert sum(b.figure is not None for b in blocks) == sum(isinstance(a, Figure) for a in atoms)


@settings(max_examples=40, deadline=None)
@given(st.integers(6, 40), st.integers(6, 40), st.floats(8, 60), st.randoms(use_true_random=False))
def test_two_columns_of_any_length_and_gutter(
    left: int, right: int, gutter: float, chance: random.Random
) -> None:
    atoms = column("L", 50, 290, 60, left, 0) + column("R", 290 + gutter, 530 + gutter, 60, right, left)
    chance.shuffle(atoms)
    assert [w[0] for w in first_words(reading_order(atoms))] == ["L"] * left + ["R"] * right


def test_many_atoms_take_little_time() -> None:
    chance = random.Random(1)
    atoms = [
        run(
            "word",
            x := chance.uniform(0, 2000),
            y := chance.uniform(0, 2000),
            x + 30,
            order=i,
            size=5 + y % 3,
        )
        for i in range(20_000)
    ]
    assert sum(len(region) for region in reading_order(atoms)) == 20_000


@pytest.mark.parametrize("turns", range(4))
def test_turning_a_page_and_back(turns: int) -> None:
    boxes = np.array([[10.0, 20.0, 40.0, 30.0]])
    there = turned(boxes, 600, 800, turns)
    width, height = (800, 600) if turns % 2 else (600, 800)
    assert (there[:, :2] < there[:, 2:]).all()
    assert turned(there, width, height, -turns % 4).tolist() == boxes.tolist()


def test_frame_has_its_origin_at_the_top_left_of_what_is_shown() -> None:
    # visible box from (100, 200) to (400, 600); a mark in its lower left corner
    mark = np.array([[100.0, 200.0, 110.0, 205.0]])
    assert Frame(100, 200, 400, 600, 0).shown(mark).tolist() == [[0, 395, 10, 400]]
    # turned clockwise the lower left corner goes to the upper left
    assert Frame(100, 200, 400, 600, 1).shown(mark).tolist() == [[0, 0, 5, 10]]
    assert Frame(100, 200, 400, 600, 1).size == (400, 300)


@pytest.mark.parametrize(
    ("before", "after", "known", "joined"),
    [
        ("an exam\u00ad", "ple here", (), "an example here"),
        ("an exam-", "ple here", (), "an example here"),
        ("a well-", "known word", ("well-known",), "a well-known word"),
        ("the Meyer-", "Lansky paper", (), "the Meyer-Lansky paper"),
        ("pages 10-", "20 of it", (), "pages 10-20 of it"),
        ("one line", "and the next", (), "one line and the next"),
        ("汉字一", "二三", (), "汉字一二三"),
    ],
)
def test_lines_are_joined(before: str, after: str, known: tuple[str, ...], joined: str) -> None:
    assert join_lines(before, after, frozenset(known)) == joined


def test_a_right_to_left_line_keeps_its_latin_words_in_order() -> None:
    cells = [
        run("الثاني", 50, 0, 90, rtl=True, order=3),
        run("big", 100, 0, 120, order=1),
        run("data", 124, 0, 145, order=2),
        run("الأول والأطول", 150, 0, 250, rtl=True, order=0),
    ]
    line = line_of(cells)
    assert line.rtl
    assert line.text == "الأول والأطول big data الثاني"


def test_paragraphs_end_at_indents_short_lines_gaps_and_bullets() -> None:
    texts = [
        (50, 290, "A first paragraph that fills its line to the edge and"),
        (50, 200, "ends early."),
        (50, 290, "Another one after a short line, which goes to the edge"),
        (50, 290, "and fills this line too up to the very last letter."),
        (62, 290, "An indented first line of the third paragraph goes on"),
        (50, 290, "until here."),
        (50, 200, "• a bullet"),
        (50, 200, "• and another"),
    ]
    runs = [run(t, x0, 100 + 12 * i, x1, order=i) for i, (x0, x1, t) in enumerate(texts)]
    runs += [run("After a gap.", 50, 240, 120, order=9)]
    blocks = blocks_of(runs)
    assert [text_of(b, frozenset()).split()[0] for b in blocks] == ["A", "Another", "An", "•", "•", "After"]
    assert [b.role for b in blocks] == ["paragraph"] * 3 + ["list"] * 2 + ["paragraph"]


def test_code_keeps_its_lines_and_indents() -> None:
    runs = [
        run("def f(x):", 50, 100, 104, mono=True),
        run("return x", 74, 112, 122, mono=True, order=1),
        run("f(2)", 50, 124, 74, mono=True, order=2),
    ]
    [block] = blocks_of(runs)
    assert block.role == "code"
    assert text_of(block, frozenset()) == "def f(x):\n    return x\nf(2)"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Figure 3: A cat", "figure"),
        ("Fig. 3. A cat", "figure"),
        ("FIG. 2a A cat", "figure"),
        ("Table IV. Costs", "table"),
        ("Tableau 4 : Acidoses", "table"),
        ("图 2", "figure"),
        ("Figure 3 shows that cats", None),
        ("Figures are nice", None),
        ("Tables 3", None),
    ],
)
def test_captions_are_told_from_sentences(text: str, kind: str | None) -> None:
    assert caption_kind(text) == kind


def _caption(text: str, y: float) -> Block:
    block = blocks_of([run(text, 60, y, 280)])[0]
    block.text = text
    return block


def test_captions_go_to_the_picture_above_tables_below() -> None:
    one = Block("figure", [], (50, 100, 290, 200), figure=0)
    two = Block("figure", [], (50, 230, 290, 330), figure=1)
    three = Block("figure", [], (50, 380, 290, 480), figure=2)
    blocks = [
        one,
        _caption("Figure 1: One", 205),
        two,
        _caption("Figure 2: Two", 335),
        _caption("Table 1: Three", 365),
        three,
    ]
    assert attach_captions(blocks) == [one, two, three]
    assert (one.caption, two.caption, three.caption) == ("Figure 1: One", "Figure 2: Two", "Table 1: Three")
    far = _caption("Figure 9: Far away", 700)
    alone = Block("figure", [], (50, 100, 290, 200), figure=0)
    assert attach_captions([alone, far]) == [alone, far]


def test_furniture_is_what_repeats_at_the_edge() -> None:
    pages = [
        [
            run("Journal of Things", 50, 20, 150),
            run(f"{page + 7}", 540, 20, 550, order=1),
            run("The same sentence on every page.", 50, 60, 300, order=2),
            run(f"Words of page {'abcd'[page]}", 50, 300, 300, order=3),
            run(f"{'wxyz'[page]} unlike the others", 50, 700, 200, order=4),
        ]
        for page in range(4)
    ]
    found = furniture.find(pages, [800.0] * 4)
    assert {(kind, text) for kind, _, _, text in found if kind != "page_number"} == {
        ("running_header", "Journal of Things"),
        ("running_header", "The same sentence on every page."),
    }
    assert [text for kind, _, _, text in found if kind == "page_number"] == ["7", "8", "9", "10"]
    assert furniture.find(pages[:1], [800.0]) == []


def test_text_behind_a_heading_of_its_own_is_no_furniture() -> None:
    pages = [
        [
            run(f"Heading {'abc'[p]}", 50, 20, 150),
            run("The same sentence on every page.", 50, 40, 300, order=1),
        ]
        for p in range(3)
    ]
    assert furniture.find(pages, [800.0] * 3) == []


def test_line_numbers_in_the_margin() -> None:
    runs = [run(str(i + 1), 30, 100 + 20 * i, 40, order=i) for i in range(25)]
    body = [
        run(f"spoken line {'abcdefghijklmnopqrstuvwxy'[i]}", 60, 100 + 20 * i, 300, order=30 + i)
        for i in range(25)
    ]
    [(kind, page, members, _)] = furniture.find([[*runs, *body]], [800.0])
    assert (kind, page) == ("line_numbers", 0)
    assert [m.text for m in members] == [str(i + 1) for i in range(25)]
    table = [run(str(i * i), 30, 100 + 20 * i, 40, order=i) for i in range(25)]
    assert furniture.find([[*table, *body]], [800.0]) == []


def _bars(x: float, y: float) -> np.ndarray:
    return np.array([[x + 12 * i, y, x + 12 * i + 10, y + 100] for i in range(10)])


def test_paths_are_clustered_and_matched_with_captions() -> None:
    paths = np.concatenate([_bars(60, 100), _bars(320, 100)])
    assert len(clusters(paths, 600, 800)) == 2
    caption = run("Figure 1: Bars", 60, 230, 160)
    label = run("1 2 3", 60, 202, 180, order=1)
    prose = run("A line of the text above the figure, long enough", 60, 60, 290, order=2)
    [found] = drawings([caption, label, prose], paths, [], (600, 800))
    assert [r.text for r in found.labels] == ["1 2 3"]
    assert found.box[0] <= 60 and found.box[2] < 200 and found.box[3] <= caption.y0
    assert drawings([label, prose], paths, [], (600, 800)) == []
    # a picture that is nearly all of it is the figure itself
    assert drawings([caption, prose], _bars(60, 100), [(60, 100, 180, 200)], (600, 800)) == []
