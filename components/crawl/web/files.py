"""Fetch the files at given addresses from very many hosts at once, each host at its own gentle pace.

Hosts are worked on side by side, those with the most addresses first, for they take longest. Within a
host addresses are asked for in order, a few at a time. Every address ends as one `FileAnswer`; the
answers come back in the order of the targets, however the servers' answers arrived.

Memory holds what is kept (bounded by `max_unit_bytes`) and the bodies on their way: each up to
`_SMALL_BODY`, and so many larger ones as `in_flight_bytes` allows.
"""

from __future__ import annotations

import asyncio
import re
import resource
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

from components.core.errors import BadRecord, Drop
from components.crawl import consent
from components.crawl.web.client import Client, Exchange, Watch
from components.crawl.web.file_params import DROPPED, FileReason, FilesParams
from components.crawl.web.params import FetchReason
from components.crawl.web.rules import check_declared_length, origin_of, redirect_target, refusal
from components.crawl.web.site import Origin, SiteFiles, obey

_SMALL_BODY: Final = 1 << 20
"""A body beyond so many bytes waits for one of the places for large bodies."""
_HOSTS_PER_SLOT: Final = 4
"""Hosts worked on at a time for each exchange that may run: most of them are pausing."""
_FAULTS_OF_A_DEAD_HOST: Final = 3
_ORIGINS_REMEMBERED: Final = 4096
_DNS_THREADS: Final = 64
_SPARE_DESCRIPTORS: Final = 256
_ADDRESS: Final = re.compile(r"https?://[!\"$-~]+")
_ACCEPT: Final = {"image": "image/*,*/*;q=0.5", "pdf": "application/pdf,*/*;q=0.5"}
_UNREACHED: Final = frozenset({FileReason.DNS, FileReason.CONNECT, FileReason.TLS, FileReason.TIMEOUT})
_FAULTS_OF_HOSTS: Final = frozenset(
    {
        FetchReason.DNS,
        FetchReason.CONNECT,
        FetchReason.TLS,
        FetchReason.TIMEOUT,
        FetchReason.DISCONNECTED,
        FetchReason.PRIVATE_ADDRESS,
        FetchReason.BAD_URL,
    }
)
"""Faults met at robots.txt that say why the host's files can't be had; others concern robots.txt only."""


@dataclass(frozen=True, slots=True)
class FileTarget:
    """An address to fetch. `shards` are those whose documents show it; `host` is of the address."""

    url: str
    id: str
    host: str
    kind: Literal["image", "pdf"]
    referrer: str | None = None
    shards: tuple[int, ...] = ()


@dataclass(slots=True)
class FileAnswer:
    """What became of a target.

    Attributes:
        attempts: requests made, redirects not counted; 0 where nothing was asked.
        fetched_at: when the last answer had come.
    """

    target: FileTarget
    action: Literal["captured", "dropped", "failed"] = "captured"
    reason: FileReason | None = None
    detail: str = ""
    final_url: str | None = None
    status: int | None = None
    attempts: int = 0
    content_type: str | None = None
    size: int | None = None
    sha256: str | None = None
    fetched_at: datetime | None = None
    evidence: consent.Evidence | None = None
    reached: bool = False

    def end(self, action: Literal["dropped", "failed"], reason: FileReason, detail: str = "") -> FileAnswer:
        """Set how it ended."""
        self.action, self.reason, self.detail = action, reason, detail
        return self


@dataclass(frozen=True, slots=True)
class Taken:
    """What was made of a file that came: its SHA-256 (hex), and how many bytes stay in memory for it."""

    sha256: str
    kept_bytes: int


Take = Callable[[FileTarget, Exchange, consent.Evidence], Awaitable[Taken]]
"""Takes a file that came, or raises `Drop` or `BadRecord`."""


class FileFetcher:
    """Fetches one unit's targets. `run` may be called once.

    Args:
        clock: gives the time that is written into evidence.
        look: judges the first 8 KiB of a body, before the rest is read.
        take: takes whole bodies.
    """

    def __init__(
        self,
        params: FilesParams,
        *,
        kind: Literal["image", "pdf"],
        clock: Callable[[], datetime],
        look: Callable[[bytes], None],
        take: Take,
    ) -> None:
        self.params = params
        self.counters: Counter[str] = Counter()
        self._clock, self._look, self._take, self._kind = clock, look, take, kind
        self._client = Client(params, clock=clock, accept=_ACCEPT[kind])
        self._sites = SiteFiles(self._client, None, params, self.counters, _ORIGINS_REMEMBERED)
        self._large = asyncio.Semaphore(max(1, params.in_flight_bytes // params.max_file_bytes))
        self._answers: dict[str, FileAnswer] = {}
        self._kept = 0
        self._workers = params.per_host_connections
        self._end = 0.0

    async def run(self, targets: Sequence[FileTarget]) -> list[FileAnswer]:
        """Fetch all targets; their addresses must differ and those of one host lie together."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(_DNS_THREADS))  # names are looked up in threads
        self._end = loop.time() + self.params.unit_time_s
        hosts = [list(group) for _, group in groupby(targets, key=attrgetter("host"))]
        at_a_time = min(self._hosts_at_a_time(), len(hosts))
        # connections are opened once and used again: no more of them than can be busy
        self._workers = max(self.params.per_host_connections, self.params.concurrency // max(1, at_a_time))
        waiting = deque(sorted(hosts, key=lambda group: (-len(group), group[0].host)))

        async def work() -> None:
            while waiting:
                await self._host(waiting.popleft())

        async with self._client, asyncio.TaskGroup() as tasks:
            for _ in range(at_a_time):
                tasks.create_task(work())
        self.counters["hosts"] = len(hosts)
        return [self._answers[target.url] for target in targets]

    def _hosts_at_a_time(self) -> int:
        """As many as there are file descriptors for, of which this process takes all it may."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        wanted = _HOSTS_PER_SLOT * self.params.concurrency
        if hard == resource.RLIM_INFINITY:
            return wanted
        connections = min(self.params.host_connections, self.params.concurrency)
        return max(1, min(wanted, (hard - _SPARE_DESCRIPTORS) // connections))

    # one host

    async def _host(self, targets: Sequence[FileTarget]) -> None:
        """All addresses of a host: one by one until it has answered, then several at a time."""
        queue = deque(targets)
        end = asyncio.get_running_loop().time() + self.params.host_time_s
        silent = 0
        while queue:
            answer = await self._attempt(queue.popleft(), end, last=not queue)
            if answer.reached or answer.reason not in _UNREACHED:
                break
            silent += 1
            if silent == _FAULTS_OF_A_DEAD_HOST:
                self._give_up(queue, answer.reason)

        async def work() -> None:
            while queue:
                await self._attempt(queue.popleft(), end, last=not queue)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(self._workers, self.params.host_connections, len(queue))):
                tasks.create_task(work())

    def _give_up(self, queue: deque[FileTarget], reason: FileReason) -> None:
        """Fail what is left of a host that never answered, without asking for it."""
        detail = f"not asked: the host did not answer for {_FAULTS_OF_A_DEAD_HOST} other addresses"
        while queue:
            target = queue.popleft()
            self._answers[target.url] = FileAnswer(target).end("failed", reason, detail)

    # one address

    async def _attempt(self, target: FileTarget, host_end: float, *, last: bool) -> FileAnswer:
        answer = self._answers[target.url] = FileAnswer(target)
        if late := self._too_late(host_end):
            return answer.end("failed", late, "not asked any more")
        watch = _FileWatch(answer, self._look, self._large, last=last)
        try:
            await self._visit(target, answer, watch)
        except Drop as drop:
            answer.end("dropped", FileReason(str(drop.reason)), drop.detail)
        except BadRecord as bad:
            reason = FileReason(str(bad.reason))
            answer.end("dropped" if reason in DROPPED else "failed", reason, bad.detail)
        except ValueError as error:
            # what neither our checks nor aiohttp's foresee costs the address and not its unit
            answer.end("failed", FileReason.BAD_HTTP, f"{type(error).__name__}: {error}")
        finally:
            watch.release()
        if answer.status is not None:
            answer.fetched_at = self._clock()
        self.counters["requests"] += answer.attempts
        return answer

    def _too_late(self, host_end: float) -> FileReason | None:
        now = asyncio.get_running_loop().time()
        if self._kept >= self.params.max_unit_bytes:
            return FileReason.BUDGET_REACHED
        if now >= self._end:
            return FileReason.UNIT_TIME
        return FileReason.HOST_TIME if now >= host_end else None

    async def _visit(self, target: FileTarget, answer: FileAnswer, watch: _FileWatch) -> None:
        """Follow redirects to the file, each asked for only where its publisher lets us, and take it."""
        url = target.url
        if not _ADDRESS.fullmatch(url):
            raise Drop(FileReason.BAD_URL, f"{url[:200]!r} is no http or https address in ASCII")
        chain: list[str] = []
        while True:
            chain.append(url)
            origin = Origin(consent.SitePolicy())
            if not self.params.own_servers:
                origin = await self._permitting(url)
            answer.attempts -= len(chain) > 1  # redirects are not counted

            def limit(response: Exchange, policy: consent.SitePolicy = origin.policy) -> int:
                return self._judge_head(response, policy, answer)

            exchange = await self._client.get(url, limit, watch)
            answer.final_url, answer.status = url, exchange.status
            if not exchange.is_redirect:
                break
            url = redirect_target(exchange, chain, self.params.max_redirects)
        _check_status(exchange)
        assert answer.evidence is not None
        if not exchange.body:
            raise Drop(FileReason.EMPTY, "the body is empty")
        answer.size = len(exchange.body)
        self.counters["bytes_received"] += answer.size
        taken = await self._take(target, exchange, answer.evidence)
        answer.sha256 = taken.sha256
        self._kept += taken.kept_bytes

    async def _permitting(self, url: str) -> Origin:
        """The policy files of the origin of `url`, if they let us ask for it.

        Raises:
            Drop, BadRecord: with a `FetchReason`.
        """
        origin = await self._sites.get(origin_of(url))
        try:
            obey(origin, url, self.params)
        except BadRecord as bad:
            if bad.reason in _FAULTS_OF_HOSTS:
                raise
            raise BadRecord(FetchReason.ROBOTS_UNREACHABLE, bad.detail) from None
        return origin

    def _judge_head(self, exchange: Exchange, policy: consent.SitePolicy, answer: FileAnswer) -> int:
        """What the head of an answer says: whether the body may be had, and how long it may be."""
        answer.final_url, answer.status = exchange.url, exchange.status
        answer.content_type = exchange.header("content-type")
        if exchange.status not in {200, 203}:
            raise Drop(FileReason.HTTP_OTHER, f"HTTP {exchange.status}")
        said = answer.evidence = consent.gather(exchange.url, policy, exchange.headers)
        reason = refusal(said, self.params, is_image=self._kind == "image")
        if reason is not None:
            raise Drop(reason, "; ".join(f"{name}: {value}" for name, value in said.fields()))
        check_declared_length(exchange, self.params.max_file_bytes)
        return self.params.max_file_bytes


class _FileWatch(Watch):
    """Counts the requests for one address, and makes large bodies wait for room."""

    def __init__(
        self,
        answer: FileAnswer,
        look: Callable[[bytes], None],
        large: asyncio.Semaphore,
        *,
        last: bool,
    ) -> None:
        self._answer, self._look, self._large, self.last = answer, look, large, last
        self._holds = False

    def asked(self) -> None:
        self._answer.attempts += 1

    def answered(self) -> None:
        self._answer.reached = True

    def look(self, head: bytes) -> None:
        if head:
            self._look(head)

    async def grown(self, size: int) -> None:
        if size > _SMALL_BODY and not self._holds:
            await self._large.acquire()
            self._holds = True

    def release(self) -> None:
        """Give the room back: nothing of the body is held any more, or it counts as kept."""
        if self._holds:
            self._large.release()
            self._holds = False


def _check_status(exchange: Exchange) -> None:
    """Raise for answers that are no file."""
    status, said = exchange.status, f"HTTP {exchange.status} {exchange.reason}"
    if status < 400:
        return
    if status in {404, 410}:
        raise Drop(FileReason.GONE, said)
    if status == 429:
        raise BadRecord(FileReason.THROTTLED, said)
    if status in {408, 425}:
        raise BadRecord(FileReason.TIMEOUT, said)
    if status < 500:
        raise Drop(FileReason.HTTP_4XX, said)
    raise BadRecord(FileReason.HTTP_5XX, said)
