"""Clusters of near-duplicate images in which every member is near to the centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from components.core.dhash import mirrored_dhashes
from components.dedup.hamming import I64, U64, pairs_within, popcount
from components.dedup.phash import MIRROR


@dataclass(frozen=True, slots=True)
class Nearness:
    """When two images are near-duplicates.

    Attributes:
        radius: most bits in which their pHashes differ.
        dhash_radius: most bits in which their dHashes differ too.
        mirrored: whether a copy mirrored left to right is a near-duplicate as well.
    """

    radius: int
    dhash_radius: int
    mirrored: bool = False


def star_clusters(phashes: U64, dhashes: U64, near: Nearness) -> I64:
    """The centre of the cluster of every image: its own index where it is one or is alone.

    Images are taken in the order given. Each that belongs to no cluster yet is the centre of a new
    one, of all later images near to it that belong to none. So no chain of small steps can join
    unlike pictures, and the result does not depend on the order in which pairs are found. (Pairs first
    give the connected components, in memory that does not depend on their number; the stars are then
    made within each component.)

    Args:
        phashes, dhashes: of n images each.

    Returns:
        n indices; none is larger than its position.
    """
    firsts, numbers = _distinct(phashes, dhashes)
    phash, dhash = phashes[firsts], dhashes[firsts]
    turned = mirrored_dhashes(dhash) if near.mirrored else dhash  # not looked at
    parents = np.arange(len(firsts))
    for a, b in _near_pairs(phash, dhash, turned, near):
        _join(parents, a, b)
    _settle(parents)
    members = np.argsort(parents, kind="stable")
    starts = np.flatnonzero(np.diff(parents[members], prepend=-1))
    bounds = np.append(starts, len(members))
    limits = np.array([near.radius, near.dhash_radius], np.uint64)
    mirror = np.uint64(MIRROR)
    centres = _stars(phash, dhash, turned, members, bounds, limits, mirror, near.mirrored)
    return firsts[centres][numbers]


def _distinct(phashes: U64, dhashes: U64) -> tuple[I64, I64]:
    """Indices of the first image with each pair of hashes, ascending, and each image's place in them."""
    order = np.lexsort((dhashes, phashes))  # stable: of equal ones the first comes first
    new = np.ones(len(order), np.bool_)
    new[1:] = (np.diff(phashes[order]) != 0) | (np.diff(dhashes[order]) != 0)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(new) - 1
    firsts = order[new]
    ascending = np.argsort(firsts)
    ranks = np.empty(len(firsts), np.int64)
    ranks[ascending] = np.arange(len(firsts))
    return firsts[ascending], ranks[numbers]


def _near_pairs(phash: U64, dhash: U64, turned: U64, near: Nearness):  # type: ignore[no-untyped-def]
    count = len(phash)
    for a, b in pairs_within(phash, near.radius):
        same = np.bitwise_count(dhash[a] ^ dhash[b]) <= near.dhash_radius
        yield a[same], b[same]
    if near.mirrored:
        for a, b in pairs_within(np.concatenate([phash, phash ^ np.uint64(MIRROR)]), near.radius):
            across = (a < count) & (b >= count) & (a != b - count)
            a, b = a[across], b[across] - count  # noqa: PLW2901
            same = np.bitwise_count(dhash[a] ^ turned[b]) <= near.dhash_radius
            yield a[same], b[same]


@njit(cache=True, nogil=True)
def _root(parents, node):  # type: ignore[no-untyped-def]
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@njit(cache=True, nogil=True)
def _join(parents, first, second):  # type: ignore[no-untyped-def]
    for number in range(len(first)):
        a, b = _root(parents, first[number]), _root(parents, second[number])
        parents[max(a, b)] = min(a, b)


@njit(cache=True, nogil=True)
def _settle(parents):  # type: ignore[no-untyped-def]
    for node in range(len(parents)):
        parents[node] = parents[parents[node]]  # parents come before their children


@njit(cache=True, nogil=True)
def _stars(phash, dhash, turned, members, bounds, limits, mirror, mirrored):  # type: ignore[no-untyped-def]
    centres = np.full(len(members), -1, np.int64)
    for part in range(len(bounds) - 1):
        for place in range(bounds[part], bounds[part + 1]):
            centre = members[place]
            if centres[centre] >= 0:
                continue
            centres[centre] = centre
            for later in range(place + 1, bounds[part + 1]):
                other = members[later]
                if centres[other] >= 0:
                    continue
                difference = phash[centre] ^ phash[other]
                same = popcount(difference) <= limits[0]
                same = same and popcount(dhash[centre] ^ dhash[other]) <= limits[1]
                if mirrored and not same:
                    same = popcount(difference ^ mirror) <= limits[0]
                    same = same and popcount(dhash[centre] ^ turned[other]) <= limits[1]
                if same:
                    centres[other] = centre
    return centres
