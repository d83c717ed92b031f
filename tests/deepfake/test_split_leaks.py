import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.deepfake.split_leaks import clusters, near_duplicates, spanning
from tests.deepfake.measured import forged, identity, sample

TEXTURED = 0x5A3C_96E1_0F7B_D248


def near(rows: list[tuple[int, int]], radius: int = 2, crops: int = 2) -> list[tuple[int, int]]:
    media = np.array([one for one, _ in rows], np.int64)
    hashes = np.array([one for _, one in rows], np.uint64).view(np.int64)
    return near_duplicates(media, hashes, radius=radius, crops=crops)


def test_group_source_and_duplicates_keep_together() -> None:
    rows = [
        sample("a"),
        forged("fake of a, by id", source=identity("a")),
        sample("b", uri="file:///real/000.mp4"),
        forged("fake of b, by name", source="000"),
        forged("fake of b, by file", source="000.mp4", group="other"),
        sample("c", uri="s3://bucket/c.mp4"),
        forged("fake of c", source="s3://bucket/c.mp4"),
        forged("of a source that is not here", source="999", group="y"),
        forged("of the same", source="999", group="z"),
        sample("d", group="person"),
        sample("e", group="person"),
        sample("alone"),
        sample("twin"),
    ]
    names = clusters(rows, [(11, 12)])
    together: dict[str, set[int]] = {}
    for number, name in enumerate(names):
        together.setdefault(name, set()).add(number)
    assert sorted(map(sorted, together.values())) == [
        [0, 1], [2, 3, 4], [5, 6], [7, 8], [9, 10], [11, 12],
    ]  # fmt: skip
    assert names[7] == "y"  # the least group


def test_a_name_links_within_its_data_set_and_to_real_ones_only() -> None:
    rows = [
        sample("a", uri="file:///one/000.mp4", dataset="one"),
        forged("f", source="000", dataset="two"),
        forged("g", uri="file:///two/000.mp4", dataset="two"),
    ]
    assert len(set(clusters(rows))) == 3


def test_near_duplicates_need_enough_different_faces() -> None:
    others = [TEXTURED ^ (0xFFFF << shift) for shift in (0, 16, 32)]
    rows = [
        (0, TEXTURED),
        (0, others[0]),
        (0, others[1]),
        (1, TEXTURED ^ 3),
        (1, others[0] ^ 1),
        (1, others[2]),
    ]
    assert near(rows, radius=2, crops=2) == [(0, 1)]
    assert near(rows, radius=1, crops=2) == []
    assert near(rows, radius=2, crops=3) == []
    # one picture repeated is one face
    assert near([(0, TEXTURED)] * 5 + [(1, TEXTURED)] * 5 + [(1, others[0])] * 2, crops=2) == [(0, 1)]
    assert near([*rows[:2], (1, TEXTURED), (1, others[2])], crops=2) == []


def test_a_single_face_must_be_much_closer() -> None:
    still, copy = (0, TEXTURED), (1, TEXTURED ^ 1)
    assert near([still, copy], radius=4, crops=2) == [(0, 1)]
    assert near([still, (1, TEXTURED ^ 3)], radius=4, crops=2) == []
    assert near([still, (1, TEXTURED ^ 3)], radius=4, crops=1) == [(0, 1)]


def test_flat_crops_are_no_duplicates() -> None:
    assert near([(0, 0), (1, 0), (0, 2**64 - 1), (1, 2**64 - 1), (2, 7), (3, 7)], crops=1) == []
    assert near([]) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40)), max_size=40), st.integers(0, 4))
def test_all_pairs_within_the_radius_are_found(rows, radius) -> None:
    # hashes a few bits from one another: chunks coincide in every combination
    made = [(media, TEXTURED ^ ((bits * 0x0101_0001_0010_0401) % 2**64)) for media, bits in rows]
    expected = {
        (a, b)
        for a, x in made
        for b, y in made
        if a < b and (x ^ y).bit_count() <= radius and all(8 <= h.bit_count() <= 56 for h in (x, y))
    }
    assert near(made, radius, crops=1) == sorted(expected)


def test_spanning() -> None:
    names, splits = ["a", "a", "b", "b", "c"], ["test", "train", "test", None, "train"]
    assert spanning(names, splits) == {"a": ["test", "train"]}
