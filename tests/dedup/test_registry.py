"""Later runs are deduplicated against earlier ones without doing those again."""

from __future__ import annotations

import random
import shutil
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from components.core.errors import ConfigurationError
from components.core.records import record_id
from components.core.seen import SeenPayloads, payload_key
from components.core.shards import read, read_partition
from components.core.stage import Output, Unit, empty
from components.core.store import Stores, open_store
from components.dedup.params import DedupParams, RegistryParams
from components.dedup.registry import Layout, register, settings_digest, snapshot
from components.dedup.released_keys import ReleasedKeysStage
from tests.crawl.warc_bytes import http, record, zipped
from tests.dedup.registry_runs import SETTINGS, Run

WORDS = [f"{a}{b}{c}" for a in "bdfglmnprst" for b in "aeiou" for c in ("", "n", "rk", "st")]


def prose(seed: int, words: int = 90) -> list[str]:
    return random.Random(seed).choices(WORDS, k=words)


def page(words: list[str], footer: str = "") -> bytes:
    """A page whose main text is these words, in sentences."""
    sentences = [" ".join(words[at : at + 12]).capitalize() + "." for at in range(0, len(words), 12)]
    body = "".join(f"<p>{' '.join(sentences[at : at + 3])}</p>" for at in range(0, len(sentences), 3))
    return (
        f"<!doctype html><html lang=en><head><title>{words[0]}</title></head>"
        f"<body><article><h1>{words[0]} {words[1]}</h1>{body}</article><!-- {footer} --></body></html>"
    ).encode()


def warc(path: Path, pages: dict[int, bytes]) -> str:
    """A WARC file of pages by the number in their record id and address."""
    records = [record(number, http(data)) for number, data in pages.items()]
    path.write_bytes(b"".join(zipped(records)))
    return path.as_uri()


def document_id(number: int) -> str:
    return record_id("warc", f"urn:uuid:00000000-0000-0000-0000-{number:012d}")


def params(registry: str, run: str, **more: bool) -> RegistryParams:
    return RegistryParams(uri=registry, run=run, **more)


OLD = {n: page(prose(n)) for n in range(1, 7)}
"""Pages of the first crawl."""
NEW = {
    11: OLD[1],  # the same bytes at another address
    12: page(prose(2), "saved again"),  # other bytes, the same text
    13: page([*prose(3)[:-1], "other"]),  # nearly the same text
    14: page(prose(14)),
    5: page(prose(15)),  # the address of an old page, with a new text
    16: page(prose(16)),
}
"""Pages of the second crawl: three new ones, if captures of a released address are no news."""


def first_run(tmp_path: Path, registry: str) -> Run:
    return Run((tmp_path / "one").as_uri(), params(registry, "2024-10")).whole(
        [warc(tmp_path / "1.warc.gz", OLD)]
    )


def second_run(tmp_path: Path, registry: str, out: str = "two", **more: bool) -> Run:
    run = Run((tmp_path / out).as_uri(), params(registry, "2024-18", **more))
    return run.begin().extract([warc(tmp_path / "2.warc.gz", NEW)]).deduplicate()


@pytest.fixture
def registry(tmp_path: Path) -> str:
    return (tmp_path / "registry").as_uri()


def test_the_second_run_names_the_record_and_the_run(tmp_path: Path, registry: str) -> None:
    first = first_run(tmp_path, registry)
    assert len(first.rows("dedup.documents")) == 6
    second = second_run(tmp_path, registry)
    assert {row["id"] for row in second.rows("dedup.documents")} == {document_id(n) for n in (14, 16)}
    (seen,) = second.ledger("extract.documents")
    assert (seen["record_id"], seen["reason"]) == (document_id(11), "seen_before")
    assert "run 2024-10" in seen["detail"]
    told = {line["record_id"]: line for line in second.ledger("dedup.documents")}
    assert {id_: line["reason"] for id_, line in told.items()} == {
        document_id(12): "exact_text",
        document_id(13): "near_text",
        document_id(5): "same_url",
    }
    for number, of in ((12, 2), (13, 3), (5, 5)):
        assert f"duplicate of {document_id(of)} of run 2024-10" in told[document_id(number)]["detail"]


def test_without_a_registry_nothing_is_known_and_nothing_written(tmp_path: Path) -> None:
    run = Run((tmp_path / "out").as_uri(), RegistryParams())
    run.begin().extract([warc(tmp_path / "2.warc.gz", NEW)]).deduplicate()
    assert run.end() is None
    assert len(run.rows("dedup.documents")) == 6
    assert run.made["registry.known_keys"].rows == run.made["registry.seen_payloads"].rows == 0
    assert run.made["released_keys.keys"].shards == []


def test_a_third_run_is_held_against_both(tmp_path: Path, registry: str) -> None:
    first_run(tmp_path, registry)
    second_run(tmp_path, registry).end()
    third = Run((tmp_path / "three").as_uri(), params(registry, "2024-22"))
    pages = {21: OLD[4], 22: NEW[14], 23: page(prose(16), "again"), 24: page(prose(24))}
    third.whole([warc(tmp_path / "3.warc.gz", pages)])
    assert {row["id"] for row in third.rows("dedup.documents")} == {document_id(24)}
    said = " ".join(line["detail"] for line in third.ledger("extract.documents"))
    assert "run 2024-10 has" in said
    assert "run 2024-18 has" in said
    (near,) = third.ledger("dedup.documents")
    assert f"duplicate of {document_id(16)} of run 2024-18" in near["detail"]


def test_dropped_documents_are_seen_but_not_known(tmp_path: Path, registry: str) -> None:
    first_run(tmp_path, registry)
    second = second_run(tmp_path, registry)
    second.end()
    third = snapshot((tmp_path / "three").as_uri(), params(registry, "x"), DedupParams(), 3, SETTINGS)
    store = open_store((tmp_path / "three").as_uri())
    known = [row for shard in third["known_keys"].shards for row in read(store, shard).to_pylist()]
    by_run = {(row["run"], row["id"]) for row in known}
    assert by_run == {("2024-10", document_id(n)) for n in OLD} | {
        ("2024-18", document_id(n)) for n in (14, 16)
    }
    assert {row["band"] for row in known} == {-2, -1, *range(14)}
    files = read(store, third["seen_payloads"].shards[0])
    seen = SeenPayloads(files, Stores())
    assert seen.run_of(payload_key(NEW[13])) == "2024-18"
    assert seen.run_of(payload_key(OLD[6])) == "2024-10"
    assert seen.run_of(payload_key(page(prose(99)))) is None


def test_a_resumed_run_sees_what_it_saw_when_it_began(tmp_path: Path, registry: str) -> None:
    """Between its beginning and its end other runs are registered, and it itself is."""
    first_run(tmp_path, registry)
    begun = Run((tmp_path / "two").as_uri(), params(registry, "2024-18")).begin()
    other = Run((tmp_path / "other").as_uri(), params(registry, "other"))
    other.whole([warc(tmp_path / "o.warc.gz", {31: NEW[14]})])
    second = second_run(tmp_path, registry)
    assert document_id(14) in {row["id"] for row in second.rows("dedup.documents")}
    assert second.made["registry.known_keys"].digest == begun.made["registry.known_keys"].digest
    second.end()
    again = second_run(tmp_path, registry)
    assert again.digests() == second.digests()
    again.end()
    fresh = Run((tmp_path / "four").as_uri(), params(registry, "four")).begin()
    assert len(fresh.made["registry.known_keys"].shards) > len(begun.made["registry.known_keys"].shards)


def test_a_run_that_began_with_other_parameters_freezes_anew(tmp_path: Path, registry: str) -> None:
    out = (tmp_path / "two").as_uri()
    before = Run(out, params(registry, "a")).begin()
    first_run(tmp_path, registry)
    assert Run(out, params(registry, "a")).begin().digests() == before.digests()
    assert Run(out, params(registry, "b")).begin().made["registry.known_keys"].rows > 0


def test_registering_twice_changes_nothing(tmp_path: Path, registry: str, capsys) -> None:
    first = first_run(tmp_path, registry)
    folder = tmp_path / "registry"
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(files) >= 3 + 3
    capsys.readouterr()
    first.end()
    assert "2024-10 was registered before, with the same content" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


def test_another_content_under_a_registered_name_is_refused(tmp_path: Path, registry: str) -> None:
    first = first_run(tmp_path, registry)
    manifest = (tmp_path / "registry" / "runs" / "2024-10" / "manifest.json").read_bytes()
    payloads = first.made["extract.payloads"].model_copy(update={"shards": []})
    with pytest.raises(ConfigurationError, match=r"another content.*another name \(dedup\.registry\.run\)"):
        register(first.out, first.registry, first.text, SETTINGS, first.made["released_keys.keys"], payloads)
    assert (tmp_path / "registry" / "runs" / "2024-10" / "manifest.json").read_bytes() == manifest


def test_a_name_that_is_taken_is_refused_at_the_start(tmp_path: Path, registry: str) -> None:
    first_run(tmp_path, registry)
    with pytest.raises(ConfigurationError, match=r"has a run '2024-10' already, made in .*/one"):
        Run((tmp_path / "two").as_uri(), params(registry, "2024-10")).begin()


@pytest.mark.parametrize(
    ("text", "partitions", "named"),
    [
        ({}, 5, r"run\.partitions to 3"),
        ({"shingle": 7}, 3, r"dedup\.text\.shingle to 5"),
        ({"seed": 2}, 3, r"dedup\.text\.seed to 1"),
    ],
)
def test_keys_that_could_never_match_are_refused(
    tmp_path: Path, registry: str, text: dict, partitions: int, named: str
) -> None:
    snapshot((tmp_path / "one").as_uri(), params(registry, "one"), DedupParams(), 3, SETTINGS)
    with pytest.raises(ConfigurationError, match=f"set {named}"):
        snapshot(
            (tmp_path / "two").as_uri(), params(registry, "two"), DedupParams(**text), partitions, SETTINGS
        )


def test_payloads_are_read_again_with_other_settings_or_when_asked(tmp_path: Path, registry: str) -> None:
    first_run(tmp_path, registry)
    out = (tmp_path / "two").as_uri()
    other = snapshot(out, params(registry, "two"), DedupParams(), 3, {"extract": {"statuses": [200, 203]}})
    assert other["seen_payloads"].rows == 0
    assert other["known_keys"].rows > 0
    asked = snapshot(out, params(registry, "two", skip_seen=False), DedupParams(), 3, SETTINGS)
    assert asked["seen_payloads"].rows == 0
    assert snapshot(out, params(registry, "two"), DedupParams(), 3, SETTINGS)["seen_payloads"].rows == 3
    assert settings_digest({"a": 1, "b": 2}) == settings_digest({"b": 2, "a": 1})


def test_a_page_that_is_read_again_is_a_duplicate_of_what_was_released(tmp_path: Path, registry: str) -> None:
    first_run(tmp_path, registry)
    second = second_run(tmp_path, registry, skip_seen=False)
    assert second.ledger("extract.documents") == []
    told = {line["record_id"]: line for line in second.ledger("dedup.documents")}
    assert f"duplicate of {document_id(1)} of run 2024-10" in told[document_id(11)]["detail"]
    assert {row["id"] for row in second.rows("dedup.documents")} == {document_id(n) for n in (14, 16)}


def test_a_registry_that_lost_a_run_stops_those_that_counted_on_it(tmp_path: Path, registry: str) -> None:
    first_run(tmp_path, registry)
    run = Run((tmp_path / "two").as_uri(), params(registry, "two")).begin()
    shutil.rmtree(tmp_path / "registry" / "runs" / "2024-10")
    with pytest.raises(ConfigurationError, match=r"2024-10/manifest\.json is not what it was"):
        run.begin()


def test_runs_that_register_at_the_same_time(tmp_path: Path, registry: str) -> None:
    """Of four with one name, one result wins; runs with other names don't notice."""
    pages = {"a": {1: OLD[1]}, "b": {2: OLD[2]}}
    runs = [
        Run((tmp_path / f"out{n}").as_uri(), params(registry, name)).begin()
        for n, name in enumerate(["same", "same", "same", "x", "y"])
    ]
    for run, name in zip(runs, "abaab", strict=True):
        run.extract([warc(tmp_path / f"{name}.warc.gz", pages[name])]).deduplicate()
    barrier = threading.Barrier(len(runs))
    refused: list[int] = []

    def end(number: int) -> None:
        barrier.wait()
        try:
            runs[number].end()
        except ConfigurationError:
            refused.append(number)

    threads = [threading.Thread(target=end, args=[n]) for n in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(refused) in ([1], [0, 2])
    winner = OLD[1] if refused == [1] else OLD[2]
    after = snapshot((tmp_path / "after").as_uri(), params(registry, "after"), DedupParams(), 3, SETTINGS)
    store = open_store((tmp_path / "after").as_uri())
    table = pa.concat_tables(
        [read_partition(store, after["known_keys"], n, empty("known_keys/1")) for n in range(3)]
    )
    assert set(table.column("run").to_pylist()) == {"same", "x", "y"}
    seen = SeenPayloads(read(store, after["seen_payloads"].shards[0]), Stores())
    assert seen.run_of(payload_key(winner)) == "same"


def test_partitions_of_the_registry_are_those_of_the_run(tmp_path: Path, registry: str) -> None:
    first = first_run(tmp_path, registry)
    known = Run((tmp_path / "two").as_uri(), params(registry, "two")).begin().made["registry.known_keys"]
    store = open_store((tmp_path / "two").as_uri())
    for number in range(3):
        table = read_partition(store, known, number, empty("known_keys/1"))
        mine = read_partition(
            open_store(first.out), first.made["released_keys.keys"], number, empty("known_keys/1")
        )
        assert table.num_rows == mine.num_rows > 0
        assert {key % 3 for key in table.column("key").to_pylist()} == {number}
        keys = list(zip(table.column("band").to_pylist(), table.column("key").to_pylist(), strict=True))
        assert keys == sorted(keys)


def test_keys_of_released_documents_only() -> None:
    stage = ReleasedKeysStage(RegistryParams(uri="file:///r", run="one"))
    out = Output(step=stage.name, reasons=stage.reasons)
    keys = {"band": [-1, -1, -1, 0, 0], "key": [5, 6, 7, 8, 9], "row": [0, 1, 2, 0, 2]}
    stage.run(
        Unit(
            0,
            {
                "documents": pa.table({"id": ["a", "b", "c"]}),
                "released": pa.table({"id": ["c", "a"]}),
                "keys": pa.table(
                    {
                        "band": pa.array(keys["band"], pa.int16()),
                        "key": pa.array(keys["key"], pa.uint64()),
                        "row": pa.array(keys["row"], pa.int32()),
                    }
                ),
            },
            Stores(),
        ),
        out,
    )
    (table,) = out.tables["keys"]
    assert [(row["band"], row["key"], row["id"], row["run"]) for row in table.to_pylist()] == [
        (-1, 5, "a", "one"),
        (-1, 7, "c", "one"),
        (0, 8, "a", "one"),
        (0, 9, "c", "one"),
    ]


def test_a_registry_needs_a_name_for_the_run() -> None:
    with pytest.raises(ValueError, match=r"set dedup\.registry\.run"):
        RegistryParams(uri="s3://bucket/registry")
    with pytest.raises(ValueError, match="pattern"):
        RegistryParams(uri="/some/folder", run="one")
    with pytest.raises(ValueError, match="pattern"):
        RegistryParams(uri="file:///r", run="../one")


def test_layout_names_everything_that_makes_a_key() -> None:
    assert set(Layout.model_fields) - {"partitions", "keys_version"} <= set(DedupParams.model_fields)


def test_in_an_object_store(tmp_path: Path, s3_bucket: str, monkeypatch) -> None:
    """Registry and outputs on S3; what was seen is copied to the machine once."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("KALEMINT_CACHE", str(cache))
    registry = f"s3://{s3_bucket}/registry"
    first = Run(f"s3://{s3_bucket}/one", params(registry, "2024-10"))
    first.whole([warc(tmp_path / "1.warc.gz", OLD)])
    first.end()
    second = Run(f"s3://{s3_bucket}/two", params(registry, "2024-18"))
    second.whole([warc(tmp_path / "2.warc.gz", NEW)])
    assert {row["id"] for row in second.rows("dedup.documents")} == {document_id(n) for n in (14, 16)}
    (seen,) = second.ledger("extract.documents")
    assert "run 2024-10" in seen["detail"]
    assert 1 <= len(list(cache.glob("*.u64"))) <= 3
