"""What a second crawl costs that holds mostly pages of the first, with the dedup registry and without.

    python benchmarks/snapshot_overlap.py --corpora FOLDER [--old 0.8] [--changed 0.1] [--rounds 5]

The pages of the corpora are a second crawl. A share of them (--old) was crawled before; of those, a share
(--changed) has other bytes and the same text this time, as a page with a new time stamp has: it can't be
recognized before it is parsed. Three runs of extraction and text deduplication, registry included, all
through the runtime and in one process, are measured in CPU-seconds, children included:

- the second crawl by itself, without a registry;
- the second crawl, with the first one registered;
- only what is new in it (new pages, and changed ones), without a registry: what nobody can go below.

Both runs of the second crawl must release the same new pages. What remains of an old page is reading it
out of its WARC file and hashing it. The bar: that is no more than a quarter of what it costs without a
registry, so that at 80 % overlap a crawl costs less than half.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import random
import resource
import statistics
import tempfile
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType

from components.core.execute import UnitRunner
from components.core.manifest import Manifest
from components.core.plan import StepPlan
from components.core.runner import commit, publish
from components.core.shards import read
from components.core.stage import Stage
from components.core.store import Stores, open_store
from components.crawl.extract import ExtractStage
from components.crawl.params import ExtractParams
from components.crawl.sources import list_sources
from components.dedup.apply import DropDuplicatesStage
from components.dedup.bloom import BloomStage
from components.dedup.cluster import ClusterStage
from components.dedup.keys import KeysStage
from components.dedup.match import MatchStage
from components.dedup.params import BloomParams, DedupParams, RegistryParams
from components.dedup.registry import register, snapshot
from components.dedup.released_keys import ReleasedKeysStage

PARTITIONS = 16
STAMP = b"\n<!-- saved again -->"


def captures(path: Path) -> list[tuple[dict[str, str], bytes]]:
    """Headers and HTTP messages of the responses of a WARC file."""
    found = []
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, parse_http=False, record_types=WarcRecordType.response):
            found.append((dict(record.headers), record.reader.read()))
    return found


def write(path: Path, records: Iterable[tuple[dict[str, str], bytes]], changed: set[str]) -> str:
    """A WARC file of captures; those whose ids are in `changed` get a comment at their end."""
    with path.open("wb") as file:
        for headers, message in records:
            block = message
            if headers["WARC-Record-ID"] in changed:
                head, _, body = message.partition(b"\r\n\r\n")
                lines = [
                    line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length:")
                ]
                block = b"\r\n".join(lines) + b"\r\n\r\n" + body + STAMP
            kept = {
                k: v for k, v in headers.items() if k.lower() not in ("content-length", "warc-block-digest")
            }
            kept = {**kept, "Content-Length": str(len(block))}
            lines_of = "".join(f"{name}: {value}\r\n" for name, value in kept.items())
            record = b"WARC/1.1\r\n" + lines_of.encode() + b"\r\n" + block + b"\r\n\r\n"
            file.write(gzip.compress(record, 6, mtime=0))
    return path.as_uri()


def run(source: str, out: str, registry: RegistryParams) -> tuple[set[str], dict[str, int]]:
    """Extraction and text deduplication; the ids that are left, and what was dropped and why."""
    text = DedupParams()
    made: dict[str, Manifest] = {
        f"registry.{port}": manifest
        for port, manifest in snapshot(out, registry, text, PARTITIONS, {}).items()
    }
    plan = list_sources([source], Stores())
    made["sources.sources"] = publish(
        "sources", "sources", "sources/1", plan.shards(), plan.ledger(), plan.counts, out, params={}
    )

    def step(stage: Stage, **inputs: str) -> None:
        stage.partitions = PARTITIONS
        given = {port: made[name] for port, name in inputs.items()}
        units = StepPlan(stage, given)
        runner = UnitRunner(units, out, open_store(out))
        for unit in units.units:
            runner.run(unit)
        stage.close()
        made.update({f"{stage.name}.{port}": m for port, m in commit(stage, given, out).items()})

    documents = "extract.documents"
    step(ExtractStage(ExtractParams()), sources="sources.sources", seen="registry.seen_payloads")
    step(KeysStage(text), documents=documents)
    step(
        MatchStage(text),
        keys="dedup_keys.keys",
        paragraphs="dedup_keys.paragraphs",
        known="registry.known_keys",
    )
    step(
        ClusterStage(text),
        documents=documents,
        edges="dedup_match.edges",
        known_matches="dedup_match.known_matches",
        kept=documents,
    )
    step(BloomStage(BloomParams()), documents=documents)
    step(
        DropDuplicatesStage(text),
        documents=documents,
        duplicates="dedup_cluster.duplicates",
        drops="bloom.drops",
        boilerplate="dedup_match.boilerplate",
    )
    step(ReleasedKeysStage(registry), documents=documents, released="dedup.documents", keys="dedup_keys.keys")
    register(out, registry, text, {}, made["released_keys.keys"], made["extract.payloads"])
    store = open_store(out)
    left = {
        i for shard in made["dedup.documents"].shards for i in read(store, shard, ["id"])["id"].to_pylist()
    }
    dropped = {**made["dedup.documents"].counts.dropped}
    if seen := made["extract.documents"].counts.dropped.get("seen_before"):
        dropped["seen_before"] = seen
    return left, dropped


def processor_seconds() -> float:
    """Of this process and every child that has ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=Path, default=os.environ.get("KALEMINT_CORPORA"))
    parser.add_argument("--old", type=float, default=0.8, help="share of the pages that was crawled before")
    parser.add_argument("--changed", type=float, default=0.0, help="share of those with other bytes now")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.corpora is None:
        parser.error("give --corpora or set KALEMINT_CORPORA: its pages are the crawl")
    pages = captures(Path(options.corpora) / "web" / "pages.warc.gz")
    random.Random(5).shuffle(pages)
    old, new = pages[: round(len(pages) * options.old)], pages[round(len(pages) * options.old) :]
    changed = {headers["WARC-Record-ID"] for headers, _ in old[: round(len(old) * options.changed)]}
    fresh = [page for page in pages if page in new or page[0]["WARC-Record-ID"] in changed]
    print(f"second crawl: {len(pages)} pages, {len(old)} of them old, {len(changed)} of these changed")
    with tempfile.TemporaryDirectory() as name, redirect_stdout(io.StringIO()):
        folder = Path(name)
        first = write(folder / "first.warc.gz", old, set())
        second = write(folder / "second.warc.gz", pages, changed)
        only = write(folder / "new.warc.gz", fresh, changed)
        nothing = RegistryParams()
        seconds: dict[str, list[float]] = {"without": [], "with": [], "new": []}
        results: dict[str, tuple[set[str], dict[str, int]]] = {}
        released, _ = run(first, (folder / "warm").as_uri(), nothing)  # loads compiled code, too
        for number in range(options.rounds):
            root = folder / str(number)
            registry = (root / "registry").as_uri()
            run(first, (root / "first").as_uri(), RegistryParams(uri=registry, run="first"))
            for side, source, params in (
                ("without", second, nothing),
                ("with", second, RegistryParams(uri=registry, run="second")),
                ("new", only, nothing),
            ):
                began = processor_seconds()
                results[side] = run(source, (root / side).as_uri(), params)
                seconds[side].append(processor_seconds() - began)
    middle = {side: statistics.median(times) for side, times in seconds.items()}
    labels = {
        "without": "second crawl, no registry",
        "with": "second crawl, with the registry",
        "new": "only what is new, no registry",
    }
    for side, label in labels.items():
        left, dropped = results[side]
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
        print(f"{label:32} {middle[side]:6.2f} CPU-s; {len(left)} documents released; dropped: {reasons}")
    news = results["without"][0] - released
    print(f"new documents: {len(news)}; of them released with the registry: {len(news & results['with'][0])}")
    print(f"old documents released again: {len(results['with'][0] & released)}")
    print(f"with / without = {middle['with'] / middle['without']:.2f} (bar at 80 %: 0.5)")
    print(f"with / only new = {middle['with'] / middle['new']:.2f}")
    share = (middle["with"] - middle["new"]) / (middle["without"] - middle["new"])
    print(f"cost of an old page with / without = {share:.2f} (bar: 0.25)")


if __name__ == "__main__":
    main()
