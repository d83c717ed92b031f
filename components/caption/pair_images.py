"""Check images of strangers by decoding them in a process of its own, several a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from components.core.errors import BadRecord
from components.core.images import read_image
from components.core.records import Image
from components.core.sandbox import Sandbox, SandboxReason

MOST_AT_ONCE: Final = 32
BYTES_AT_ONCE: Final = 16 << 20
"""Images, and bytes, that are sent together: a call costs more than decoding a small image."""


def check_images(bodies: list[bytes]) -> list[Image | BadRecord]:
    """Decode images; the records come without their bytes, which the caller has. Called in the sandbox."""
    results: list[Image | BadRecord] = []
    for body in bodies:
        try:
            results.append(replace(read_image(body), bytes=b""))
        except BadRecord as bad:
            results.append(bad)
        except MemoryError:
            results.append(BadRecord(SandboxReason.OUT_OF_MEMORY))
    return results


class ImageChecker:
    """Decodes images where a decoder that crashes, hangs or eats memory costs one of them."""

    def __init__(self, timeout_s: float, memory_bytes: int) -> None:
        self._sandbox: Sandbox[list[Image | BadRecord]] = Sandbox(
            check_images, timeout_s=timeout_s, memory_bytes=memory_bytes
        )

    def close(self) -> None:
        """End the process."""
        self._sandbox.close()

    def check(self, bodies: Sequence[bytes]) -> Iterator[Image | BadRecord]:
        """The record of each image, with its bytes, or why it is none."""
        for body, found in zip(bodies, self._call(list(bodies)), strict=True):
            if isinstance(found, Image):
                found.bytes = body
            yield found

    def _call(self, bodies: list[bytes]) -> list[Image | BadRecord]:
        try:
            return self._sandbox.call(bodies)
        except BadRecord as bad:
            if len(bodies) == 1:
                return [bad]
        return [result for body in bodies for result in self._call([body])]
