"""The 64-bit difference hash (dHash) of a thumbnail: is a block lighter than the one to its left?

Here because image deduplication and the search for leaks between splits of faces both need it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import PIL.Image as PilImage

SIDE: Final = 32
"""Side in pixels of the grey thumbnail that is hashed."""
ROWS: Final = 8
COLUMNS: Final = 9
STEPS: Final = 2
"""Steps of a grey level that blocks are compared in: what differs by less is noise of the encoder."""


def _weights(blocks: int, length: int) -> npt.NDArray[np.float64]:
    """How much of each of `length` pixels lies in each of `blocks` equal blocks, in 1/blocks of a pixel.

    Integers in float64, shape (blocks, length); every row sums to `length`.
    """
    edges = np.arange(blocks + 1, dtype=np.int64) * length
    pixels = np.arange(length, dtype=np.int64) * blocks
    low = np.maximum(edges[:-1, None], pixels[None, :])
    high = np.minimum(edges[1:, None], pixels[None, :] + blocks)
    return np.asarray(np.maximum(high - low, 0), np.float64)


_DOWN: Final = _weights(ROWS, SIDE)
_ACROSS: Final = np.ascontiguousarray(_weights(COLUMNS, SIDE).T)


def thumbnail(picture: PilImage.Image) -> npt.NDArray[np.float64]:
    """The means of 32 x 32 equal blocks of a grey image, rounded to grey levels.

    Pixels that lie in two blocks count for each by their share. Pillow computes them in fixed point.
    """
    return np.asarray(picture.resize((SIDE, SIDE), PilImage.Resampling.BOX), np.float64)


def dhash(thumbnail: npt.NDArray[np.float64]) -> int:
    """The dHash of a thumbnail: bit i is 1 where block i of 8 x 9 is darker than its right neighbour.

    Args:
        thumbnail: grey levels, shape (32, 32), integers 0 to 255 in float64: every sum is exact.

    Returns:
        64 bits in rows from the top left, the first highest.
    """
    # weights sum to SIDE in both directions
    blocks = np.floor(_DOWN @ thumbnail @ _ACROSS * (STEPS / (SIDE * SIDE)))
    return int.from_bytes(np.packbits(blocks[:, 1:] > blocks[:, :-1]).tobytes(), "big")


def mirrored_dhashes(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The dHashes of the images mirrored left to right: every row of bits reversed and turned over.

    They are right but for neighbours that are equal, which have a 0 in either direction.
    """
    octets = hashes.astype(">u8").view(np.uint8)
    turned: npt.NDArray[np.uint64] = _TURNED[octets].view(">u8").astype(np.uint64)
    return turned


_TURNED: Final = ~np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1])
