"""Makes training rows of the Cauldron (HuggingFaceM4/the_cauldron), for the second phase of the ablation.

    python examples/ablation-gpu/cauldron_rows.py --cauldron FOLDER --rows 1000000 [--shares FILE] --out DIR

FOLDER has a folder of Parquet files for each of its tasks, as the hub has them: columns `images` (list of
structs with `bytes`) and `texts` (list of structs with `user` and `assistant`). Samples with several images
are left out (BLIP3-KALE, section 3), and so are those whose image has no bytes; of a conversation the first
turn is taken. FILE is a YAML of task → weight, for instance Idefics2's (arXiv 2405.02246, appendix); without
it a task counts by its number of samples. Which samples are taken depends on their place alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from components.core.hash_share import hash_share

SCHEMA: Final = pa.schema(
    [
        pa.field("image", pa.large_binary()),
        pa.field("system", pa.string()),
        pa.field("user", pa.string()),
        pa.field("target", pa.string()),
    ]
)
_BATCH: Final = 256


def sizes(cauldron: Path) -> dict[str, int]:
    """Samples of each task, by the name of its folder."""
    tasks = {folder.name: sorted(folder.glob("*.parquet")) for folder in sorted(cauldron.iterdir())}
    return {
        name: sum(pq.read_metadata(file).num_rows for file in files) for name, files in tasks.items() if files
    }


def taken(
    found: Mapping[str, int], rows: int, weights: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The share of each task's samples that is taken.

    Raises:
        ValueError: where a weight is of a task that is not there, or wants more samples than the task has.
    """
    given = dict(weights) if weights else {name: float(size) for name, size in found.items()}
    if unknown := sorted(given.keys() - found.keys()):
        raise ValueError(f"no folder of that name: {', '.join(unknown)}")
    whole = sum(given.values())
    shares = {name: rows * weight / whole / found[name] for name, weight in given.items()}
    if short := [name for name, share in shares.items() if share > 1]:
        raise ValueError(f"too few samples for {rows:,} rows: {', '.join(sorted(short))}")
    return shares


def row(sample: Mapping[str, Any]) -> dict[str, Any] | None:
    """The training row of a sample; None for one that can't be used."""
    images, texts = sample["images"], sample["texts"]
    if len(images) != 1 or not images[0] or not images[0]["bytes"] or not texts:
        return None
    user, target = texts[0]["user"].strip(), texts[0]["assistant"].strip()
    if not user or not target:
        return None
    return {"image": images[0]["bytes"], "system": None, "user": user, "target": target}


def samples(folder: Path, share: float) -> Iterator[dict[str, Any]]:
    """A share of the samples of a task; the images of the others do not become Python objects."""
    number = 0
    for file in sorted(folder.glob("*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(_BATCH, columns=["images", "texts"]):
            places = [
                place
                for place in range(batch.num_rows)
                if hash_share(f"{folder.name}/{number + place}", "cauldron") < share
            ]
            number += batch.num_rows
            yield from batch.take(pa.array(places, pa.int64())).to_pylist()


def write(cauldron: Path, shares: Mapping[str, float], out: Path) -> tuple[int, int]:
    """Write a Parquet file for each task; numbers of samples that were written and that were left out."""
    out.mkdir(parents=True, exist_ok=True)
    written = left_out = 0
    for name, share in shares.items():
        with pq.ParquetWriter(out / f"{name}.parquet", SCHEMA) as writer:
            rows: list[dict[str, Any]] = []
            for sample in samples(cauldron / name, share):
                made = row(sample)
                left_out += made is None
                rows += [made] if made else []
                if len(rows) == _BATCH:
                    writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
                    written, rows = written + len(rows), []
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
            written += len(rows)
    return written, left_out


def main() -> int:
    """Parse the command line, write, say what was written."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cauldron", type=Path, required=True, help="folder with a folder for each task")
    parser.add_argument("--rows", type=int, default=1_000_000, help="samples that are drawn, about")
    parser.add_argument("--shares", type=Path, help="YAML of task → weight")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args()
    weights = yaml.safe_load(arguments.shares.read_text()) if arguments.shares else None
    try:
        shares = taken(sizes(arguments.cauldron), arguments.rows, weights)
    except ValueError as error:
        parser.error(str(error))
    written, left_out = write(arguments.cauldron, shares, arguments.out)
    print(f"{arguments.out}: {written:,} rows, {left_out:,} samples left out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
