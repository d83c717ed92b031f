"""Whole runs against a registry, from WARC files to their registration, through the real steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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
from components.dedup.registry import Registered, register, snapshot
from components.dedup.released_keys import ReleasedKeysStage

SETTINGS: dict[str, Any] = {"extract": {"statuses": [200]}}


@dataclass
class Run:
    """One run and what it made, by `step.port`."""

    out: str
    registry: RegistryParams
    text: DedupParams = field(default_factory=DedupParams)
    partitions: int = 3
    settings: dict[str, Any] = field(default_factory=lambda: dict(SETTINGS))
    made: dict[str, Manifest] = field(default_factory=dict)

    def _step(self, stage: Stage[Any], **inputs: str) -> None:
        stage.partitions = self.partitions
        given = {port: self.made[name] for port, name in inputs.items()}
        plan = StepPlan(stage, given)
        runner = UnitRunner(plan, self.out, open_store(self.out))
        try:
            for unit in plan.units:  # in this process, so that compiled code is loaded once
                if runner.marker(unit) is None:
                    runner.run(unit)
        finally:
            stage.close()
        found = commit(stage, given, self.out)
        self.made.update({f"{stage.name}.{port}": manifest for port, manifest in found.items()})

    def begin(self) -> Run:
        """The first step: what earlier runs left."""
        given = snapshot(self.out, self.registry, self.text, self.partitions, self.settings)
        self.made.update({f"registry.{port}": manifest for port, manifest in given.items()})
        return self

    def extract(self, inputs: Sequence[str]) -> Run:
        """Sources and extraction."""
        plan = list_sources(inputs, Stores())
        sources = publish(
            "sources", "sources", "sources/1", plan.shards(), plan.ledger(), plan.counts, self.out, params={}
        )
        self.made["sources.sources"] = sources
        self._step(ExtractStage(ExtractParams()), sources="sources.sources", seen="registry.seen_payloads")
        return self

    def deduplicate(self) -> Run:
        """The steps of text deduplication, and the keys of what is left."""
        documents = "extract.documents"
        self._step(KeysStage(self.text), documents=documents)
        self._step(
            MatchStage(self.text),
            keys="dedup_keys.keys",
            paragraphs="dedup_keys.paragraphs",
            known="registry.known_keys",
        )
        self._step(
            ClusterStage(self.text),
            documents=documents,
            edges="dedup_match.edges",
            known_matches="dedup_match.known_matches",
            kept=documents,
        )
        self._step(BloomStage(BloomParams()), documents=documents)
        self._step(
            DropDuplicatesStage(self.text),
            documents=documents,
            duplicates="dedup_cluster.duplicates",
            drops="bloom.drops",
            boilerplate="dedup_match.boilerplate",
        )
        self._step(
            ReleasedKeysStage(self.registry),
            documents=documents,
            released="dedup.documents",
            keys="dedup_keys.keys",
        )
        return self

    def end(self) -> Registered | None:
        """The last step: tell the registry."""
        known, payloads = self.made["released_keys.keys"], self.made["extract.payloads"]
        return register(self.out, self.registry, self.text, self.settings, known, payloads)

    def whole(self, inputs: Sequence[str]) -> Run:
        """All of it."""
        self.begin().extract(inputs).deduplicate().end()
        return self

    def rows(self, name: str) -> list[dict[str, Any]]:
        """All rows of a dataset."""
        store = open_store(self.out)
        return [row for shard in self.made[name].shards for row in read(store, shard).to_pylist()]

    def ledger(self, name: str) -> list[dict[str, Any]]:
        """All ledger lines of the step that made a dataset."""
        store = open_store(self.out)
        return [row for shard in self.made[name].ledger for row in read(store, shard).to_pylist()]

    def digests(self) -> dict[str, str]:
        """Digest by dataset."""
        return {name: manifest.digest for name, manifest in self.made.items()}
