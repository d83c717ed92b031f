"""A polite crawler: rounds over a frontier, each URL judged by its publisher's wishes, kept in WARC.

The crawl goes in rounds: everything known is fetched, hosts side by side and each host at its pace;
then the links found are put in order and become the next round. So the order of the records, and
which pages a limit leaves out, depend on what the servers answered and not on how fast they did.
Encoded records wait in a temporary file; memory holds the bodies that are being received or judged.

    attempted = captured + dropped + failed

holds for every crawl, or `Crawler.run` raises.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import Message
from typing import Final, Literal
from urllib.parse import urlsplit

from components.core.errors import BadRecord, Drop, KalemintError
from components.core.records import record_id
from components.core.sandbox import Sandbox
from components.crawl import consent
from components.crawl.addresses import canonical
from components.crawl.kinds import Kind
from components.crawl.web.client import Client, Exchange
from components.crawl.web.links import PageLinks, page_links
from components.crawl.web.params import FetchParams, FetchReason
from components.crawl.web.rules import (
    body_kind,
    body_limit,
    origin_of,
    provenance,
    redirect_target,
    refusal,
    scope_root,
)
from components.crawl.web.site import Origin, SiteFiles, Span, Spool, obey

_PARSE_SECONDS: Final = 20.0
_PARSE_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Target:
    """A URL to be attempted.

    Attributes:
        seed: index of the seed that led here.
        via: the page that links to it or shows it; None for a seed.
        wanted: False for a page that is only read for its links, on a retry of some of them.
    """

    url: str
    id: str
    seed: int
    kind: Literal["page", "image"] = "page"
    depth: int = 0
    via: str | None = None
    wanted: bool = True


@dataclass(slots=True)
class Outcome:
    """What became of a target. `redirects` and `spans` are its records, in order."""

    target: Target
    action: Literal["captured", "dropped", "failed"]
    reason: FetchReason | None = None
    detail: str = ""
    final_url: str = ""
    redirects: list[Span] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    links: PageLinks | None = None
    changes: list[tuple[FetchReason, str]] = field(default_factory=list)


def url_id(url: str) -> str:
    """The record id of a URL that a crawl found (seeds keep the id of their source row)."""
    return record_id("url", url)


class Crawler:
    """One crawl. `run` does it; afterwards `outcomes`, `counters` and `groups` tell the result.

    Args:
        clock: gives the time that is written into WARC records.
        wanted: on a retry, tells by id which URLs to do again; other pages are visited only to find
            those among their links, and are neither recorded nor counted.
        allow_loopback: the seeds are on this machine, so the crawl may reach it.
    """

    def __init__(
        self,
        params: FetchParams,
        *,
        clock: Callable[[], datetime],
        allow_loopback: bool = False,
        wanted: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.params = params
        self.outcomes: list[Outcome] = []
        self.counters: Counter[str] = Counter()
        self._wanted = wanted
        self._attempted = 0
        self._client = Client(params, allow_loopback=allow_loopback, clock=clock)
        self._spool = Spool()
        self._sites = SiteFiles(self._client, self._spool, params, self.counters)
        self._order: list[Span] = []
        self._origins_written: set[str] = set()
        self._captured: set[str] = set()
        self._seen: set[str] = set()
        self._pages: Counter[int] = Counter()
        self._scopes: dict[int, set[str]] = {}
        self._parser: Sandbox[PageLinks] = Sandbox(
            page_links, timeout_s=_PARSE_SECONDS, memory_bytes=_PARSE_BYTES
        )
        self._parsing = asyncio.Lock()

    def close(self) -> None:
        """Release the temporary file and the parser's process."""
        self._spool.close()
        self._parser.close()

    def groups(self) -> Iterator[bytes]:
        """The crawl's encoded records, one exchange with its evidence at a time, in order."""
        return self._spool.read(self._order)

    async def run(self, seeds: Sequence[Target]) -> None:
        """Crawl from the seeds.

        Raises:
            KalemintError: where attempted URLs do not add up; a defect of the crawler.
        """
        self._parser.call(b"", "http://localhost/")  # forks now, while this process has no threads
        frontier = self._first(seeds)
        async with self._client:
            while frontier:
                outcomes = await self._round(frontier)
                for outcome in outcomes:
                    self._settle(outcome)
                frontier = [target for outcome in outcomes for target in self._next(outcome)]
        actions = Counter(outcome.action for outcome in self.outcomes)
        self.counters["urls_attempted"] = self._attempted
        for action in ("captured", "dropped", "failed"):
            self.counters[f"urls_{action}"] = actions[action]
        if self._attempted != actions.total():
            raise KalemintError(f"The crawl lost URLs: {self._attempted} attempted, {dict(actions)}.")

    # the frontier

    def _first(self, seeds: Sequence[Target]) -> list[Target]:
        frontier = []
        for seed in seeds:
            url = canonical(seed.url)
            self._attempted += seed.wanted
            if url is None:
                detail = f"{seed.url[:200]!r} is no http or https address"
                self._settle(Outcome(seed, "failed", FetchReason.BAD_URL, detail))
            elif url in self._seen:
                detail = "another seed has the same address"
                self._settle(Outcome(seed, "dropped", FetchReason.DUPLICATE_URL, detail))
            else:
                self._seen.add(url)
                self._pages[seed.seed] = 1
                self._scopes[seed.seed] = {scope_root(url, self.params.follow)}
                frontier.append(replace(seed, url=url))
        return frontier

    def _in_scope(self, url: str, seed: int) -> bool:
        parts = urlsplit(url)
        return f"{parts.netloc}{parts.path}".startswith(tuple(self._scopes[seed]))

    def _next(self, outcome: Outcome) -> Iterator[Target]:
        """Targets that a page leads to: the images it shows, then the pages it links to."""
        page, links = outcome.target, outcome.links
        if links is None:
            return
        images = [url for url in links.images if url not in self._seen] if self.params.page_requisites else []
        for url in images[: self.params.max_requisites]:
            if target := self._target(page, url, "image"):
                yield target
        self._cut(outcome, "images", len(images) - self.params.max_requisites, "max_requisites")
        if self.params.follow == "none" or page.depth >= self.params.max_depth:
            return
        pages = [url for url in links.links if url not in self._seen and self._in_scope(url, page.seed)]
        room = self.params.max_pages - self._pages[page.seed]
        for url in pages[:room]:
            self._pages[page.seed] += 1
            if target := self._target(page, url, "page"):
                yield target
        self._cut(outcome, "links", len(pages) - room, "max_pages")

    def _target(self, page: Target, url: str, kind: Literal["page", "image"]) -> Target | None:
        self._seen.add(url)
        found = Target(url, url_id(url), page.seed, kind, page.depth + (kind == "page"), page.url)
        found = replace(found, wanted=page.wanted or self._wanted(found.id))
        if not found.wanted and kind == "image":
            return None
        self._attempted += found.wanted
        return found

    def _cut(self, outcome: Outcome, what: str, number: int, limit: str) -> None:
        if number > 0:
            self.counters[f"{what}_over_limit"] += number
            detail = f"{number} {what} left out: {limit} is {getattr(self.params, limit)}"
            outcome.changes.append((FetchReason.LIMIT_REACHED, detail))

    # one round

    async def _round(self, frontier: Sequence[Target]) -> list[Outcome]:
        """Attempt all targets; hosts side by side, each in the order of the frontier."""
        outcomes: dict[int, Outcome] = {}
        queues: dict[str | None, deque[int]] = {}
        for index, target in enumerate(frontier):
            queues.setdefault(urlsplit(target.url).hostname, deque()).append(index)

        async def work(queue: deque[int]) -> None:
            while queue:
                index = queue.popleft()
                outcomes[index] = await self._attempt(frontier[index])

        async with asyncio.TaskGroup() as tasks:
            for queue in queues.values():
                for _ in range(min(self.params.per_host_connections, len(queue))):
                    tasks.create_task(work(queue))
        return [outcomes[index] for index in range(len(frontier))]

    def _settle(self, outcome: Outcome) -> None:
        """Give an outcome its place in the archive and in the account."""
        if not outcome.target.wanted:
            self.counters["pages_reread"] += 1
            return
        for origin in outcome.origins:
            if origin not in self._origins_written:
                self._origins_written.add(origin)
                self._order += self._sites.known(origin).spans
        if outcome.action == "captured":
            self._order += outcome.redirects
            if outcome.target.via is None:
                self._scopes[outcome.target.seed].add(scope_root(outcome.final_url, self.params.follow))
            if outcome.final_url in self._captured:
                outcome.action, outcome.reason = "dropped", FetchReason.DUPLICATE_URL
                outcome.detail = f"leads to {outcome.final_url}, which was captured already"
                outcome.spans, outcome.links = [], None
            self._captured.add(outcome.final_url)
            self.counters[f"{outcome.target.kind}s_{outcome.action}"] += 1
        self._order += outcome.spans
        self.outcomes.append(outcome)

    # one URL

    async def _attempt(self, target: Target) -> Outcome:
        outcome = Outcome(target, "captured", final_url=target.url)
        try:
            await self._visit(target, outcome)
        except Drop as drop:
            outcome.action, outcome.reason, outcome.detail = "dropped", FetchReason(drop.reason), drop.detail
        except BadRecord as bad:
            outcome.action, outcome.reason, outcome.detail = "failed", FetchReason(bad.reason), bad.detail
        return outcome

    async def _visit(self, target: Target, outcome: Outcome) -> None:
        """Follow redirects to the content, judge it and record it."""
        chain: list[str] = []
        url = target.url
        while True:
            if self._spool.size >= self.params.max_total_bytes:
                raise Drop(FetchReason.CRAWL_BUDGET, f"{self._spool.size} bytes were captured before")
            chain.append(url)
            key = origin_of(url)
            origin = await self._sites.get(key)
            if key not in outcome.origins:
                outcome.origins.append(key)
            obey(origin, url, self.params)
            exchange = await self._client.get(url, lambda e: body_limit(e, target.kind, self.params))
            if not exchange.is_redirect:
                break
            said = consent.gather(url, origin.policy, exchange.headers)
            fields = said.fields() + provenance(exchange, target.url, target.via)
            outcome.redirects.append(
                await self._spool.add_exchange(exchange, f"{target.id} {len(chain)}", fields)
            )
            url = self._redirect(exchange, target, chain)
        outcome.final_url = url
        if exchange.status >= 400:
            reason = FetchReason.HTTP_4XX if exchange.status < 500 else FetchReason.HTTP_5XX
            raise BadRecord(reason, f"HTTP {exchange.status} {exchange.reason}")
        self.counters["bytes_received"] += len(exchange.body)
        await self._judge(exchange, origin, target, outcome)

    def _redirect(self, exchange: Exchange, target: Target, chain: list[str]) -> str:
        """Where a redirect leads, if it may be followed."""
        url = redirect_target(exchange, chain, self.params.max_redirects)
        if target.kind == "page" and target.via is not None and not self._in_scope(url, target.seed):
            raise Drop(FetchReason.OFF_SCOPE, f"a redirect to {url}")
        return url

    async def _judge(self, exchange: Exchange, origin: Origin, target: Target, outcome: Outcome) -> None:
        """Record a response that may be kept; of one that may not, the evidence alone."""
        kind = body_kind(exchange, target.kind)
        if kind == Kind.HTML:
            outcome.links = await self._links(exchange, outcome)
        metas = outcome.links.metas if outcome.links else []
        said = consent.gather(exchange.url, origin.policy, exchange.headers, metas)
        fields = said.fields() + provenance(exchange, target.url, target.via)
        reason = refusal(said, self.params, is_image=kind == Kind.IMAGE)
        if reason is not None:
            outcome.links = None
            outcome.spans.append(await self._spool.add_evidence(exchange, target.id, fields))
            raise Drop(reason, "; ".join(f"{name}: {value}" for name, value in said.fields()))
        if outcome.links is not None:
            if self.params.respect_noai and said.directives & consent.NO_IMAGE_AI and outcome.links.images:
                detail = f"{len(outcome.links.images)} images: noimageai"
                outcome.changes.append((FetchReason.IMAGES_WITHHELD, detail))
                outcome.links.images = []
            if said.directives & {"nofollow", "none"}:
                outcome.links.links = []
        outcome.spans.append(await self._spool.add_exchange(exchange, target.id, fields))

    async def _links(self, exchange: Exchange, outcome: Outcome) -> PageLinks | None:
        charset = _charset(exchange.header("content-type") or "")
        try:
            async with self._parsing:
                return await asyncio.to_thread(self._parser.call, exchange.body, exchange.url, charset)
        except BadRecord as bad:
            # the page's own wishes can't be read, so nothing more is asked of its site on its account
            outcome.changes.append((FetchReason.LINKS_UNREADABLE, str(bad)))
            return None


def _charset(content_type: str) -> str | None:
    message = Message()
    message["content-type"] = content_type
    try:
        return message.get_content_charset()
    except (LookupError, ValueError):
        return None
