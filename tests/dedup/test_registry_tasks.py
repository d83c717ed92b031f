"""The registry's tasks as an orchestrator calls them: with plain values and files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.core.manifest import Manifest, load
from components.dedup.params import DedupFamilyParams
from components.dedup.registry_tasks import publish_snapshot, register_run, settings
from tests.dedup.registry_runs import Run
from tests.dedup.test_registry import NEW, OLD, params, warc

CRAWL = {"extract": {"statuses": [200], "limits": {"html_s": 30}}}
RUN = {"partitions": 3}


def family(registry: str, run: str) -> dict[str, Any]:
    return DedupFamilyParams.model_validate({"registry": {"uri": registry, "run": run}}).model_dump(
        mode="json"
    )


def begin(tmp_path: Path, out: str, dedup: dict[str, Any], filter_: dict[str, Any]) -> dict[str, Manifest]:
    artifacts = {
        port: SimpleNamespace(path=str(tmp_path / port), metadata={})
        for port in ("known_keys", "seen_payloads")
    }
    publish_snapshot(out, CRAWL, filter_, dedup, RUN, *artifacts.values())
    assert {a.metadata["schema"] for a in artifacts.values()} == {"known_keys/1", "seen_payloads/1"}
    return {port: load(Path(a.path).read_bytes(), a.path) for port, a in artifacts.items()}


def end(tmp_path: Path, run: Run, dedup: dict[str, Any], filter_: dict[str, Any]) -> None:
    names = {"documents": "extract.documents", "released": "dedup.documents", "keys": "dedup_keys.keys"}
    for name in (*names.values(), "extract.payloads"):
        (tmp_path / name).write_bytes(run.made[name].to_json())
    inputs = {port: str(tmp_path / name) for port, name in names.items()}
    register_run(inputs, str(tmp_path / "extract.payloads"), run.out, CRAWL, filter_, dedup, RUN)


def test_from_registration_to_the_next_snapshot(tmp_path: Path) -> None:
    registry = (tmp_path / "registry").as_uri()
    one = Run((tmp_path / "one").as_uri(), params(registry, "one"))
    given = begin(tmp_path, one.out, family(registry, "one"), {"words": 5})
    one.made.update({f"registry.{port}": manifest for port, manifest in given.items()})
    one.extract([warc(tmp_path / "1.warc.gz", OLD)]).deduplicate()
    end(tmp_path, one, family(registry, "one"), {"words": 5})
    out = (tmp_path / "two").as_uri()
    given = begin(tmp_path, out, family(registry, "two"), {"words": 5})
    assert given["known_keys"].rows == one.made["released_keys.keys"].rows > 0
    assert given["seen_payloads"].rows == 3
    assert begin(tmp_path, out, family(registry, "two"), {"words": 6})["seen_payloads"].rows == 0


def test_a_refusal_ends_the_step_with_the_status_of_a_wrong_configuration(tmp_path: Path, capsys) -> None:
    registry = (tmp_path / "registry").as_uri()
    run = Run((tmp_path / "one").as_uri(), params(registry, "one")).whole(
        [warc(tmp_path / "1.warc.gz", {1: NEW[14]})]
    )
    assert run.made["dedup.documents"].rows == 1
    with pytest.raises(SystemExit) as ended:
        begin(tmp_path, (tmp_path / "two").as_uri(), family(registry, "one"), {})
    assert ended.value.code == 2
    assert "Error: " in capsys.readouterr().out


def test_limits_don_t_make_other_settings() -> None:
    wider = {"extract": {**CRAWL["extract"], "limits": {"html_s": 60}}}
    assert settings(wider, {}) == settings(CRAWL, {})
    assert settings({"extract": {"statuses": [203]}}, {}) != settings({"extract": {"statuses": [200]}}, {})
