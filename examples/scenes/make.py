"""Writes scenes as the data sets and the web site that a pipeline reads, with the truth about them.

    python examples/scenes/make.py --out DIR --scenes 4000 [--held-out 400] [--size 64] [--site]

| in DIR | what |
| --- | --- |
| `tar/00000.tar` … | WebDataset as img2dataset writes it: `KEY.png`, `KEY.txt` (alt text), `KEY.json` |
| `held-out/00000.tar` … | the same, of `--held-out` scenes whose names occur nowhere else |
| `pairs.parquet` | the scenes of `tar/` as one table, the bytes of the images in it |
| `site/` | with `--site`: the scenes of `tar/` on a static web site |
| `truth.parquet` | what every image shows and what it is called; no pipeline reads it |

Presets that drop images below 150 pixels want `--size 160` for a site.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pages import write_site
from render import png
from world import Scene, Split, scene

SHARD: Final = 1000
"""Images a tar file, what img2dataset's documentation calls `number_sample_per_shard`."""

ORIGIN: Final = "https://scenes.example"
"""Where the scenes say that they come from (a name reserved for examples)."""

TRUTH: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("dense", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("alt_text", pa.string()),
        pa.field("alt_kind", pa.string(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("held_out", pa.bool_(), nullable=False),
    ]
)
"""`id`: SHA-256 (hex) of the image's bytes. `dense`: the caption of what is seen. `caption`: with what the
alternative text tells. `alt_kind`: see world.py. `name`: null where the alternative text does not tell it.
`held_out`: the name is none of those that models are trained on."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scene with its image."""

    number: int
    scene: Scene
    data: bytes

    @property
    def key(self) -> str:
        """Nine digits, as img2dataset names its samples."""
        return f"{self.number:09d}"

    @property
    def url(self) -> str:
        """The address that the image is said to come from."""
        return f"{ORIGIN}/{self.scene.key}.png"

    @property
    def sha256(self) -> str:
        """SHA-256 of the image's bytes (hex)."""
        return hashlib.sha256(self.data).hexdigest()


def drawn(count: int, split: Split, size: int) -> list[Drawn]:
    """The first `count` scenes of a split, rendered at `size` x `size` pixels."""
    scenes = (scene(number, split) for number in range(count))
    return [Drawn(number, one, png(one, size)) for number, one in enumerate(scenes)]


def write_tars(samples: Sequence[Drawn], folder: Path, size: int) -> None:
    """Write tar files as img2dataset does, `SHARD` samples each; the same samples give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard, start in enumerate(range(0, len(samples), SHARD)):
        with tarfile.open(folder / f"{shard:05d}.tar", "w") as tar:
            for sample in samples[start : start + SHARD]:
                about = {
                    "url": sample.url,
                    "caption": sample.scene.alt_text,
                    "key": sample.key,
                    "status": "success",
                    "error_message": None,
                    "width": size,
                    "height": size,
                    "original_width": size,
                    "original_height": size,
                    "sha256": sample.sha256,
                }
                _add(tar, f"{sample.key}.json", json.dumps(about, indent=4).encode())
                _add(tar, f"{sample.key}.png", sample.data)
                _add(tar, f"{sample.key}.txt", (sample.scene.alt_text or "").encode())


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # owner and time are left at zero
    member.size = len(data)
    member.mode = 0o644
    tar.addfile(member, io.BytesIO(data))


def write_pairs(samples: Sequence[Drawn], file: Path) -> None:
    """Write one Parquet table with the bytes of the images: `image`, `url`, `caption` (null: none)."""
    table = pa.table(
        {
            "key": [sample.key for sample in samples],
            "url": [sample.url for sample in samples],
            "caption": pa.array([sample.scene.alt_text for sample in samples], pa.string()),
            "image": pa.array([sample.data for sample in samples], pa.binary()),
        }
    )
    pq.write_table(table, file)


def write_truth(samples: Sequence[Drawn], file: Path) -> None:
    """Write what is true of every image, sorted by id."""
    rows = [
        {
            "id": sample.sha256,
            "url": sample.url,
            "dense": sample.scene.dense,
            "caption": sample.scene.caption,
            "alt_text": sample.scene.alt_text,
            "alt_kind": sample.scene.alt_kind,
            "name": sample.scene.name,
            "held_out": sample.scene.held_out,
        }
        for sample in sorted(samples, key=lambda sample: sample.sha256)
    ]
    pq.write_table(pa.Table.from_pylist(rows, TRUTH), file)


def make(out: Path, scenes: int, held_out: int = 0, size: int = 64, site: bool = False) -> None:
    """Write everything under `out`; see the module's docstring."""
    out.mkdir(parents=True, exist_ok=True)
    training, unseen = drawn(scenes, "training", size), drawn(held_out, "held-out", size)
    write_tars(training, out / "tar", size)
    write_tars(unseen, out / "held-out", size)
    write_pairs(training, out / "pairs.parquet")
    write_truth([*training, *unseen], out / "truth.parquet")
    if site:
        write_site([(sample.key, sample.scene, sample.data) for sample in training], out / "site", size)


def main() -> int:
    """Parse the command line, write, say what was written."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--scenes", type=int, default=4000, help="scenes with names of the training side")
    parser.add_argument("--held-out", type=int, default=0, help="scenes with names that are held out")
    parser.add_argument("--size", type=int, default=64, help="side of an image in pixels")
    parser.add_argument("--site", action="store_true", help="write a web site, too")
    arguments = parser.parse_args()
    if arguments.scenes < 1 or arguments.held_out < 0 or not 32 <= arguments.size <= 2048:
        parser.error("--scenes must be 1 or more, --held-out 0 or more, --size between 32 and 2048")
    make(arguments.out, arguments.scenes, arguments.held_out, arguments.size, arguments.site)
    print(f"{arguments.out}: {arguments.scenes} scenes, {arguments.held_out} with held-out names")
    return 0


if __name__ == "__main__":
    sys.exit(main())
