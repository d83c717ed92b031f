"""Keys of web addresses: two captures of one page have the same."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.dedup.minhash import hash_word
from components.dedup.text import of_strings


def canonical(urls: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Addresses in one way of writing; null for what is no http or https address.

    No fragment, scheme and host in lower case, no default port, "/" for an empty path. Path and
    query are compared as they are: servers may tell "/A" from "/a".
    """
    pattern = r"(?is)^\s*(?P<scheme>https?)://(?P<host>[^/?#\s]+)(?P<rest>[^#]*?)\s*(?:#.*)?$"
    parts = pc.extract_regex(urls, pattern)
    scheme, host, rest = (pc.struct_field(parts, name) for name in ("scheme", "host", "rest"))
    site = pc.utf8_lower(pc.binary_join_element_wise(scheme, host, "://"))
    site = pc.replace_substring_regex(site, r"^(http:.*):80$|^(https:.*):443$", r"\1\2")
    rest = pc.if_else(pc.starts_with(rest, "/"), rest, pc.binary_join_element_wise("/", rest, ""))
    return pc.binary_join_element_wise(site, rest, "")


def address_keys(urls: pa.ChunkedArray | pa.Array) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """A 64-bit key for each address, and which of them have one; both of shape (n,)."""
    addresses = canonical(urls)
    present = pc.is_valid(addresses).to_numpy(zero_copy_only=False)
    return string_keys(addresses), present


def string_keys(strings: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of the bytes of each string, shape (n,); 0 for an empty one and for null."""
    texts = of_strings(strings)
    keys = np.zeros(len(texts), np.uint64)
    _hash_strings(texts.data, texts.eights, texts.offsets, keys)
    return keys


@numba.njit(cache=True, nogil=True)
def _hash_strings(data, eights, offsets, keys):
    for number in range(len(keys)):
        if offsets[number + 1] > offsets[number]:
            keys[number] = hash_word(data, eights, offsets[number], offsets[number + 1])
