"""Read a dataset in the layout of MINT-1T: its own files, or a release of kalemint, with the same code.

    python examples/read_mint.py FILE.parquet FILE.tar ...

It knows nothing of kalemint. Parquet files are read as MINT-1T-HTML is (`texts`, `images`, `image_hashes`,
`images_metadata`), tar files as MINT-1T-PDF and MINT-1T-ArXiv are (`<key>.json`, `<key>.tiff` with a frame
for each image that the document shows, in order). Needs pyarrow, webdataset and Pillow.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq
import webdataset as wds
from PIL import Image, ImageSequence


def read_html(path: str) -> Iterator[list[tuple[str, Any]]]:
    """Documents of a Parquet file: ("text", text) and ("image", (url, hash, width, height)) in order."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=64):
        for row in batch.to_pylist():
            facts = iter(zip(row["image_hashes"], row["images_metadata"], strict=True))  # images only
            yield [
                ("text", text) if image is None else ("image", (image, *_facts(next(facts))))
                for text, image in zip(row["texts"], row["images"], strict=True)
            ]


def _facts(pair: tuple[str | None, dict[str, Any]]) -> tuple[str | None, int | None, int | None]:
    digest, metadata = pair
    return digest, metadata["width"], metadata["height"]


def read_tar(path: str) -> Iterator[list[tuple[str, Any]]]:
    """Documents of a tar file: ("text", text) and ("image", a PIL image, or its URL without a frame)."""
    for sample in wds.WebDataset(path, shardshuffle=False):
        document = json.loads(sample["json"])
        metadata = iter(document["image_metadata"])
        frames = ImageSequence.Iterator(Image.open(io.BytesIO(sample["tiff"]))) if "tiff" in sample else None
        parts: list[tuple[str, Any]] = []
        for text, image in zip(document["texts"], document["images"], strict=True):
            if image is None:
                parts.append(("text", text))
                continue
            known = next(metadata)
            if frames is None or known["sha256"] is None:
                parts.append(("image", image))
            else:
                frame = next(frames)
                assert frame.size == (known["width"], known["height"]), (image, frame.size)
                parts.append(("image", frame.convert("RGB")))
        yield parts


def main() -> None:
    """Count what the files hold."""
    for path in sys.argv[1:]:
        documents = texts = images = pictures = 0
        for document in read_tar(path) if path.endswith(".tar") else read_html(path):
            documents += 1
            for kind, content in document:
                texts += kind == "text"
                images += kind == "image"
                pictures += isinstance(content, Image.Image)
        print(f"{path}: {documents} documents, {texts} texts, {images} images, {pictures} decoded")


if __name__ == "__main__":
    main()
