import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.dhash import mirrored_dhashes
from components.dedup.phash import MIRROR
from components.dedup.star_clusters import Nearness, star_clusters
from tests.dedup.test_hamming import near_each_other


def by_definition(phashes: np.ndarray, dhashes: np.ndarray, near: Nearness) -> list[int]:
    turned = mirrored_dhashes(dhashes).tolist()
    p, d = phashes.tolist(), dhashes.tolist()

    def same(a: int, b: int) -> bool:
        upright = (p[a] ^ p[b]).bit_count() <= near.radius
        if upright and (d[a] ^ d[b]).bit_count() <= near.dhash_radius:
            return True
        across = (p[a] ^ p[b] ^ MIRROR).bit_count() <= near.radius
        return near.mirrored and across and (d[a] ^ turned[b]).bit_count() <= near.dhash_radius

    centres = [-1] * len(p)
    for centre in range(len(p)):
        if centres[centre] < 0:
            for other in range(centre, len(p)):
                if centres[other] < 0 and (other == centre or same(centre, other)):
                    centres[other] = centre
    return centres


HASH = st.one_of(
    st.integers(0, 2**64 - 1),
    st.builds(lambda bits: sum(1 << b for b in bits), st.sets(st.integers(0, 63), max_size=6)),
)
IMAGES = st.lists(st.tuples(HASH, HASH), max_size=30).flatmap(
    lambda images: st.permutations(images + [(p ^ MIRROR, d) for p, d in images[:5]] + images[:4])
)


@settings(deadline=None, max_examples=100)
@given(IMAGES, st.integers(0, 12), st.sampled_from([0, 6, 14, 64]), st.booleans())
def test_clusters_are_those_of_the_definition(images, radius, dhash_radius, mirrored) -> None:
    phashes = np.array([p for p, _ in images], np.uint64)
    dhashes = np.array([d for _, d in images], np.uint64)
    near = Nearness(radius, dhash_radius, mirrored)
    assert star_clusters(phashes, dhashes, near).tolist() == by_definition(phashes, dhashes, near)


def test_many_clusters_through_several_chunks() -> None:
    phashes, dhashes = near_each_other(1500, 6), near_each_other(1500, 6, seed=2)
    for near in (Nearness(8, 64), Nearness(10, 30)):
        centres = star_clusters(phashes, dhashes, near).tolist()
        assert centres == by_definition(phashes, dhashes, near)
        assert len(set(centres)) < 1500


def test_a_chain_of_small_steps_does_not_join_its_ends() -> None:
    chain = np.array([(1 << n) - 1 for n in range(0, 64, 4)], np.uint64)
    assert star_clusters(chain, np.zeros(16, np.uint64), Nearness(10, 64)).tolist() == [
        0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9, 12, 12, 12, 15,
    ]  # fmt: skip


def test_images_that_only_agree_in_one_hash_are_not_near() -> None:
    phashes = np.array([5, 5, 5], np.uint64)
    dhashes = np.array([0, 0xFFFF, 1], np.uint64)
    assert star_clusters(phashes, dhashes, Nearness(10, 14)).tolist() == [0, 1, 0]


def test_many_equal_hashes_cost_no_more_than_one() -> None:
    centres = star_clusters(np.full(300_000, 9, np.uint64), np.full(300_000, 9, np.uint64), Nearness(10, 14))
    assert not centres.any()


def test_no_images() -> None:
    none = np.zeros(0, np.uint64)
    assert star_clusters(none, none, Nearness(10, 14)).tolist() == []
