"""ArXiv's bulk tars are read in ranges, each paper once, and held against their manifest."""

from __future__ import annotations

import gzip
import itertools
import random
from pathlib import Path

import pytest

from components.core.errors import ConfigurationError
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.crawl.arxiv_bulk import Member, TarDamage, read_manifest, read_members
from components.crawl.extract import ExtractStage
from components.crawl.kinds import Kind, sniff
from components.crawl.params import ExtractParams
from components.crawl.source_units import OPEN_END
from components.crawl.sources import SourcesParams, list_sources
from tests.crawl.arxiv_bytes import bulk_tar, manifest

TEX = b"\\documentclass{article}\\begin{document}\\section{Results}We found %d of them.\\end{document}"


def papers(count: int) -> dict[str, bytes]:
    rng = random.Random(7)
    return {
        f"2301.{n:05d}.gz": gzip.compress(
            TEX % n + b"%" + rng.randbytes(rng.randrange(9000)).hex().encode(), mtime=0
        )
        for n in range(1, count + 1)
    }


def members(uri: str, start: int = 0, stop: int = OPEN_END, most: int = 1 << 20) -> list[Member | TarDamage]:
    return list(read_members(Stores(), uri, start, stop, most))


def test_names_become_identifiers():
    for name, paper in {
        "2301/2301.00001.gz": "2301.00001",
        "0704/0704.0001.pdf": "0704.0001",
        "0001/astro-ph0001001.gz": "astro-ph/0001001",
        "9912/math9912001.gz": "math/9912001",
        "2301/2301.00001v2.gz": "2301.00001",
        "2301/readme.txt": None,
    }.items():
        member = Member(0, name, 1, b"x")
        assert member.paper == paper
        assert member.url == (paper and f"https://arxiv.org/abs/{paper}")


def test_a_bulk_tar_is_told_from_the_source_of_a_paper(tmp_path):
    tar = bulk_tar("2301", papers(3))
    assert sniff(tar[:8192], "anything") is Kind.ARXIV
    assert sniff(bulk_tar("0001", {"hep-th0001001.pdf": b"%PDF-1.4"})[:8192]) is Kind.ARXIV
    assert sniff(bulk_tar("src", {"main.tex": TEX})[:8192]) is Kind.LATEX


@pytest.mark.parametrize("length", [512, 1000, 4096, 50_000, 1 << 20])
def test_every_member_is_in_one_range(tmp_path, length):
    given = papers(40)
    path = tmp_path / "arXiv_src_2301_001.tar"
    path.write_bytes(bulk_tar("2301", given))
    size = path.stat().st_size
    whole = members(path.as_uri())
    assert {m.name: m.data for m in whole if isinstance(m, Member)} == {
        f"2301/{k}": v for k, v in given.items()
    }
    edges = [*range(0, size, length), size]
    parts = [m for start, stop in itertools.pairwise(edges) for m in members(path.as_uri(), start, stop)]
    assert parts == whole


def test_what_is_too_large_is_named_without_its_data(tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(bulk_tar("2301", {"2301.00001.gz": bytes(5000), "2301.00002.gz": b"x"}))
    first, second = members(path.as_uri(), most=100)
    assert (first.size, first.data, second.data) == (5000, None, b"x")


def test_damage_costs_what_is_damaged(tmp_path):
    given = papers(5)
    data = bytearray(bulk_tar("2301", given))
    second = data.index(b"2301/2301.00002.gz")
    data[second : second + 512] = b"\xff" * 512
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    found = members(path.as_uri())
    assert [type(m) for m in found] == [Member, TarDamage, Member, Member, Member]
    assert found[1].offset == second
    last = data.index(b"2301/2301.00005.gz")
    path.write_bytes(data[: last + 600])
    assert members(path.as_uri())[-1] == TarDamage(last, "the tar ends inside '2301/2301.00005.gz'")


def extracted(folder: Path, *inputs: str, **grouping: int) -> tuple[list[dict], list[dict], Output]:
    stores, stage = Stores(), ExtractStage(ExtractParams())
    plan = list_sources(list(inputs), stores, SourcesParams(**grouping))
    documents, ledger = [], []
    try:
        for index, shard in enumerate(plan.shards()):
            out = Output(stage.name, stage.reasons)
            stage.run(Unit(index, {"sources": shard}, stores), out)
            failed = sum(line["action"] == "failed" for line in out.ledger)
            dropped = sum(line["action"] == "dropped" for line in out.ledger)
            assert out.rows_in == out.kept + dropped + failed
            documents += [row for table in out.tables["documents"] for row in table.to_pylist()]
            ledger += out.ledger
    finally:
        stage.close()
    return documents, ledger, out


def test_papers_become_documents_with_the_address_of_their_page(tmp_path):
    given = {
        **papers(6),
        "2301.00007.gz": gzip.compress(b"%auto-ignore\nThis paper has been withdrawn."),
        "2301.00008.pdf": b"%PDF-1.4 broken",
        "listing.txt": b"hello",
    }
    path = tmp_path / "arXiv_src_2301_001.tar"
    path.write_bytes(bulk_tar("2301", given))
    documents, ledger, _ = extracted(tmp_path, str(path))
    assert [d["url"] for d in documents] == [f"https://arxiv.org/abs/2301.{n:05d}" for n in range(1, 7)]
    assert all(d["source"] == "latex" and d["source_uri"] == path.as_uri() for d in documents)
    assert "We found 3 of them." in str(documents[2]["items"])
    assert {line["locator"].rpartition("/")[2].partition("#")[0]: line["reason"] for line in ledger} == {
        "2301.00007": "no_latex",
        "2301.00008": "pdf_malformed",
        "arXiv_src_2301_001.tar": "unsupported_type",
    }
    cut, _, _ = extracted(tmp_path, str(path), shard_bytes=1 << 16)
    assert [{**d, "id": 0} for d in cut] == [{**d, "id": 0} for d in documents]
    assert [d["id"] for d in cut] == [d["id"] for d in documents]


def test_the_manifest_lists_tars_and_says_what_they_are(tmp_path):
    tars = []
    for number in range(1, 6):
        tars.append(tmp_path / f"arXiv_src_2301_{number:03d}.tar")
        tars[-1].write_bytes(bulk_tar("2301", papers(number)))
    listing = tmp_path / "arXiv_src_manifest.xml"
    listing.write_bytes(manifest(tars))
    assert next(read_manifest(listing.as_uri(), Stores())).filename == f"src/{tars[0].name}"
    flipped = bytearray(tars[1].read_bytes())
    flipped[-1] ^= 1
    tars[1].write_bytes(flipped)
    tars[2].write_bytes(tars[2].read_bytes() + b"\0" * 512)
    tars[3].unlink()

    def planned(text: str, **params: bool) -> tuple[list[str], dict[str, str]]:
        plan = list_sources([text], Stores(), SourcesParams(**params))
        names = [row["uri"].rpartition("/")[2] for table in plan.files() for row in table.to_pylist()]
        assert plan.counts.imbalance() == 0
        return names, {line["locator"].rpartition("/")[2]: line["reason"] for line in plan.ledger()}

    refused = {tars[2].name: "size_differs", tars[3].name: "missing"}
    assert planned(str(listing)) == ([tars[0].name, tars[1].name, tars[4].name], refused)
    names, reasons = planned(str(listing), check_md5=True)
    assert names == [tars[0].name, tars[4].name]
    assert reasons == {**refused, tars[1].name: "checksum_differs"}
    assert planned(f"{listing}[4:]") == ([tars[4].name], {})
    # in a folder it is one more file, and the tars are taken by their content
    names, reasons = planned(str(tmp_path))
    assert len(names) == 4
    assert reasons == {listing.name: "unsupported_kind"}


def test_a_damaged_manifest_stops_the_run(tmp_path):
    listing = tmp_path / "arXiv_src_manifest.xml"
    listing.write_bytes(b"<arXivSRC><file><filename>x</filename><size>1</size></fil")
    with pytest.raises(ConfigurationError, match="no whole manifest"):
        list_sources([str(listing)], Stores())
    listing.write_bytes(b"<arXivSRC><file><filename>x</filename></file></arXivSRC>")
    with pytest.raises(ConfigurationError, match="without a name or a size"):
        list_sources([str(listing)], Stores())


@pytest.mark.corpora
def test_real_sources_in_a_bulk_tar(corpora, tmp_path):
    sources = sorted((corpora / "latex" / "sources").glob("[0-9]*.tar.gz"), key=lambda p: p.stat().st_size)[
        :6
    ]
    given = {
        (f"{p.name[:4]}.{n:05d}.gz" if "." in p.name[:6] else f"hep-th{p.name[:7]}.gz"): p.read_bytes()
        for n, p in enumerate(sources, 1)
    }
    path = tmp_path / "arXiv_src_2301_001.tar"
    path.write_bytes(bulk_tar("2301", given))
    documents, _, _ = extracted(tmp_path, str(path), shard_bytes=1 << 20)
    alone, _, _ = extracted(tmp_path, *map(str, sources))
    assert len(documents) == len(alone) == 6
    assert [d["items"] for d in documents] == [d["items"] for d in alone]
