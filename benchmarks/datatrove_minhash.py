"""The peer of dedup_speed.py: datatrove's MinHash deduplication, in an environment of its own.

    python benchmarks/datatrove_minhash.py TEXTS.jsonl

Every line of TEXTS.jsonl is a JSON string. Runs the four stages as examples/fineweb.py sets them up:
signatures of word 5-grams (14 buckets x 8 hashes), buckets, clusters, filter. Prints one JSON object:
the processor seconds of the stages, start-up, imports and reading apart; and [document, cluster] for
every document that is in a cluster.
"""

from __future__ import annotations

import argparse
import json
import logging
import struct
import tempfile
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.utils.hashing import HashConfig
from datatrove.utils.logging import logger


def documents(texts: list[str]) -> list[Document]:
    return [Document(text=text, id=str(number)) for number, text in enumerate(texts)]


def run(texts: list[str], folder: str) -> tuple[float, int]:
    """Processor seconds, and how many documents are kept."""
    config = MinhashConfig(
        hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5
    )
    signatures = MinhashDedupSignature(f"{folder}/signatures", config=config)
    buckets = MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)
    cluster = MinhashDedupCluster(
        f"{folder}/buckets", f"{folder}/remove", config=config, save_cluster_id=True
    )
    last = MinhashDedupFilter(f"{folder}/remove")
    first, second = documents(texts), documents(texts)
    started = time.process_time()
    signatures.run(iter(first), 0, 1)
    for bucket in range(config.num_buckets):
        buckets.run(None, bucket, config.num_buckets)
    cluster.run(None, 0, 1)
    kept = sum(1 for _ in last.run(iter(second), 0, 1))
    return time.process_time() - started, kept


def main() -> None:
    parser = argparse.ArgumentParser(description="datatrove's MinHash deduplication of texts.")
    parser.add_argument("texts", type=Path)
    arguments = parser.parse_args()
    logger.remove()
    logging.disable()
    texts = [json.loads(line) for line in arguments.texts.read_text().splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        run(["This loads the tokenizer and compiles nothing else."] * 2, folder)
    with tempfile.TemporaryDirectory() as folder:
        seconds, kept = run(texts, folder)
        pairs = list(struct.iter_unpack("<II", Path(folder, "remove", "000000.clusters").read_bytes()))
    print(json.dumps({"seconds": seconds, "kept": kept, "clusters": pairs}))


if __name__ == "__main__":
    main()
