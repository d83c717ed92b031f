"""The 64-bit DCT perceptual hash (pHash) of a thumbnail, on integers: two machines agree on every bit.

The algorithm is that of pHash.org as `imagehash` and `imagededup` have it: the 8 x 8 lowest frequencies
of a 32 x 32 grey thumbnail, each compared with their median.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from components.core.dhash import SIDE

LOW: Final = 8
"""Side of the block of lowest frequencies that makes the 64 bits."""

_SCALE: Final = 1 << 12


def _cosines() -> npt.NDArray[np.float64]:
    """The first `LOW` rows of the DCT-II of `SIDE` points, as integers."""
    return np.array(
        [
            [round(_SCALE * math.cos(math.pi * (2 * x + 1) * u / (2 * SIDE))) for x in range(SIDE)]
            for u in range(LOW)
        ],
        np.float64,
    )


_ROWS: Final = _cosines()
_COLUMNS: Final = np.ascontiguousarray(_ROWS.T)


def phash(thumbnail: npt.NDArray[np.float64]) -> int:
    """The pHash of a thumbnail: bit i is 1 where DCT coefficient i is above the median of all 64.

    Args:
        thumbnail: grey levels, shape (32, 32): integers 0 to 255 in float64. No sum passes 2^42, so
            that the fast matrix product of floats is exact.

    Returns:
        64 bits; the coefficient of frequency (0, 0) is the highest, then (0, 1): rows of the block
        are vertical frequencies.
    """
    frequencies = (_ROWS @ thumbnail @ _COLUMNS).ravel()
    ranked = np.partition(frequencies, (31, 32))
    # the median of 64 is the mean of the middle two
    bits = 2 * frequencies > ranked[31] + ranked[32]
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


MIRROR: Final = int.from_bytes(bytes([0b01010101] * LOW), "big")
"""The bits of odd horizontal frequencies. Mirroring an image left to right turns the sign of these
coefficients and of no others; as the median lies near 0, `phash ^ MIRROR` is within a few bits the
hash of the mirrored image."""
