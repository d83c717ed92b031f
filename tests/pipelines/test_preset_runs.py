"""Every preset as a whole run, over a small web whose server has the images and a paper."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.core import shards
from components.core.manifest import Manifest
from components.core.store import open_store
from pipelines.inspection import plan_retry, verify, why
from tests.pipelines import chain
from tests.pipelines.small_web import FREQUENT, PAPER, Web, picture, small_web
from tests.pipelines.test_resume import finished_units

SETTINGS = [
    "run.processes=1",
    "run.partitions=2",
    *(
        f"crawl.{section}.{value}"
        for section in ("images", "pdfs")
        for value in ("allow_private=true", "site_files=false", "own_servers=true", "backoff_s=0.01")
    ),
]
CLOCKED = ("fetch_pdfs.sources", "fetch_pdfs.fetches", "fetch_images.fetches")
"""Datasets that hold the time at which something was fetched."""

LETTERS = PAPER.with_name("lmer.pdf")

Datasets = Mapping[str, Manifest]
Rows = list[dict[str, Any]]


def rows(manifest: Manifest, columns: list[str] | None = None) -> Rows:
    store = open_store(manifest.location)
    return [row for shard in manifest.shards for row in shards.read(store, shard, columns).to_pylist()]


@dataclass
class Run:
    """A finished run of a preset over a web."""

    web: Web
    out: Path
    preset: str
    made: Datasets

    @property
    def released(self) -> dict[str, dict[str, Any]]:
        """Documents of the release by address."""
        return {row["url"]: row for row in rows(self.made["decide_images.documents"])}

    def document(self, name: str) -> dict[str, Any]:
        return self.released[self.web.urls[name]]

    def shown(self, name: str) -> list[str]:
        """Addresses of the images that a released page shows, in order."""
        return [item["url"] for item in self.document(name)["items"] if item["kind"] == "image"]

    def text(self, name: str) -> str:
        return "\n".join(item["text"] for item in self.document(name)["items"] if item["kind"] == "text")

    def story(self, record: str) -> list[tuple[str, str, str | None]]:
        return [(line["step"], line["action"], line["reason"]) for line in why(str(self.out), record)]

    def dropped(self, name: str) -> tuple[str, str] | None:
        """The step that dropped a page and its reason."""
        found = [(s, r) for s, action, r in self.story(self.web.urls[name]) if action == "dropped" and r]
        assert len(found) <= 1
        return found[0] if found else None


def go(web: Web, out: Path, preset: str, workers: int = 1, *more: str) -> Run:
    made = chain.mint(
        [str(web.warc), str(web.wat)],
        str(out),
        settings=[*SETTINGS, *more],
        preset=preset,
        workers=workers,
    )
    return Run(web, out, preset, made)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with small_web(tmp_path_factory.mktemp("web")) as made:
        yield made


@pytest.fixture(scope="module", params=["mint", "obelics", "fineweb", "modern"])
def run(request: pytest.FixtureRequest, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return go(web, tmp_path_factory.mktemp(request.param) / "out", request.param)


def fetches(run: Run) -> bool:
    return run.preset != "fineweb"


def test_nothing_is_lost_and_every_file_is_whole(run: Run) -> None:
    verdict = verify(str(run.out))
    assert verdict.problems == []
    assert verdict.datasets == len(run.made)
    for name, manifest in run.made.items():
        assert manifest.counts.imbalance() == 0, name
    assert rows(run.made["export.release"])


def test_released_documents_show_what_the_server_gave(run: Run) -> None:
    stored = {row["id"]: row for row in rows(run.made["annotate_images.images"])}
    for image in stored.values():
        assert hashlib.sha256(image["bytes"]).hexdigest() == image["id"]
    shown = [i for d in run.released.values() for i in d["items"] if i["kind"] == "image" and i["image_id"]]
    for item in shown:
        if item["url"] in run.web.images:
            assert hashlib.sha256(run.web.images[item["url"]]).hexdigest() == item["image_id"]
        assert item["image_id"] in stored
    fetched = {item["url"] for item in shown} & set(run.web.images)
    assert len(fetched) >= 8 if fetches(run) else not fetched


def test_a_page_shows_an_image_once(run: Run) -> None:
    own = run.web.site.url("/twice.png")
    assert run.shown("twice").count(own) == 1
    assert ("decide", "changed", "image_repeated") in run.story(run.web.urls["twice"])


def test_images_of_many_pages_go(run: Run) -> None:
    everywhere = run.web.site.url("/everywhere.png")
    showing = [url for url, d in run.released.items() if any(i["url"] == everywhere for i in d["items"])]
    if not fetches(run):
        assert len(showing) >= FREQUENT
        return
    assert showing == []
    story = run.story(hashlib.sha256(picture(100)).hexdigest())
    assert ("fetch_images", "kept", None) in story
    removed = [line for line in story if line[1] == "changed"]
    assert set(removed) == {("decide_images", "changed", "image_frequent")}
    assert len(removed) >= FREQUENT
    page = [line for line in why(str(run.out), run.web.urls["more1"]) if line["action"] == "changed"]
    assert [(line["reason"], line["score"], line["threshold"], line["detail"]) for line in page] == [
        ("image_frequent", float(len(removed)), 10.0, everywhere)
    ]


def test_personal_data_is_replaced(run: Run) -> None:
    text = run.text("personal")
    assert "someone@example.org" not in text
    assert "203.17.44.90" not in text
    assert {r for _, action, r in run.story(run.web.urls["personal"]) if action == "changed"} >= {
        "email_replaced",
        "ip_replaced",
    }


def test_each_page_that_is_dropped_says_why(run: Run) -> None:
    language = None if run.preset == "modern" else ("decide", "other_language")
    assert run.dropped("german") == language
    assert run.dropped("plain") == (("decide", "too_few_images") if fetches(run) else None)
    assert run.dropped("gone") == (("decide_images", "too_few_images") if fetches(run) else None)
    if fetches(run):
        reasons = [r for _, _, r in run.story(run.web.urls["gone"]) if r]
        assert reasons == ["image_missing", "too_few_images"]
        assert ("fetch_images", "dropped", "gone") in run.story(run.web.site.url("/gone.png"))
    pages = set(run.web.urls.values())
    gone = {url for name, url in run.web.urls.items() if run.dropped(name)}
    assert set(run.released) & pages == pages - gone


def test_the_paper_of_the_wat_file_becomes_a_document(run: Run) -> None:
    (paper,) = [row for row in rows(run.made["extract.documents"]) if row["source"] == "pdf"]
    assert paper["url"] == run.web.paper
    assert sum(item["kind"] == "image" for item in paper["items"]) > 5
    captured = rows(run.made["fetch_pdfs.fetches"])
    assert [(row["url"], row["outcome"]) for row in captured] == [(run.web.paper, "captured")]


def test_repeated_lines_go_with_the_bloom_filter(run: Run) -> None:
    counts = run.made["dedup.documents"].counts
    repeated = run.text("again").count("Mongolian constellations")
    if run.preset == "mint":
        assert counts.changed["repeated_lines"] >= 1  # the paper may repeat lines of its own
        assert ("dedup", "changed", "repeated_lines") in run.story(run.web.urls["again"])
    else:
        assert "repeated_lines" not in counts.changed
    assert repeated == 0


def test_images_that_look_alike_are_grouped(run: Run) -> None:
    pair = {
        hashlib.sha256(run.web.images[run.web.site.url(p)]).hexdigest() for p in ("/sharp.png", "/small.jpg")
    }
    groups: dict[str, set[str]] = {}
    for row in rows(run.made["image_groups.groups"]):
        groups.setdefault(row["group"], set()).add(row["image_id"])
    assert list(groups.values()) == ([pair] if run.preset == "modern" else [])


def test_a_second_run_does_nothing_and_agrees(run: Run) -> None:
    before = finished_units(run.out)
    asked = len(run.web.site.requests)
    again = go(run.web, run.out, run.preset, 2)
    assert finished_units(run.out) == before
    assert len(run.web.site.requests) == asked
    assert chain.digests(again.made) == chain.digests(run.made)


def test_other_workers_give_the_same_release(web: Web, tmp_path: Path) -> None:
    """With papers from files: the WARC record of one that is fetched holds the time of that."""
    made = []
    for workers in (1, 3):
        made.append(
            chain.mint(
                [str(web.warc), str(PAPER), str(LETTERS)],
                str(tmp_path / str(workers)),
                settings=SETTINGS,
                preset="mint",
                workers=workers,
            )
        )
    one, three = ({n: d for n, d in chain.digests(m).items() if n not in CLOCKED} for m in made)
    assert rows(made[0]["fetch_images.images"])
    assert one == three


def test_what_a_server_refused_is_fetched_by_a_retry(tmp_path: Path) -> None:
    with small_web(tmp_path) as web:
        first = go(web, tmp_path / "out", "mint")
        assert first.made["fetch_images.images"].counts.failed == {"http_5xx": 1}
        assert first.dropped("flaky") == ("decide_images", "too_few_images")
        web.mend()
        before = Counter(web.site.asked)
        # without being asked nothing is fetched again
        assert chain.digests(go(web, tmp_path / "out", "mint").made) == chain.digests(first.made)
        assert Counter(web.site.asked) == before
        assert plan_retry(str(tmp_path / "out"), "http_5xx") == {"fetch_images": 1}
        second = go(web, tmp_path / "out", "mint")
        asked = Counter(web.site.asked) - before
        assert {path for path in asked if path.endswith(".png")} == {"/flaky.png"}
        assert second.made["fetch_images.images"].counts.failed == {}
        assert second.dropped("flaky") is None
        (item,) = [i for i in second.document("flaky")["items"] if i["kind"] == "image"]
        assert item["image_id"] == hashlib.sha256(picture(101)).hexdigest()
        assert verify(str(tmp_path / "out")).problems == []
