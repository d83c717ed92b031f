from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.crawl.consent import (
    Evidence,
    Robots,
    SitePolicy,
    TdmRep,
    Verdict,
    ai_verdict,
    consent_of,
    directives,
    gather,
    parse_fields,
    path_matches,
    refuses_training,
)
from components.crawl.warc.writer import warc_fields

URL = "https://example.org/news/a.html?x=1"


def robots(text: str) -> Robots:
    return Robots.from_response(200, text.encode())


@pytest.mark.parametrize(
    ("text", "path", "verdict"),
    [
        ("User-agent: *\nDisallow: /private", "/private/a", Verdict.DISALLOWED),
        ("User-agent: *\nDisallow: /private", "/public", Verdict.ALLOWED),
        ("User-agent: *\nDisallow: /\n\nUser-agent: kalemint\nDisallow: /x", "/y", Verdict.ALLOWED),
        ("User-agent: *\nAllow: /\n\nUser-agent: KaleMint\nDisallow: /", "/y", Verdict.DISALLOWED),
        ("User-agent: GPTBot\nDisallow: /", "/y", Verdict.ALLOWED),
        # RFC 9309 section 2.2.2: the longest match wins, and allow wins a tie
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", Verdict.ALLOWED),
        ("User-agent: *\nAllow: /p\nDisallow: /p", "/p", Verdict.ALLOWED),
        ("User-agent: *\nDisallow: /*.pdf$", "/f/x.pdf", Verdict.DISALLOWED),
        ("User-agent: *\nDisallow: /*.pdf$", "/f/x.pdf?y", Verdict.ALLOWED),
        ("User-agent: *\nDisallow: /%7Ejoe/", "/~joe/x", Verdict.DISALLOWED),
        ("User-agent: a\nUser-agent: kalemint\nDisallow: /", "/x", Verdict.DISALLOWED),
        ("\ufeffUser-agent: *\nDisallow: /", "/x", Verdict.DISALLOWED),
        ("User-agent: *\r\nDisallow: /\r\n", "/robots.txt", Verdict.ALLOWED),
        ("<html><body>no robots here</body></html>", "/x", Verdict.ALLOWED),
        ("", "/x", Verdict.ALLOWED),
    ],
)
def test_robots_verdicts(text: str, path: str, verdict: Verdict) -> None:
    assert robots(text).verdict(f"https://example.org{path}") == verdict


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (404, Verdict.UNAVAILABLE),
        (403, Verdict.UNAVAILABLE),
        (410, Verdict.UNAVAILABLE),
        (429, Verdict.DISALLOWED),
        (500, Verdict.DISALLOWED),
        (503, Verdict.DISALLOWED),
        (302, Verdict.DISALLOWED),
        (None, Verdict.DISALLOWED),
    ],
)
def test_robots_that_cannot_be_had(status: int | None, verdict: Verdict) -> None:
    assert Robots.from_response(status, b"User-agent: *\nAllow: /").verdict(URL) == verdict


def test_robots_is_read_up_to_512_kib() -> None:
    filler = b"# " + b"x" * (511 * 1024) + b"\n"
    inside = Robots.from_response(200, filler + b"User-agent: *\nDisallow: /")
    assert inside.verdict(URL) == Verdict.DISALLOWED
    outside = Robots.from_response(200, filler * 2 + b"User-agent: *\nDisallow: /")
    assert outside.verdict(URL) == Verdict.ALLOWED


def test_crawl_delay_and_request_rate() -> None:
    assert robots("User-agent: *\nCrawl-delay: 7.5").crawl_delay() == 7.5
    assert robots("User-agent: *\nRequest-rate: 1/20").crawl_delay() == 20
    assert robots("User-agent: other\nCrawl-delay: 7").crawl_delay() == 0
    assert Robots.from_response(404).crawl_delay() == 0


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["noai, noimageai"], {"noai", "noimageai"}),
        (["NoAI"], {"noai"}),
        (["googlebot: noai"], set()),
        (["googlebot: noindex, kalemint: noai, noarchive"], {"noai", "noarchive"}),
        (["otherbot: noai", "noml"], {"noml"}),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], {"unavailable_after", "noai"}),
        (["max-snippet: 20, noimageai"], {"max-snippet", "noimageai"}),
        (["robots: noai"], {"noai"}),
        (["", ",,", " : "], {":"}),
    ],
)
def test_directives(values: list[str], found: set[str]) -> None:
    assert directives(values) == found


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("train-ai=n", True),
        ("search=y, train-ai=n", True),
        ("search=yes,ai-train=no", True),
        ("ai-train=yes", False),
        ("search=n", None),
        ("", None),
        ("train-ai", None),
        ("train-ai=y, tdm=n", True),
    ],
)
def test_training_preferences(text: str, refused: bool | None) -> None:
    assert refuses_training(text) is refused


def test_usage_lines_of_robots_txt() -> None:
    signal = robots("User-Agent: *\nContent-Signal: search=yes,ai-train=no\nAllow: /")
    assert signal.usage_refused(URL)
    assert signal.verdict(URL) == Verdict.ALLOWED
    by_path = robots("User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /news/ train-ai=y\nDisallow:")
    assert not by_path.usage_refused(URL)
    assert by_path.usage_refused("https://example.org/blog/")
    general = "User-agent: *\nContent-Usage: train-ai=n\n\n"
    ours = robots(f"{general}User-agent: kalemint\nContent-Usage: train-ai=y\nAllow: /")
    assert not ours.usage_refused(URL)
    assert not robots("User-agent: other\nContent-Usage: train-ai=n").usage_refused(URL)


def oracle(pattern: str, path: str) -> bool:
    anchored = pattern.endswith("$")
    parts = pattern.removesuffix("$").split("*")
    expression = ".*".join(re.escape(part) for part in parts) + ("$" if anchored else "")
    return (
        re.compile(expression.replace(r"$", r"\Z") if anchored else expression, re.DOTALL).match(path)
        is not None
    )


@given(st.text("ab/*", max_size=8), st.booleans(), st.text("ab/", max_size=10))
@example("/a*b", True, "/ab")
@example("/a*a", True, "/a")
def test_path_matching_is_what_a_regular_expression_says(pattern: str, anchored: bool, path: str) -> None:
    pattern += "$" * anchored
    assert path_matches(pattern, path) == oracle(pattern, path)


def test_a_hostile_pattern_costs_no_time() -> None:
    begun = time.process_time()
    assert not path_matches("/" + "*a" * 2000 + "b$", "/" + "a" * 5000)
    assert time.process_time() - begun < 20


def test_tdmrep_file_takes_the_longest_location() -> None:
    rules = [
        {"location": "/", "tdm-reservation": 1, "tdm-policy": "https://example.org/policy.json"},
        {"location": "/news/", "tdm-reservation": "0"},
        {"location": "/news/*.html$", "tdm-reservation": 1},
        {"location": "/odd", "tdm-reservation": True},
        {"location": 3, "tdm-reservation": 1},
        "nonsense",
    ]
    file = TdmRep.parse(json.dumps(rules).encode())
    assert file.find("https://example.org/news/a.html") == (True, None)
    assert file.find("https://example.org/news/a.pdf") == (False, None)
    assert file.find("https://example.org/odd") == (True, "https://example.org/policy.json")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"null", b'{"location": "/"}', b"\xff\xfe"])
def test_a_broken_tdmrep_file_says_nothing(body: bytes) -> None:
    assert TdmRep.parse(body).find(URL) == (None, None)


def test_tdm_metadata_beats_the_header_and_the_header_beats_the_file() -> None:
    policy = SitePolicy(tdmrep=TdmRep((("/", True, "https://example.org/p"),)))
    assert gather(URL, policy, []).tdm_reservation is True
    assert gather(URL, policy, []).tdm_policy == "https://example.org/p"
    header = [("TDM-Reservation", "0")]
    assert gather(URL, policy, header).tdm_reservation is False
    meta = [("TDM-reservation", "1"), ("tdm-policy", "https://example.org/q")]
    assert gather(URL, policy, header, meta).tdm_reservation is True
    assert gather(URL, policy, header, meta).tdm_policy == "https://example.org/q"
    assert gather(URL, SitePolicy(), []).tdm_reservation is None


def test_evidence_of_a_page() -> None:
    headers = [("X-Robots-Tag", "noarchive"), ("x-robots-tag", "kalemint: noimageai")]
    found = gather(URL, SitePolicy(Robots.from_response(404)), headers, [("robots", "index, NoAI")])
    assert found.robots == "unavailable"
    assert found.x_robots_tag == "noarchive; kalemint: noimageai"
    assert found.meta_robots == "index, NoAI"
    assert found.noai is True
    assert gather(URL, SitePolicy(), [], [("robots", "index")]).noai is False
    assert gather(URL, SitePolicy(), []).noai is None
    assert gather(URL, SitePolicy(), [], [("googlebot", "noai")]).noai is None


def test_usage_header_beats_robots_txt() -> None:
    policy = SitePolicy(robots("User-agent: *\nContent-Usage: train-ai=n"))
    assert gather(URL, policy, []).noai is True
    assert gather(URL, policy, [("Content-Usage", "train-ai=y")]).usage_refused is False


def test_ai_txt_judges_by_file_type() -> None:
    file = robots("# Spawning AI\nUser-Agent: *\nDisallow: *.jpg\nAllow: *.html\nAllow: /")
    assert ai_verdict(file, "https://example.org/a/b.jpg") == Verdict.DISALLOWED
    assert ai_verdict(file, "https://example.org/a/b.html") == Verdict.ALLOWED
    assert ai_verdict(robots("# My site\nAn llms.txt kind of text"), URL) is None
    assert ai_verdict(None, URL) is None


texts = st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=30)


@given(
    st.sampled_from(list(Verdict)),
    texts.filter(lambda t: t is None or t.isprintable()),
    texts.filter(lambda t: t is None or t.isprintable()),
    st.none() | st.booleans(),
    st.sampled_from([frozenset(), frozenset({"noai"}), frozenset({"noindex"})]),
)
def test_fields_carry_the_consent(
    verdict: Verdict, tag: str | None, meta: str | None, tdm: bool | None, found: frozenset[str]
) -> None:
    evidence = Evidence(verdict, tag, meta, tdm, directives=found)
    assert consent_of(parse_fields(warc_fields(evidence.fields()))) == evidence.consent()
