"""What the steps that fetch files by address have in common: targets in, answers and evidence out."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

import pyarrow as pa

from components.core import schemas
from components.core.records import record_id
from components.core.stage import Output, Stage, Unit
from components.crawl import consent
from components.crawl.web.file_params import FileReason, FilesParams

if TYPE_CHECKING:
    from components.crawl.web.client import Exchange
    from components.crawl.web.files import FileAnswer, FileTarget, Taken

Params = TypeVar("Params", bound=FilesParams)


def utc_now() -> datetime:
    """The time, for evidence and WARC-Date; nothing else depends on it."""
    return datetime.now(UTC)


def read_targets(table: pa.Table, kind: str) -> list[FileTarget]:
    """The distinct addresses of a `fetch_targets/1` table that are of `kind`, by host and address.

    An address that comes more than once (found by several units) has the shards of all its rows and
    its least referrer.
    """
    from components.crawl.web.files import FileTarget

    found: dict[tuple[str, str], tuple[str | None, set[int]]] = {}
    for row in table.to_pylist():
        if row["kind"] != kind:
            continue
        key = (row["host"], row["url"])
        referrer, shards = found.get(key, (None, set()))
        seen = [referrer, row["referrer"]]
        least = min((one for one in seen if one is not None), default=None)
        found[key] = (least, shards | set(row["shards"] or ()))
    return [
        FileTarget(url, record_id(kind, url), host, kind, referrer, tuple(sorted(shards)))  # type: ignore[arg-type]
        for (host, url), (referrer, shards) in sorted(found.items())
    ]


def fetches_table(answers: Sequence[FileAnswer]) -> pa.Table:
    """One row of evidence for each answer, whatever it was."""
    rows = []
    for answer in answers:
        said = answer.evidence.consent() if answer.evidence else None
        rows.append(
            {
                "url": answer.target.url,
                "final_url": answer.final_url,
                "kind": answer.target.kind,
                "fetched_at": answer.fetched_at,
                "outcome": "captured" if answer.reason is None else str(answer.reason),
                "status": answer.status if answer.status is None or answer.status < 1000 else None,
                "attempts": answer.attempts,
                "content_type": answer.content_type,
                "size": answer.size,
                "sha256": answer.sha256,
                "consent": None
                if said is None
                else {
                    "robots": str(said.robots),
                    "x_robots_tag": said.x_robots_tag,
                    "meta_robots": said.meta_robots,
                    "tdm_reservation": said.tdm_reservation,
                    "noai": said.noai,
                },
            }
        )
    return pa.Table.from_pylist(rows, schema=schemas.get("fetches/1"))


class FetchFilesStage(Stage[Params]):
    """Fetch the addresses of one partition of hosts, so that no two units ask the same host.

    The step's records are distinct addresses; their ids are made of kind and address.

        rows in = captured + dropped + failed

    What fails may come on another day (`kalemint retry`); what is dropped won't. Each address has a
    row of `fetches`; one that is retried has another row for each retry. The same answers give the
    same rows in the same order, whichever arrived first; which addresses a limit of time or of bytes
    leaves to a retry does depend on how fast servers are.

    A redirect may lead to a host of another unit: that is asked once more for its robots.txt.
    """

    reasons = FileReason
    grouping = "partition"
    imports: ClassVar[tuple[str, ...]] = ("components.crawl.web.files",)
    max_failed_share: ClassVar[float | None] = 1.0
    kind: ClassVar[Literal["image", "pdf"]]

    def __init__(self, params: Params, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__(params)
        self._clock = clock

    @abstractmethod
    def look(self, head: bytes) -> None:
        """Judge a body by its first 8 KiB, before the rest is read; raises `Drop`."""

    @abstractmethod
    async def take(self, target: FileTarget, exchange: Exchange, evidence: consent.Evidence) -> Taken:
        """Take a body that came whole; raises `Drop` or `BadRecord`."""

    def fetch(self, unit: Unit, out: Output) -> list[FileAnswer]:
        """Fetch the unit's targets, account for them and give their evidence; returns the answers."""
        targets = read_targets(unit.tables["targets"], self.kind)
        out.count("targets_repeated", unit.tables["targets"].num_rows - len(targets))
        targets = [target for target in targets if unit.wants(target.id)]
        answers: list[FileAnswer] = []
        if targets:
            from components.crawl.web.files import FileFetcher

            fetcher = FileFetcher(
                self.params, kind=self.kind, clock=self._clock, look=self.look, take=self.take
            )
            answers = asyncio.run(fetcher.run(targets))
            for name, amount in sorted(fetcher.counters.items()):
                out.count(name, amount)
        for answer in answers:
            self._account(answer, out)
        out.rows_in = len(targets)
        out.kept = sum(answer.action == "captured" for answer in answers)
        out.keep("fetches", fetches_table(answers))
        return answers

    def _account(self, answer: FileAnswer, out: Output) -> None:
        if answer.reason is None:
            return
        decide = out.drop if answer.action == "dropped" else out.fail
        kind = "image" if self.kind == "image" else "source"
        decide(answer.target.id, answer.reason, kind=kind, detail=answer.detail, locator=answer.target.url)
