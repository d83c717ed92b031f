"""What a publisher allows, as evidence: robots.txt, X-Robots-Tag, meta robots, TDMRep, ai.txt and more.

Everything here judges bytes that somebody else fetched; nothing opens a connection.

| signal | where | specification |
| --- | --- | --- |
| robots.txt | origin | RFC 9309, read by protego |
| noai, noimageai, noml | `X-Robots-Tag`, `<meta name=robots>` | a convention of publishers since 2022 |
| tdm-reservation | header, `<meta>`, `/.well-known/tdmrep.json` | W3C TDMRep, final report of 10 May 2024 |
| ai.txt | origin | Spawning: robots.txt syntax, patterns by file type |
| Content-Usage, Content-Signal | header, robots.txt | IETF aipref drafts; Cloudflare content signals |
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal
from urllib.parse import quote, unquote, urlsplit

from protego import Protego

from components.core.records import Consent

AGENT: Final = "kalemint"
"""Our product token: what robots.txt groups and scoped directives are matched with."""
ROBOTS_MAX_BYTES: Final = 512 * 1024
"""How much of a robots.txt is read (RFC 9309 section 2.5 asks for at least 500 KiB)."""

NO_AI: Final = frozenset({"noai", "noml"})
NO_IMAGE_AI: Final = frozenset({"noimageai"})
_VALUED: Final = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_SCOPE: Final = re.compile(r"^([A-Za-z0-9_-]{1,64})\s*:\s*(.*)$", re.DOTALL)
_TRAINING: Final = frozenset({"ai-train", "train-ai", "train-genai", "tdm", "ai"})
"""Usage categories that cover a training set; refused as `=n` (aipref) or `=no` (content signals)."""


class Verdict(StrEnum):
    """Verdict of a robots.txt on one URL (column `consent.robots`)."""

    ALLOWED = "allowed"
    DISALLOWED = "disallowed"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


def _text(body: bytes) -> str:
    return body[:ROBOTS_MAX_BYTES].decode("utf-8-sig", errors="replace")


@dataclass(frozen=True, slots=True)
class Robots:
    """One origin's robots.txt.

    `state` is "parsed"; "unavailable" where the server says that there is none (RFC 9309 section
    2.3.1.3: anything may be fetched); "unreachable" where it can't be known (2.3.1.4: nothing may be).
    """

    state: Literal["parsed", "unavailable", "unreachable"]
    rules: Protego | None = None
    names_agents: bool = False
    """True where there is a User-agent line; without one it is no file of rules."""
    usage: Mapping[str, list[tuple[str, bool | None]]] = field(default_factory=dict)

    @classmethod
    def from_response(cls, status: int | None, body: bytes = b"") -> Robots:
        """Judge the answer to a request for /robots.txt.

        Args:
            status: HTTP status after redirects; None where no answer came.
            body: content-decoded body; bytes after the first 512 KiB are ignored.
        """
        if status is None or status >= 500 or status == 429 or 300 <= status < 400:
            return cls("unreachable")  # 429 means "not now", not "there is none"
        if status >= 400:
            return cls("unavailable")
        text = _text(body)
        return cls("parsed", Protego.parse(text), "user-agent" in text.lower(), usage_lines(text))

    def verdict(self, url: str, agent: str = AGENT) -> Verdict:
        """Whether `agent` may fetch `url`; unreachable rules disallow."""
        if self.state == "unavailable":
            return Verdict.UNAVAILABLE
        if self.rules is None:
            return Verdict.DISALLOWED
        return Verdict.ALLOWED if self.rules.can_fetch(url, agent) else Verdict.DISALLOWED

    def crawl_delay(self, agent: str = AGENT) -> float:
        """Seconds the origin asks for between two requests; 0 where it asks for none."""
        if self.rules is None:
            return 0.0
        delay = self.rules.crawl_delay(agent) or 0.0
        rate = self.rules.request_rate(agent)
        if rate is not None and rate.requests > 0:
            delay = max(delay, rate.seconds / rate.requests)
        return max(0.0, float(delay))

    def usage_refused(self, url: str, agent: str = AGENT) -> bool:
        """True where a Content-Usage or Content-Signal line refuses training for `url`.

        A group that names the agent counts alone, else the groups of `*`; of several lines the one
        with the longest matching path decides, and a refusal wins a tie.
        """
        chosen = self.usage.get(agent.lower()) or self.usage.get("*") or []
        if not chosen:
            return False
        path = path_of(url)
        best: tuple[int, bool] | None = None
        for pattern, refused in chosen:
            if refused is not None and path_matches(pattern, path):
                candidate = (len(pattern), refused)
                best = candidate if best is None else max(best, candidate)
        return best is not None and best[1]


def usage_lines(robots_txt: str) -> dict[str, list[tuple[str, bool | None]]]:
    """Preference lines of a robots.txt by user agent: (path pattern, training refused or not said)."""
    groups: dict[str, list[tuple[str, bool | None]]] = {}
    agents: list[str] = []
    in_head = False
    for raw in robots_txt.splitlines():
        name, colon, value = raw.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not name:
            continue
        if name in {"user-agent", "useragent"}:
            agents = [*agents, value.lower()] if in_head else [value.lower()]
            in_head = True
            continue
        if name not in {"sitemap", "host"}:
            in_head = False
        if name in {"content-usage", "content-signal"}:
            path, _, rest = value.partition(" ") if value.startswith("/") else ("/", "", value)
            for agent in agents or ["*"]:
                groups.setdefault(agent, []).append((path, refuses_training(rest)))
    return groups


def refuses_training(preferences: str) -> bool | None:
    """Read `train-ai=n, search=y` or `ai-train=no`: True refused, False allowed, None not said."""
    said: bool | None = None
    for part in preferences.split(","):
        key, equals, value = part.partition("=")
        if equals and key.strip().lower() in _TRAINING:
            answer = value.partition(";")[0].strip().strip('"').lower()
            if answer in {"n", "no"}:
                return True
            if answer in {"y", "yes"}:
                said = False
    return said


def directives(values: Iterable[str], agent: str = AGENT) -> frozenset[str]:
    """Directives of `X-Robots-Tag` values that are meant for `agent`, in lower case.

    A value may be scoped: `otherbot: noindex, kalemint: noai` gives noai only. What is not scoped
    is meant for everybody.
    """
    found: set[str] = set()
    for value in values:
        scope = ""
        for part in value.split(","):
            directive = part.strip()
            match = _SCOPE.match(directive)
            if match and match[1].lower() in _VALUED:
                directive = match[1]
            elif match:
                scope, directive = match[1].lower(), match[2].strip()
            if directive and scope in {"", "*", "all", "robots", agent.lower()}:
                found.add(directive.lower())
    return frozenset(found)


def meta_robots(metas: Iterable[tuple[str, str]], agent: str = AGENT) -> str | None:
    """Content of the robots `<meta>` elements among (name, content) pairs, joined by ", "."""
    wanted = {"robots", agent.lower()}
    parts = [content.strip() for name, content in metas if name.strip().lower() in wanted and content.strip()]
    return ", ".join(parts) or None


def reservation(value: str | None) -> bool | None:
    """A tdm-reservation value: True for 1, False for 0, None for anything else (TDMRep section 4)."""
    return {"1": True, "0": False}.get(value.strip()) if value is not None else None


def path_of(url: str) -> str:
    """Path and query of a URL in one spelling, for matching with patterns."""
    parts = urlsplit(url)
    path = _normal(parts.path or "/")
    return f"{path}?{_normal(parts.query)}" if parts.query else path


def _normal(text: str) -> str:
    return quote(unquote(text), safe="/*$!&'()+,;=:@?~-._")


def path_matches(pattern: str, path: str) -> bool:
    """RFC 9309 section 2.2.3: a prefix match with `*` for any characters and `$` for the end.

    Linear in the path for each `*`; no regular expression, for the pattern is a stranger's.
    """
    anchored = pattern.endswith("$")
    first, *rest = _normal(pattern.removesuffix("$")).split("*")
    if not path.startswith(first):
        return False
    position = len(first)
    if not rest:
        return not anchored or position == len(path)
    for piece in rest[:-1]:
        position = path.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    if anchored:
        return len(path) - len(rest[-1]) >= position and path.endswith(rest[-1])
    return path.find(rest[-1], position) >= 0


@dataclass(frozen=True, slots=True)
class TdmRep:
    """`/.well-known/tdmrep.json` of an origin: (location pattern, reserved, policy URL) rules."""

    rules: tuple[tuple[str, bool, str | None], ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> TdmRep:
        """Read the file; entries that are not well formed are ignored, as is a file that is no JSON."""
        try:
            entries: Any = json.loads(body.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            return cls()
        rules = []
        for entry in entries if isinstance(entries, list) else [entries]:
            if not isinstance(entry, dict):
                continue
            location, policy = entry.get("location"), entry.get("tdm-policy")
            raw = entry.get("tdm-reservation")
            reserved = None if isinstance(raw, bool) else reservation(str(raw))
            if isinstance(location, str) and location and reserved is not None:
                pattern = location if location.startswith(("/", "*")) else f"/{location}"
                rules.append((pattern, reserved, policy if isinstance(policy, str) else None))
        return cls(tuple(rules))

    def find(self, url: str) -> tuple[bool | None, str | None]:
        """(reserved, policy URL) for `url`: the longest matching location, a reservation before none."""
        if not self.rules:
            return None, None
        path = path_of(url)
        matching = [(len(p), r, policy) for p, r, policy in self.rules if path_matches(p, path)]
        if not matching:
            return None, None
        _, reserved, policy = max(matching, key=lambda m: m[:2])
        return reserved, policy


@dataclass(frozen=True, slots=True)
class SitePolicy:
    """What one origin's policy files say. A file that is not there is None or says nothing."""

    robots: Robots | None = None
    tdmrep: TdmRep = field(default_factory=TdmRep)
    ai_txt: Robots | None = None


@dataclass(slots=True)
class Evidence:
    """Every signal seen for one URL, and what follows from them."""

    robots: str = Verdict.UNKNOWN
    x_robots_tag: str | None = None
    meta_robots: str | None = None
    tdm_reservation: bool | None = None
    tdm_policy: str | None = None
    ai_txt: str | None = None
    content_usage: str | None = None
    usage_refused: bool = False
    directives: frozenset[str] = frozenset()

    @property
    def noai(self) -> bool | None:
        """True where AI use was refused in any form, images included; None where nothing was said."""
        if self.directives & (NO_AI | NO_IMAGE_AI) or self.ai_txt == Verdict.DISALLOWED or self.usage_refused:
            return True
        return False if self.directives else None

    def consent(self) -> Consent:
        """The evidence as the `consent` column of a document."""
        return Consent(
            robots=self.robots,
            x_robots_tag=self.x_robots_tag,
            meta_robots=self.meta_robots,
            tdm_reservation=self.tdm_reservation,
            noai=self.noai,
        )

    def fields(self) -> list[tuple[str, str]]:
        """The evidence as `application/warc-fields`, for a WARC metadata record."""
        pairs = [
            ("robots", str(self.robots)),
            ("x-robots-tag", self.x_robots_tag),
            ("meta-robots", self.meta_robots),
            ("tdm-reservation", None if self.tdm_reservation is None else str(int(self.tdm_reservation))),
            ("tdm-policy", self.tdm_policy),
            ("ai-txt", self.ai_txt),
            ("content-usage", self.content_usage),
            ("noai", None if self.noai is None else str(self.noai).lower()),
        ]
        return [(name, value) for name, value in pairs if value is not None]


def gather(
    url: str,
    policy: SitePolicy,
    headers: Iterable[tuple[str, str]],
    metas: Iterable[tuple[str, str]] = (),
    agent: str = AGENT,
) -> Evidence:
    """Collect the evidence for one response.

    Args:
        url: address of the response.
        policy: the policy files of its origin.
        headers: HTTP response headers in order; a name may come more than once.
        metas: (name, content) of the page's `<meta>` elements.

    For TDMRep the page's metadata beats the header, and the header beats the file (its section 4).
    """
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.lower(), []).append(value)
    first = {name: values[0] for name, values in named.items()}
    metas = list(metas)
    in_page = {name.strip().lower(): content for name, content in reversed(metas)}
    tags, usage = named.get("x-robots-tag", []), named.get("content-usage", [])
    meta = meta_robots(metas, agent)
    refused = policy.robots is not None and policy.robots.usage_refused(url, agent)
    said = refuses_training(", ".join(usage))
    evidence = Evidence(
        robots=policy.robots.verdict(url, agent) if policy.robots else Verdict.UNKNOWN,
        x_robots_tag="; ".join(tags) or None,
        meta_robots=meta,
        ai_txt=ai_verdict(policy.ai_txt, url, agent),
        content_usage=", ".join(usage) or None,
        usage_refused=refused if said is None else said,
        directives=directives(tags, agent) | directives([meta] if meta else [], agent),
    )
    declared: list[tuple[bool | None, str | None]] = [
        (reservation(in_page.get("tdm-reservation")), in_page.get("tdm-policy")),
        (reservation(first.get("tdm-reservation")), first.get("tdm-policy")),
        policy.tdmrep.find(url),
    ]
    for reserved, tdm_policy in declared:
        if reserved is not None:
            evidence.tdm_reservation, evidence.tdm_policy = reserved, tdm_policy
            break
    return evidence


def ai_verdict(ai_txt: Robots | None, url: str, agent: str = AGENT) -> str | None:
    """What ai.txt says of `url`; None where there is none, or where what lies there is another format."""
    if ai_txt is None or ai_txt.state != "parsed" or not ai_txt.names_agents:
        return None
    return ai_txt.verdict(url, agent)


def parse_fields(block: bytes) -> dict[str, str]:
    """Read an `application/warc-fields` block: names in lower case, the first of a name counts."""
    fields: dict[str, str] = {}
    for line in block.decode("utf-8", errors="replace").splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip():
            fields.setdefault(name.strip().lower(), value.strip())
    return fields


def consent_of(fields: Mapping[str, str]) -> Consent:
    """The `Consent` that `Evidence.fields` wrote into a WARC metadata record."""
    noai = fields.get("noai")
    return Consent(
        robots=fields.get("robots", Verdict.UNKNOWN),
        x_robots_tag=fields.get("x-robots-tag"),
        meta_robots=fields.get("meta-robots"),
        tdm_reservation=reservation(fields.get("tdm-reservation")),
        noai=None if noai is None else noai == "true",
    )
