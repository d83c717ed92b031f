import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.deepfake.faces.detector import Face
from components.deepfake.faces.tracker import Seen, colours, follow, is_cut
from tests.deepfake.faces.drawn import canvas, draw_face

NOBODY = np.zeros((5, 2), np.float32)


def face(x: float, y: float, width: float = 100) -> Face:
    return Face((x - width / 2, y - width / 2, x + width / 2, y + width / 2), NOBODY, 0.9)


def paths(frames: list[Seen]) -> list[list[tuple[int, float]]]:
    """Of every track: number of the frame and middle of the face, x."""
    return [
        [(s.frame, sum(frames[s.frame].faces[s.face].box[::2]) / 2) for s in track]
        for track in follow(frames)
    ]


def test_two_faces_that_cross_keep_their_tracks() -> None:
    # one goes right, one left, 8 pixels a frame; they pass each other at half a width's distance
    frames = [
        Seen(n / 25, [face(100 + 8 * n, 200), face(500 - 8 * n, 240, 96)][:: 1 if n % 2 else -1])
        for n in range(50)
    ]
    right, left = paths(frames)
    assert [x for _, x in right] == [100 + 8 * n for n in range(50)]
    assert [x for _, x in left] == [500 - 8 * n for n in range(50)]


def test_faces_that_are_missed_for_some_frames_go_on() -> None:
    frames = [Seen(n / 25, [] if 10 <= n < 14 else [face(100 + 6 * n, 200)]) for n in range(30)]
    (track,) = paths(frames)
    assert len(track) == 26


def test_a_face_that_was_gone_for_long_is_a_new_track() -> None:
    frames = [Seen(n / 25, [] if 10 <= n < 60 else [face(100, 200)]) for n in range(70)]
    assert [len(track) for track in paths(frames)] == [10, 10]


def test_frames_seconds_apart_allow_more_movement_but_do_not_mix_faces() -> None:
    wander = [0, 70, -40, 90, 10, -60, 50, 0]
    frames = [Seen(3.0 * n, [face(200 + w, 200), face(700 - w, 210)]) for n, w in enumerate(wander)]
    first, second = paths(frames)
    assert {x < 450 for _, x in first} == {True}
    assert {x < 450 for _, x in second} == {False}
    # in consecutive frames nothing jumps by a width and a half
    jump = [Seen(0.0, [face(200, 200)]), Seen(0.04, [face(350, 200)])]
    assert len(follow(jump)) == 2


def test_a_small_face_in_front_of_a_large_one_is_another() -> None:
    frames = [Seen(0.0, [face(200, 200, 200)]), Seen(0.04, [face(200, 200, 80)])]
    assert len(follow(frames)) == 2


def test_a_cut_ends_all_tracks() -> None:
    before, after = colours(canvas(tone=60)), colours(canvas(tone=190))
    assert is_cut(before, after)
    frames = [Seen(n / 25, [face(200, 200)], before if n < 10 else after) for n in range(20)]
    assert [[s.frame for s in track] for track in follow(frames)] == [list(range(10)), list(range(10, 20))]


def test_a_face_that_moves_is_no_cut() -> None:
    one, other = (colours(draw_face(canvas(), x, 240, 180)) for x in (250, 330))
    assert not is_cut(one, other)
    assert abs(one.sum() - 1) < 1e-5


def test_the_most_prominent_track_comes_first() -> None:
    frames = [Seen(n / 25, [face(100, 100, 50), face(400, 200, 120)]) for n in range(3)]
    assert [track[0].face for track in follow(frames)] == [1, 0]


@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 5),
            st.lists(st.tuples(st.floats(-100, 800), st.floats(-100, 800), st.floats(9, 400)), max_size=5),
        ),
        max_size=8,
    )
)
def test_every_face_is_in_exactly_one_track_and_a_track_has_one_a_frame(drawn: list) -> None:
    times = np.cumsum([gap for gap, _ in drawn])
    frames = [Seen(float(t), [face(*f) for f in faces]) for t, (_, faces) in zip(times, drawn, strict=True)]
    tracks = follow(frames)
    found = sorted((s.frame, s.face) for track in tracks for s in track)
    assert found == [(n, m) for n, frame in enumerate(frames) for m in range(len(frame.faces))]
    for track in tracks:
        numbers = [s.frame for s in track]
        assert numbers == sorted(set(numbers))
