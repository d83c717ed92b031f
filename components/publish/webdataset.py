"""WebDataset shards: tar files in which the members of a sample share the name before the first dot.

The tar is written by hand (POSIX ustar) so that the same samples give the same bytes everywhere: no
time, no owner, and nothing of the machine that wrote it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.core.errors import BadShard
from components.publish import mint_layout
from components.publish.mint_layout import Entry
from components.publish.tiff import Frame, encode_frame, multi_frame_tiff

_BLOCK: Final = 512
_MAX_NAME: Final = 100
_MAX_SIZE: Final = 8**11 - 1
_OWNER: Final = b"0000644\0" + b"0000000\0" * 2
_TIME: Final = b"00000000000\0"
_REST: Final = b"0".ljust(101, b"\0") + b"ustar\00000".ljust(255, b"\0")
# the checksum counts itself as eight spaces
_FIXED_SUM: Final = sum(_OWNER) + sum(_TIME) + sum(b" " * 8) + sum(_REST)
EXTENSIONS: Final = {
    "jpeg": "jpg",
    "png": "png",
    "webp": "webp",
    "gif": "gif",
    "bmp": "bmp",
    "tiff": "tif",
    "avif": "avif",
    "jp2": "jp2",
}
"""File extension of each `format` of `images/1`."""


def tar_header(name: str, size: int) -> bytes:
    """The 512-byte ustar header of a regular file: mode 0644, owner 0, time 0.

    Raises:
        BadShard: for a name of over 100 bytes or that is not ASCII, or a size of 8 GiB and more.
    """
    if not name.isascii() or not 0 < len(name) <= _MAX_NAME:
        raise BadShard(
            f"A tar member can't be called {name!r}: 1 to {_MAX_NAME} ASCII characters are allowed."
        )
    if size > _MAX_SIZE:
        raise BadShard(f"{name} has {size} bytes; a ustar member holds less than 8 GiB.")
    head, octal = name.encode(), b"%011o\0" % size
    # what is fixed is summed once: summing all 512 bytes took half the time of writing a tar
    checksum = _FIXED_SUM + sum(head) + sum(octal)
    return b"".join((head.ljust(_MAX_NAME, b"\0"), _OWNER, octal, _TIME, b"%06o\0 " % checksum, _REST))


class TarBuilder:
    """Collects members and gives the bytes of a tar. Members keep the order in which they were added."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, name: str, data: bytes) -> None:
        """Add one regular file; see `tar_header` for what is refused."""
        self._parts += [tar_header(name, len(data)), data, bytes(-len(data) % _BLOCK)]

    def build(self) -> bytes:
        """The whole tar, closed by two empty blocks."""
        return b"".join([*self._parts, bytes(2 * _BLOCK)])


def add_sample(
    tar: TarBuilder,
    document: Mapping[str, Any],
    placed: Sequence[Entry],
    data: Mapping[str, bytes],
    images_as: str = "files",
) -> None:
    """Add `<key>.json` and the images of one document; the key is the document's id.

    With `files`, the images follow as `<key>.<n>.<extension>`, the bytes as found; the JSON's `images`
    hold `<n>.<extension>`, under which a WebDataset reader gives them, and `sha256` is that of those
    bytes. An image that the document shows twice is stored once.

    With `tiff`, `<key>.tiff` follows with one frame for each image that has bytes, in order; the n-th
    such entry of `images` is the n-th frame, and `sha256` is that of the frame's strip as it is stored
    in the TIFF (for nearly every JPEG that is the file as found; see `components.publish.tiff`). A
    document without image bytes has no TIFF.

    Args:
        tar: where the members go.
        document: a row of `documents/1` as a dict.
        placed: its `mint_layout.entries`.
        data: bytes of the images of `placed`, by id.
        images_as: files or tiff.

    Raises:
        BadRecord: with `ImageReason`, for an image that can't be made a frame.
    """
    key = document["id"]
    shown = mint_layout.shown_in(placed)
    members: list[tuple[str, bytes]] = []
    names: list[str | None] = []
    hashes: list[str | None] = []
    if images_as == "files":
        stored: dict[str, str] = {}
        for image in shown:
            if image.image_id is None or image.facts is None:
                names.append(None)
            else:
                if image.image_id not in stored:
                    suffix = f"{len(stored)}.{EXTENSIONS[image.facts.format]}"
                    stored[image.image_id] = suffix
                    members.append((f"{key}.{suffix}", data[image.image_id]))
                names.append(stored[image.image_id])
            hashes.append(image.image_id)
    else:
        frames: list[Frame] = []
        for image in shown:
            if image.image_id is None:
                names.append(None)
                hashes.append(None)
                continue
            frame = encode_frame(data[image.image_id])
            frames.append(frame)
            names.append(image.name)
            hashes.append(hashlib.sha256(frame.data).hexdigest())
        if frames:
            members.append((f"{key}.tiff", multi_frame_tiff(frames)))
    sample = mint_layout.sample_json(document, placed, names=names, hashes=hashes)
    tar.add(f"{key}.json", json.dumps(sample, ensure_ascii=False, separators=(",", ":")).encode())
    for name, content in members:
        tar.add(name, content)
