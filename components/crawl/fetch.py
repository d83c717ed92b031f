"""The `fetch` step: web addresses become WARC files; every other source passes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.crawl.warc.attach import attach_warc, warcinfo
from components.crawl.web.params import FetchParams, FetchReason

if TYPE_CHECKING:
    from components.crawl.web.crawler import Crawler, Outcome, Target

__all__ = ["FetchParams", "FetchReason", "FetchStage"]


def _now() -> datetime:
    return datetime.now(UTC)


def _is_local(url: str) -> bool:
    from components.crawl.web.client import is_loopback_host

    try:
        return is_loopback_host(urlsplit(url).hostname or "")
    except ValueError:
        return False


class FetchStage(Stage[FetchParams]):
    """Crawl the rows of kind `url` and put WARC files in their place.

    The step's records are URLs: every row that passes, and every URL that the crawl attempted,
    seeds, followed pages and page images alike.

        rows in = rows passed + URLs attempted
        kept    = rows passed + URLs captured into a WARC file
        rows in = kept + dropped + failed

    The rows of the output are files, so there are fewer of them than kept records. Policy files
    (robots.txt and the like) are in the archive but are no records. A discovered URL's id is made
    of its address; a seed's is that of its row.

    What a crawl finds depends on the day. The same answers give the same bytes, but for the times.
    Seeds on this machine are crawled on their own: no other seed's pages can lead to its addresses.

    On a retry, failed seeds are done again; failed pages and images are found again by reading the
    pages that led to them, which is not recorded a second time; one that no page leads to any more
    fails for good.
    """

    name = "fetch"
    consumes = {"sources": "sources/1"}
    produces = {"sources": "sources/1"}
    reasons = FetchReason
    grouping = "shard"

    def __init__(self, params: FetchParams, clock: Callable[[], datetime] = _now) -> None:
        super().__init__(params)
        self._clock = clock

    def run(self, unit: Unit, out: Output) -> None:
        rows = unit.tables["sources"].to_pylist()
        passed = [row for row in rows if row["kind"] != "url" and unit.wants(row["id"])]
        seeds = [row for row in rows if row["kind"] == "url"]
        files: list[dict[str, Any]] = []
        met = {row["id"] for row in rows}
        attempted = captured = 0
        for local in (False, True):
            group = [row for row in seeds if _is_local(row["uri"]) is local]
            if not self._leads_anywhere(group, unit):
                continue
            # not with this module: files need no HTTP client, and neither does a commit
            from components.crawl.web.crawler import Crawler

            crawler = Crawler(self.params, clock=self._clock, allow_loopback=local, wanted=unit.wants)
            try:
                asyncio.run(crawler.run(self._targets(group, unit)))
                files += self._attach(crawler, group, out)
            finally:
                crawler.close()
            for outcome in crawler.outcomes:
                met.add(outcome.target.id)
                _account(outcome, out)
            for name, amount in sorted(crawler.counters.items()):
                out.count(name, amount)
            attempted += crawler.counters["urls_attempted"]
            captured += crawler.counters["urls_captured"]
        lost = sorted((unit.only or frozenset()) - met)
        for record in lost:
            detail = "no page leads to this address any more"
            out.fail(record, FetchReason.NOT_FOUND_AGAIN, kind="source", detail=detail)
        out.rows_in = len(passed) + attempted + len(lost)
        out.kept = len(passed) + captured
        out.keep("sources", pa.Table.from_pylist(passed + files, schema=schemas.get("sources/1")))

    def _leads_anywhere(self, seeds: Sequence[dict[str, Any]], unit: Unit) -> bool:
        """Whether there is anything to crawl: on a retry, not where other rows alone are asked for."""
        if not seeds or unit.only is None:
            return bool(seeds)
        others = {row["id"] for row in unit.tables["sources"].to_pylist()} - {row["id"] for row in seeds}
        return bool(unit.only - others)

    def _targets(self, seeds: Sequence[dict[str, Any]], unit: Unit) -> list[Target]:
        """The seeds. A retry of nothing but seeds leaves the others alone."""
        from components.crawl.web.crawler import Target

        targets = [
            Target(row["uri"], row["id"], index, wanted=unit.wants(row["id"]))
            for index, row in enumerate(seeds)
        ]
        rest = (unit.only or frozenset()) - {row["id"] for row in unit.tables["sources"].to_pylist()}
        return targets if unit.only is None or rest else [target for target in targets if target.wanted]

    def _attach(self, crawler: Crawler, seeds: Sequence[dict[str, Any]], out: Output) -> list[dict[str, Any]]:
        """Hand the crawl's WARC files to the runner; returns their rows."""
        digest = hashlib.sha256("\n".join(row["uri"] for row in seeds).encode()).hexdigest()[:16]
        info = warcinfo(self.params, self._clock(), digest)
        return attach_warc(crawler.groups(), info, f"crawl-{digest}", self.params.warc_bytes, out)


def _account(outcome: Outcome, out: Output) -> None:
    """The ledger lines of one URL."""
    target, reason = outcome.target, outcome.reason
    for change, detail in outcome.changes if outcome.action == "captured" else []:
        out.change(target.id, change, kind="source", detail=detail, locator=target.url)
    if outcome.action == "dropped" and reason is not None:
        out.drop(target.id, reason, kind="source", detail=outcome.detail, locator=target.url)
    elif outcome.action == "failed" and reason is not None:
        out.fail(target.id, reason, kind="source", detail=outcome.detail, locator=target.url)
