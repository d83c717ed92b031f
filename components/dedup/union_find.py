"""Union-find whose roots are the least members: the component of a document, and its first document.

Parents are stored as distances, `up[node] = node - parent`, so that an array of zeros says that every
node is alone: a scratch file needs no filling, and pages without a pair are never touched.
"""

from __future__ import annotations

import numba


@numba.njit(inline="always")
def find(up, node):
    """The least node of a component; paths are halved on the way."""
    while up[node]:
        parent = node - up[node]
        up[node] += up[parent]
        node -= up[node]
    return node


@numba.njit(cache=True, nogil=True)
def join(up, one, other, joined):
    """Join the components of the two ends of each edge; `joined`: which edges did, shape (edges,)."""
    for edge in range(len(one)):
        a, b = find(up, one[edge]), find(up, other[edge])
        joined[edge] = a != b
        if a < b:
            up[b] = b - a
        elif b < a:
            up[a] = a - b
