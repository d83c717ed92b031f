import numpy as np
import pytest

from components.deepfake.identity_drift import LEAST_PART, largest_step


def walk(count: int, *, step: float = 0.0, at: int = 0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Descriptions that follow the pose, with noise, and jump along an axis of their own."""
    rng = np.random.Generator(np.random.PCG64(seed))
    pose = np.stack([np.sin(np.arange(count) / 3), np.cos(np.arange(count) / 5)], axis=1) * 0.3
    found = np.zeros((count, 8))
    found[:, :2] = pose
    found[at:, 5] += step
    return found + rng.normal(0, 0.01, found.shape), pose


def test_a_jump_is_found_with_its_size() -> None:
    found = largest_step(*walk(20, step=0.4, at=12))
    assert found is not None
    assert found.at == 12
    assert found.size == pytest.approx(12 * 8 / 400 * 0.16, rel=0.1)
    assert found.distances[12:].min() > found.distances[:12].max()


def test_a_turning_head_is_no_jump() -> None:
    turning = largest_step(*walk(20))
    assert turning is not None
    assert turning.size < 0.002
    # a head that turns once and stays there, and its landmarks with it
    pose = np.repeat([[0.0], [0.3]], 10, axis=0)
    pose[:, 0] += np.random.Generator(np.random.PCG64(1)).normal(0, 0.1, 20)
    held = largest_step(np.hstack([pose, np.zeros((20, 3))]), pose)
    assert held is not None
    assert held.size < 0.0005


def test_a_jump_that_moves_the_landmarks_too_is_still_a_jump() -> None:
    descriptions, pose = walk(20, step=0.4, at=10)
    pose[10:] += 0.5
    found = largest_step(descriptions, pose)
    assert found is not None
    assert found.at == 10
    assert found.size > 0.03


def test_too_few_descriptions_have_none() -> None:
    descriptions, pose = walk(2 * LEAST_PART)
    assert largest_step(descriptions, pose) is not None
    assert largest_step(descriptions[:-1], pose[:-1]) is None
