"""Runs one after the other against a registry, through every step."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from components.core import shards
from components.core.errors import ConfigurationError
from components.core.manifest import Manifest
from components.core.store import open_store
from tests.pipelines import chain
from tests.pipelines.small_web import Web, paragraphs, small_web

SETTINGS = ["run.processes=1", "run.partitions=2"]
OTHER = "image-processing/tinting-grayscale-images"


def go(web: Web, out: str, registry: str, name: str, *more: str) -> dict[str, Manifest]:
    settings = [*SETTINGS, f"dedup.registry.uri={registry}", f"dedup.registry.run={name}", *more]
    return chain.mint(
        [str(web.warc)], out, settings=settings, preset="fineweb", until="released_keys", workers=1
    )


def dropped(manifest: Manifest) -> list[dict[str, Any]]:
    store = open_store(manifest.location)
    lines = [line for shard in manifest.ledger for line in shards.read(store, shard).to_pylist()]
    return [line for line in lines if line["action"] == "dropped"]


def column(manifest: Manifest, name: str) -> list[Any]:
    store = open_store(manifest.location)
    return [row[name] for shard in manifest.shards for row in shards.read(store, shard, [name]).to_pylist()]


def check_two_runs(folder: Path, root: str) -> None:
    """A site, then the same texts at other addresses: what the first released the second drops."""
    registry = f"{root}/registry"
    for name in ("one", "two"):
        (folder / name).mkdir()
    with small_web(folder / "one") as web, small_web(folder / "two") as mirror:
        mirror.add_page("new", paragraphs(OTHER))
        first = go(web, f"{root}/one", registry, "january", "filter.decide.min_words=5")
        released = first["export.release"].rows
        assert released > 10
        assert dropped(first["dedup.documents"]) == []
        second = go(mirror, f"{root}/two", registry, "february", "filter.decide.min_words=5")
        lines = dropped(second["dedup.documents"])
        # one page has no address of its server in it: its bytes are known before they are parsed
        (seen,) = dropped(second["extract.documents"])
        assert (seen["reason"], seen["locator"]) == ("seen_before", mirror.urls["plain"])
        assert "january" in seen["detail"]
        assert len(lines) == released - 1
        assert column(second["decide_images.documents"], "url") == [mirror.urls["new"]]
        ids = column(first["decide_images.documents"], "id")
        for line in lines:
            assert "january" in line["detail"], line
            assert any(record in line["detail"] for record in ids), line
        again = go(mirror, f"{root}/two", registry, "february", "filter.decide.min_words=5")
        assert chain.digests(again) == chain.digests(second)
        third = go(web, f"{root}/three", registry, "march", "filter.decide.min_words=5")
        assert third["extract.documents"].rows == 0
        seen = Counter(line["reason"] for line in dropped(third["extract.documents"]))
        assert (
            sum(seen.values()) == first["extract.documents"].rows == third["extract.documents"].counts.rows_in
        )
        with pytest.raises(ConfigurationError, match="january"):
            go(web, f"{root}/four", registry, "january", "filter.decide.min_words=5")


def test_what_an_earlier_run_released_is_dropped_by_its_name(tmp_path: Path) -> None:
    check_two_runs(tmp_path, (tmp_path / "store").as_uri())


@pytest.mark.s3
def test_the_same_in_s3(tmp_path: Path, s3_bucket: str) -> None:
    check_two_runs(tmp_path, f"s3://{s3_bucket}/runs")
