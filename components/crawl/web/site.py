"""Encoded records on disk, and the policy files of origins: asked for once each, kept as records."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from components.core.errors import BadRecord, Drop
from components.crawl import consent
from components.crawl.addresses import canonical
from components.crawl.warc.writer import Record, exchange_records, warc_fields
from components.crawl.web.client import Client, Exchange
from components.crawl.web.params import FetchReason, PoliteParams
from components.crawl.web.rules import is_page_type, origin_of

_SITE_FILE_BYTES: Final = 2**20
_ROBOTS_REDIRECTS: Final = 5
"""RFC 9309 section 2.3.1.2: at least five consecutive redirects are followed."""

Span = tuple[int, int]
"""Offset and length of encoded records in a spool."""


class Spool:
    """A temporary file of encoded records, in the order of their arrival."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self.size = 0

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    async def add(self, encode: Callable[[], bytes]) -> Span:
        """Encode in a thread, for compressing takes long, and append."""
        data = await asyncio.to_thread(encode)
        offset = self.size
        self._file.seek(offset)
        self._file.write(data)
        self.size += len(data)
        return offset, len(data)

    def read(self, spans: Iterable[Span]) -> Iterator[bytes]:
        """The records of the spans, one span at a time."""
        for offset, length in spans:
            self._file.seek(offset)
            yield self._file.read(length)

    async def add_exchange(
        self, exchange: Exchange, part: str, evidence: Sequence[tuple[str, str]] = ()
    ) -> Span:
        """Append an exchange: request, response and, where there is evidence, metadata."""
        return await self.add(
            lambda: exchange_records(
                exchange.url,
                exchange.date,
                exchange.request_head,
                exchange.response_head(),
                exchange.body,
                ip=exchange.ip,
                evidence=evidence,
                truncated=exchange.unread,
                part=part,
            )
        )

    async def add_evidence(self, exchange: Exchange, part: str, evidence: Sequence[tuple[str, str]]) -> Span:
        """Append the evidence for a response whose content is not kept."""
        block = warc_fields([*evidence, ("content", "not kept")])
        record = Record("metadata", exchange.date, block, exchange.url, ip=exchange.ip, part=part)
        return await self.add(record.encode)


@dataclass(frozen=True, slots=True)
class Origin:
    """An origin's policy files, their records, and why robots.txt could not be had."""

    policy: consent.SitePolicy
    spans: tuple[Span, ...] = ()
    fault: BadRecord | None = None


def obey(origin: Origin, url: str, params: PoliteParams) -> None:
    """Raise where the origin's policy files keep us from asking for `url` at all.

    Raises:
        Drop, BadRecord: with a `FetchReason`.
    """
    robots = origin.policy.robots
    if params.respect_robots and robots is not None:
        if origin.fault is not None:
            raise BadRecord(origin.fault.reason, f"robots.txt: {origin.fault.detail}")
        if robots.state == "unreachable":
            raise BadRecord(FetchReason.ROBOTS_UNREACHABLE, "robots.txt: the server is in trouble")
        if robots.verdict(url) == consent.Verdict.DISALLOWED:
            raise Drop(FetchReason.ROBOTS_DISALLOWED, f"{origin_of(url)}/robots.txt")
    refused = consent.ai_verdict(origin.policy.ai_txt, url) == consent.Verdict.DISALLOWED
    if params.respect_noai and refused:
        raise Drop(FetchReason.AI_TXT, f"{origin_of(url)}/ai.txt")


class SiteFiles:
    """The policy files of the origins that are met, each fetched once.

    Args:
        spool: where their records are kept; None: nowhere.
        most: how many origins are remembered; of more, those not asked about for longest are
            forgotten. None: all of them.
    """

    def __init__(
        self,
        client: Client,
        spool: Spool | None,
        params: PoliteParams,
        counters: Counter[str],
        most: int | None = None,
    ) -> None:
        self._client, self._spool, self._params, self._counters = client, spool, params, counters
        self._most = most
        self._origins: dict[str, asyncio.Task[Origin]] = {}

    async def get(self, origin: str) -> Origin:
        """Fetch them, or wait for whoever is at it already."""
        task = self._origins.pop(origin, None) or asyncio.create_task(self._load(origin))
        self._origins[origin] = task  # last: asked about most recently
        if self._most is not None and len(self._origins) > self._most:
            oldest = next(iter(self._origins))
            if self._origins[oldest].done():
                del self._origins[oldest]
        return await task

    def known(self, origin: str) -> Origin:
        """Those of an origin that `get` gave before."""
        return self._origins[origin].result()

    async def _load(self, origin: str) -> Origin:
        spans: list[Span] = []
        fault: BadRecord | None = None
        robots = consent.Robots("unreachable")
        try:
            answer = await self._ask(f"{origin}/robots.txt", spans)
            robots = consent.Robots.from_response(answer.status, answer.body)
        except BadRecord as bad:
            fault = bad
        self._slow_down(urlsplit(origin).hostname or "", robots)
        policy = consent.SitePolicy(robots)
        if self._params.site_files and fault is None:
            tdmrep = await self._optional(f"{origin}/.well-known/tdmrep.json", robots, spans)
            ai_txt = await self._optional(f"{origin}/ai.txt", robots, spans)
            policy = consent.SitePolicy(
                robots,
                consent.TdmRep.parse(tdmrep) if tdmrep is not None else consent.TdmRep(),
                consent.Robots.from_response(200, ai_txt) if ai_txt is not None else None,
            )
        return Origin(policy, tuple(spans), fault)

    def _slow_down(self, host: str, robots: consent.Robots) -> None:
        gate = self._client.gate(host)
        delay = min(robots.crawl_delay(), self._params.max_crawl_delay_s)
        if delay > gate.delay_s:
            gate.delay_s = delay
            gate.hold(delay)  # robots.txt itself was asked for before its delay was known

    async def _optional(self, url: str, robots: consent.Robots, spans: list[Span]) -> bytes | None:
        """A file that need not be there; None where it isn't, or robots.txt keeps us from asking."""
        if self._params.respect_robots and robots.verdict(url) == consent.Verdict.DISALLOWED:
            return None
        try:
            answer = await self._ask(url, spans)
        except BadRecord:
            return None
        # a page instead of an error is how many servers say that there is no such file
        return answer.body if answer.status == 200 and not is_page_type(answer.content_type) else None

    async def _ask(self, url: str, spans: list[Span]) -> Exchange:
        """Fetch and record a policy file; after too many redirects the answer is the last of them."""
        for hop in range(_ROBOTS_REDIRECTS + 1):
            exchange = await self._client.get(url, lambda _: _SITE_FILE_BYTES)
            if self._spool is not None:
                spans.append(await self._spool.add_exchange(exchange, f"policy {hop}"))
            self._counters["policy_files_asked"] += hop == 0
            location = canonical(urljoin(url, exchange.header("location") or ""))
            if not exchange.is_redirect or location is None:
                break
            url = location
        return exchange
