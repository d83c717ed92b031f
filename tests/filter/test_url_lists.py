from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.filter.texts import string_buffers
from components.filter.url_lists import (
    ADDRESS,
    DOMAIN,
    HARD,
    SOFT,
    STRICT,
    HashSet,
    blocked,
    flagged,
    hash_set,
    load_lists,
    load_words,
)

DOMAINS = "bad.com\n# a comment\n\n*.Worse.ORG  # why\nsub.mixed.net\n"
URLS = "mixed.net/adult\nwww.other.net/~jo/\nmixed.net/x?page=2\n"


def look_up(url: str, *uris: str | Path, package: bool = False) -> tuple[int, str]:
    data, starts = string_buffers(pa.array(["", url, "http://ok.net/"]))
    found = blocked(data, starts, load_lists(tuple(map(str, uris)), package))
    assert found.what[0] == found.what[2] == 0
    return int(found.what[1]), url.encode()[found.start[1] : found.stop[1]].decode()


def words_of(url: str, *files: Path, soft: int = 2) -> tuple[int, str]:
    data, starts = string_buffers(pa.array([url]))
    found = flagged(data, starts, load_words(tuple(map(str, files))), soft)
    return int(found.what[0]), url.encode()[found.start[0] : found.stop[0]].decode()


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    file = tmp_path / "list.txt"
    file.write_text(DOMAINS + URLS)
    return file


@pytest.mark.parametrize(
    ("url", "listed"),
    [
        ("http://bad.com", "bad.com"),
        ("https://www.BAD.com:8080/page", "BAD.com"),
        ("https://user:pass@a.b.bad.com./?q#f", "bad.com"),
        ("//cdn.worse.org/x", "worse.org"),
        ("worse.org", "worse.org"),
        ("http://sub.mixed.net/", "sub.mixed.net"),
    ],
)
def test_a_domain_stands_for_its_subdomains(url: str, listed: str, lists: Path) -> None:
    assert look_up(url, lists) == (DOMAIN, listed)


@pytest.mark.parametrize(
    "url",
    [
        "http://notbad.com/", "http://bad.com.au/", "http://bad.co", "http://com/", "http://mixed.net/",
        "http://x.net/?u=http://bad.com/", "http://x.net/bad.com", "http://x.net//bad.com", "", "about:blank",
        "http://bad.com@x.net/", "http://[::1]/bad.com", "http://x.net#@bad.com",
    ],
)  # fmt: skip
def test_other_hosts_are_not_listed(url: str, lists: Path) -> None:
    assert look_up(url, lists)[0] == 0


@pytest.mark.parametrize(
    ("url", "listed"),
    [
        ("http://mixed.net/adult", "mixed.net/adult"),
        ("https://mixed.net:443/adult/2?x", "mixed.net:443/adult"),
        ("http://www.mixed.net/adult?x=1", "www.mixed.net/adult"),
        ("http://other.net/~jo#top", "other.net/~jo"),
        ("http://mixed.net/x?page=2", "mixed.net/x?page=2"),
    ],
)
def test_an_address_stands_for_what_is_below_it(url: str, listed: str, lists: Path) -> None:
    assert look_up(url, lists) == (ADDRESS, listed)


@pytest.mark.parametrize("url", ["http://mixed.net/adults", "http://mixed.net/x", "http://a.mixed.net/adult"])
def test_other_addresses_are_not_listed(url: str, lists: Path) -> None:
    assert look_up(url, lists)[0] == 0


def test_compressed_lists_and_archives_of_lists(tmp_path: Path) -> None:
    (tmp_path / "list.gz").write_bytes(gzip.compress((DOMAINS + URLS).encode()))
    for folder, mode in (("", "w:gz"), ("adult/", "w:gz"), ("blacklists/adult/", "w")):
        with tarfile.open(tmp_path / f"{len(folder)}.tar", mode) as archive:
            members = {"domains": DOMAINS, "urls": URLS, "usage": "usage.com\n", "expressions": "a.com\n"}
            for name, text in members.items():
                info = tarfile.TarInfo(folder + name)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
    for name in ("list.gz", "0.tar", "6.tar", "17.tar"):
        assert look_up("http://a.bad.com/", tmp_path / name) == (DOMAIN, "bad.com")
        assert look_up("http://mixed.net/adult/x", tmp_path / name)[0] == ADDRESS
        assert look_up("http://usage.com/", tmp_path / name)[0] == 0


def test_a_list_that_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.filter.url_lists.CHUNK_BYTES", 7)
    names = [f"host{n}.com" for n in range(50)]
    (tmp_path / "pieces.txt").write_text("\n".join(names))
    assert all(look_up(f"http://{name}/", tmp_path / "pieces.txt")[0] == DOMAIN for name in names)


def test_wrong_lists_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(DOMAINS.encode())[:-9])
    with pytest.raises(ConfigurationError, match=r"none\.txt can't be read"):
        look_up("", tmp_path / "none.txt")
    with pytest.raises(ConfigurationError, match=r"empty\.txt has no entry"):
        look_up("", tmp_path / "empty.txt")
    with pytest.raises(ConfigurationError, match=r"cut\.gz can't be read"):
        look_up("", tmp_path / "cut.gz")


def test_the_list_of_the_package() -> None:
    assert look_up("https://www.pornhub.com/", package=True) == (DOMAIN, "pornhub.com")
    assert look_up("https://en.wikipedia.org/wiki/Pornhub.com", package=True)[0] == 0


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.lists(st.integers(0, 2**64 - 1), max_size=5))
@settings(max_examples=50, deadline=None)
def test_a_hash_set_holds_what_it_was_given(inside: list[int], other: list[int]) -> None:
    from components.filter.url_lists import _contains

    made: HashSet = hash_set([np.array(inside[:7], np.uint64), np.array(inside[7:], np.uint64)])
    assert len(made.keys) == len(set(inside))
    for key in inside + other:
        assert _contains(made.keys, made.starts, np.uint64(key)) == (key in inside)


@pytest.mark.parametrize(
    ("url", "kind", "word"),
    [
        ("http://site.com/hentai/1", STRICT, "hentai"),
        ("http://site.com/some-XXX.html", STRICT, "XXX"),
        ("http://site.com/a%20porn%20b", STRICT, "porn"),
        ("http://freepornvideos.com/", STRICT, "pornvideos"),
        ("http://bestporn4you.net/", STRICT, "porn"),
        ("http://my-hdpornz.com/", STRICT, "porn"),
        ("http://user.milfclub.tumblr.com/", STRICT, "milf"),
        ("http://site.com/bdsm_stories", HARD, "bdsm"),
        ("http://site.com/adult-webcam", SOFT, "webcam"),
        ("http://casino.com/poker?x=sexy", SOFT, "poker"),
    ],
)
def test_words_of_an_address(url: str, kind: int, word: str) -> None:
    assert words_of(url) == (kind, word)


@pytest.mark.parametrize(
    "host",
    [
        "essex.ac.uk", "sussex.gov.uk", "middlesexcounty.gov", "visitwessex.org", "scunthorpe.co.uk",
        "pornic.fr", "ville-pornichet.fr", "siriporn.com", "therapist.com", "psychotherapists.org",
        "analytics.com",
        "expertsexchange.com", "penisland.net", "childrenswear.co.uk", "whorepresents.com",
        "titansports.com",
        "titlemax.com", "cockburn.com", "dickssportinggoods.com", "hancock.com", "assassinscreed.com",
        "cumberland.edu", "documents.org", "circumstances.info", "shuttlecocks.com", "grapefruit.com",
        "swordsexchange.com", "molestationnursery.com", "speedofart.com", "lumbermansexchange.com",
        "xxxl.com", "xxxlutz.at", "masterbation-therapy.org", "sextant.fr", "mississippi.gov",
        "peacock.tv", "bassettfurniture.com", "massage.org", "glasses.com", "canal.com", "analog.com",
    ],
)  # fmt: skip
def test_innocent_hosts(host: str) -> None:
    assert words_of(f"https://www.{host}/")[0] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/teen-books", "/great-tit", "/health/breast-cancer", "/sex-education/lesson", "/adult-learning",
        "/casino-royale-review", "/dick-van-dyke", "/assets/class", "/poker", "/sussex/essex",
        "/grape/therapist",
        "/analysis/canal", "/x?u=cocktails", "/naked-juice",
    ],
)  # fmt: skip
def test_innocent_paths(path: str) -> None:
    assert words_of(f"https://example.org{path}")[0] == 0


def test_soft_words_are_counted_once_each() -> None:
    assert words_of("http://a.com/adult/adult-adult")[0] == 0
    assert words_of("http://a.com/adult/webcam/poker", soft=3) == (SOFT, "poker")
    assert words_of("http://a.com/adult/webcam", soft=3)[0] == 0
    assert words_of("http://a.com/adult", soft=1) == (SOFT, "adult")
    assert words_of("http://a.com/adult/webcam/porn") == (STRICT, "porn")


def test_further_words(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("gizmo # hard\n[strict]\nбзик\n[harmless]\nmypornography\n")
    assert words_of("http://a.com/Gizmo", words) == (HARD, "Gizmo")
    assert words_of("http://gizmoshop.com/", words)[0] == 0
    assert words_of("http://porn.com/", words)[0] == STRICT
    (tmp_path / "odd.txt").write_text("[odd]\nword\n")
    with pytest.raises(ConfigurationError, match=r"no section \[odd\]"):
        words_of("", tmp_path / "odd.txt")
    with pytest.raises(ConfigurationError, match=r"none\.txt can't be read"):
        words_of("", tmp_path / "none.txt")


PIECES = [
    "/",
    ":",
    "@",
    ".",
    "?",
    "#",
    "%",
    "a",
    "x",
    "4",
    "é",
    "porn",
    "sex",
    "com",
    "www",
    "pornhub.com",
    "//",
]


@given(st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
@settings(max_examples=300, deadline=None)
def test_any_text_is_an_address(url: str) -> None:
    for what, found in (words_of(url), look_up(url, package=True)):
        assert (what == 0) == (found == "")
