import numpy as np

from components.deepfake.temporal_features import (
    LEAST_PAIRS,
    TEMPORAL_NAMES,
    residual_series,
    temporal_features,
)
from tests.deepfake.drawn_faces import LANDMARKS, face, track


def of(name: str, features: np.ndarray | None) -> float:  # type: ignore[type-arg]
    assert features is not None
    return float(features[TEMPORAL_NAMES.index(name)])


def swaying(count: int = 16) -> list[np.ndarray]:  # type: ignore[type-arg]
    return [np.roll(face(), round(2 * np.sin(index / 3)), axis=1) for index in range(count)]


def shimmering(images: list[np.ndarray], strength: float = 12) -> list[np.ndarray]:  # type: ignore[type-arg]
    """Fresh fine detail on the inner face of every frame: what frame-by-frame generators leave."""
    rng = np.random.Generator(np.random.PCG64(9))
    changed = []
    for image in images:
        shimmer = np.zeros(image.shape, np.float32)
        shimmer[45:105, 40:88] = rng.normal(0, strength, (60, 48, 1))
        changed.append(image + shimmer)
    return changed


def test_there_is_a_finite_number_for_every_name() -> None:
    found = temporal_features(track(swaying()))
    assert found is not None
    assert found.shape == (len(TEMPORAL_NAMES),) == (len(set(TEMPORAL_NAMES)),)
    assert np.isfinite(found).all()
    again = temporal_features(track(swaying()))
    assert again is not None
    assert found.tobytes() == again.tobytes()


def test_too_few_frames_have_none() -> None:
    assert temporal_features(track(swaying(LEAST_PAIRS))) is None
    assert temporal_features(track(swaying(LEAST_PAIRS + 1))) is not None


def test_shimmer_of_the_face_is_told_from_noise_of_the_picture() -> None:
    real = temporal_features(track(swaying()))
    forged = temporal_features(track(shimmering(swaying())))
    rng = np.random.Generator(np.random.PCG64(4))
    noisy = temporal_features(track([image + rng.normal(0, 12, image.shape) for image in swaying()]))
    name = "fine_inner_to_outer"
    assert of(name, forged) > of(name, real) + 0.5
    # noise lies everywhere, though where there is little else to see it counts for more
    assert of(name, noisy) < (of(name, real) + of(name, forged)) / 2
    assert of("residual_outer", noisy) > of("residual_outer", real) + 0.5


def test_flicker_and_jitter_are_what_their_names_say() -> None:
    quiet = temporal_features(track(swaying()))
    bright = temporal_features(track([image + 6 * (index % 2) for index, image in enumerate(swaying())]))
    assert of("flicker_inner", bright) > of("flicker_inner", quiet) + 1
    steady = track(swaying())
    rng = np.random.Generator(np.random.PCG64(2))
    trembling = [
        track(swaying(), landmarks=LANDMARKS + rng.normal(0, 1, (5, 2)).astype(np.float32)).crops[index]
        for index in range(16)
    ]
    shaken = temporal_features(type(steady)(0, tuple(trembling)))
    assert of("jitter_mouth", shaken) > of("jitter_mouth", quiet) + 2


def test_the_series_shows_where_the_face_shimmers() -> None:
    series = residual_series(track(shimmering(swaying())).crops)
    assert series["inner"].shape == (15,)
    assert series["inner"].mean() > series["outer"].mean()
