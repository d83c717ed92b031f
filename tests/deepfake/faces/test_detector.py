import numpy as np
import pytest

from components.deepfake.faces.detector import find_faces
from components.deepfake.faces_params import ExamineParams
from tests.deepfake.faces.drawn import canvas, draw_face

PARAMS = ExamineParams()


@pytest.mark.parametrize("width", [60, 200, 300])
def test_a_face_is_found_where_it_was_drawn(width: int) -> None:
    (face,) = find_faces(draw_face(canvas(), 300, 220, width), PARAMS).faces
    assert (
        np.hypot((face.box[0] + face.box[2]) / 2 - 300, (face.box[1] + face.box[3]) / 2 - 220) < 0.25 * width
    )
    assert 0.6 * width < face.width < 1.2 * width
    drawn = np.array([(-0.19, -0.1), (0.19, -0.1), (0, 0.15), (-0.16, 0.32), (0.16, 0.32)]) * width + (
        300,
        220,
    )
    assert np.abs(face.landmarks - drawn).max() < 0.13 * width
    assert face.confidence >= PARAMS.min_confidence


def test_the_same_pixels_give_the_same_faces() -> None:
    image = draw_face(draw_face(canvas(), 180, 200, 120), 460, 260, 150)
    first, second = find_faces(image, PARAMS), find_faces(image, PARAMS)
    assert [f.box for f in first.faces] == [f.box for f in second.faces]
    assert all((a.landmarks == b.landmarks).all() for a, b in zip(first.faces, second.faces, strict=True))


def test_no_face_in_a_picture_without_one() -> None:
    assert find_faces(canvas(), PARAMS).faces == ()
    assert find_faces(np.zeros((3, 2000, 3), np.uint8), PARAMS).faces == ()
    assert find_faces(np.zeros((1, 1, 3), np.uint8), PARAMS).faces == ()


def test_a_small_face_in_a_large_picture_is_found_at_the_larger_size() -> None:
    image = draw_face(canvas(2400, 1800), 600, 1300, 54)
    (face,) = find_faces(image, PARAMS).faces
    assert abs((face.box[0] + face.box[2]) / 2 - 600) < 20
    # at twice 200 pixels the head has 9
    assert find_faces(image, PARAMS.model_copy(update={"detect_side": 200})).faces == ()


def test_a_face_that_fills_the_picture_is_found() -> None:
    image = draw_face(canvas(1000, 1000), 500, 500, 890)
    (face,) = find_faces(image, PARAMS).faces
    assert face.width > 640


def test_small_faces_are_counted_and_not_given() -> None:
    image = draw_face(draw_face(canvas(), 200, 240, 160), 480, 240, 60)
    found = find_faces(image, PARAMS.model_copy(update={"min_face": 80}))
    assert (len(found.faces), found.small, found.surplus) == (1, 1, 0)
    assert len(find_faces(image, PARAMS.model_copy(update={"min_face": 80}), 20).faces) == 2


def test_of_too_many_faces_the_largest_are_kept_and_the_others_counted() -> None:
    image = canvas(1000, 300)
    for number, width in enumerate((60, 90, 120, 75)):
        draw_face(image, 130 + 240 * number, 150, width)
    found = find_faces(image, PARAMS.model_copy(update={"max_faces": 2}))
    assert found.surplus == 2
    assert [round((face.box[0] + face.box[2]) / 2, -1) for face in found.faces] == [610, 370]


def test_reading_the_network_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    from components.deepfake.faces import detector

    detector._yunet.cache_clear()
    find_faces(canvas(), PARAMS)
    assert capfd.readouterr() == ("", "")
