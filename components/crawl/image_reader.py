"""Decode images that arrive one by one in a sandbox, several a call, beside the network.

A call to another process costs more than decoding a small image, so images that came while the
sandbox was busy go there together. Where such a call fails as a whole, its images are tried singly:
one that crashes the decoder costs only itself.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from components.core.errors import BadRecord
from components.core.images import read_image
from components.core.records import Image
from components.core.sandbox import Sandbox, SandboxReason
from components.crawl.web.file_params import FetchImagesParams

_MOST_AT_ONCE: Final = 16
_BYTES_AT_ONCE: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An image that came, and the SHA-256 (hex) of its bytes as they came.

    Where those bytes are what is stored, `image.bytes` is empty: the caller has them.
    """

    image: Image
    sha256: str


def _read_one(data: bytes, params: FetchImagesParams) -> ReadImage:
    if params.resize == "none":
        image = read_image(data)
        return ReadImage(replace(image, bytes=b""), image.id)
    from components.crawl.resize import resize  # brings OpenCV, which keeping needs not

    stored, size, original = resize(data, params.resize, params.max_side, params.jpeg_quality)
    small = Image(hashlib.sha256(stored).hexdigest(), stored, len(stored), "jpeg", *size)
    small.scores = {
        "original_bytes": float(len(data)),
        "original_height": float(original[1]),
        "original_width": float(original[0]),
    }
    return ReadImage(small, hashlib.sha256(data).hexdigest())


def read_images(bodies: list[bytes], params: FetchImagesParams) -> list[ReadImage | BadRecord]:
    """Decode images and, where the parameters say so, make them smaller; called in the sandbox."""
    results: list[ReadImage | BadRecord] = []
    for body in bodies:
        try:
            results.append(_read_one(body, params))
        except BadRecord as bad:
            results.append(bad)
        except MemoryError:
            results.append(BadRecord(SandboxReason.OUT_OF_MEMORY))
        except Exception as error:  # noqa: BLE001 - whatever a decoder raises is one bad image
            results.append(BadRecord(SandboxReason.PARSER_ERROR, f"{type(error).__name__}: {error}"))
    return results


class ImageReader:
    """Reads images for coroutines of one event loop. Make it before anything starts a thread."""

    def __init__(self, params: FetchImagesParams) -> None:
        if params.resize != "none":
            import components.crawl.resize  # noqa: F401 - every child of the sandbox begins with it
        self._sandbox: Sandbox[list[ReadImage | BadRecord]] = Sandbox(
            functools.partial(read_images, params=params),
            timeout_s=params.decode_s,
            memory_bytes=params.decode_bytes,
        )
        self._sandbox.call([])  # forks now, while this process has no threads
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[bytes, asyncio.Future[ReadImage | BadRecord]]] = []
        self._pump: asyncio.Task[None] | None = None

    def close(self) -> None:
        """End the process and the thread that talks to it."""
        self._thread.shutdown()
        self._sandbox.close()

    async def read(self, body: bytes) -> ReadImage:
        """Decode one image.

        Raises:
            BadRecord: with an `ImageReason` or a `SandboxReason`.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ReadImage | BadRecord] = loop.create_future()
        self._waiting.append((body, future))
        if self._pump is None or self._pump.done():
            self._pump = loop.create_task(self._run())
        result = await future
        if isinstance(result, BadRecord):
            raise result
        return result

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._next()
            try:
                results = await loop.run_in_executor(self._thread, self._call, [body for body, _ in batch])
            except Exception as error:  # noqa: BLE001 - nobody waits for this task: those who do must learn of it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)

    def _next(self) -> list[tuple[bytes, asyncio.Future[ReadImage | BadRecord]]]:
        size = count = 0
        for body, _ in self._waiting[:_MOST_AT_ONCE]:
            size += len(body)
            if count and size > _BYTES_AT_ONCE:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _call(self, bodies: list[bytes]) -> list[ReadImage | BadRecord]:
        try:
            return self._sandbox.call(bodies)
        except BadRecord as bad:
            if len(bodies) == 1:
                return [bad]
        return [result for body in bodies for result in self._call([body])]
