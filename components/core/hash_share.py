"""Choose a share of records by the hash of their names: more data never changes a choice."""

from __future__ import annotations

import hashlib


def hash_share(name: str, purpose: str) -> float:
    """A number from 0 to 1 (left out) that depends on a name and a purpose only, evenly spread over names.

    Args:
        purpose: choices for different purposes are independent of each other.
    """
    digest = hashlib.sha256(f"{purpose}\0{name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)
