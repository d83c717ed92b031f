import pyarrow as pa

from components.core import schemas
from components.core.blind_gallery import blind_gallery


def evaluations(*rows: tuple[str, str | None]) -> pa.Table:
    """Rows of (id, prediction); the reference of image N is `teacher N`."""
    made = [
        {
            "id": name,
            "group": name,
            "reference": f"teacher {name}",
            "prediction": prediction,
            "alt": f"alt {name}",
            "scores": [],
        }
        for name, prediction in rows
    ]
    return pa.Table.from_pylist(made, schema=schemas.get("evaluations/1"))


MANY = evaluations(*((str(n), f"student {n}") for n in range(400)))


def test_the_key_says_whose_caption_is_whose() -> None:
    gallery = blind_gallery(MANY, 50)
    assert len(gallery.pairs) == 50
    for pair in gallery.pairs:
        by_side = {"A": pair.a, "B": pair.b}
        assert by_side.pop(pair.student) == f"student {pair.id}"
        assert list(by_side.values()) == [f"teacher {pair.id}"]
        assert pair.alt == f"alt {pair.id}"
    assert gallery.key.split(", ")[0] == f"1 {gallery.pairs[0].student}"


def test_the_order_tells_nothing() -> None:
    first = sum(pair.student == "A" for pair in blind_gallery(MANY, 400).pairs)
    assert 160 < first < 240  # four deviations of a fair coin; the choice is fixed


def test_the_choice_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    gallery = blind_gallery(MANY, 20)
    assert blind_gallery(MANY.take(list(reversed(range(400)))), 20) == gallery
    other = blind_gallery(MANY, 20, seed=1)
    assert {pair.id for pair in other.pairs} != {pair.id for pair in gallery.pairs}


def test_identical_and_missing_captions_are_counted_and_not_shown() -> None:
    gallery = blind_gallery(evaluations(("1", "teacher  1"), ("2", None), ("3", ""), ("4", "student 4")), 9)
    assert [pair.id for pair in gallery.pairs] == ["4"]
    assert (gallery.identical, gallery.unanswered) == (1, 2)
