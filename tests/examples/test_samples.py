import csv
import importlib.util
import io
import re
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import pypdfium2
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
SITE = EXAMPLES / "site"
PAPERS = EXAMPLES / "papers"

SAMPLES = ("site/", "papers/", "sources/")
"""Folders of the samples; the files beside them are the project's own."""

ALLOWED = {
    "BSD-3-Clause",
    "CC-BY-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "GFDL-1.2-no-invariants-or-later",
    "GFDL-1.3-no-invariants-or-later",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "MIT",
}
"""Licences that allow copies and changed copies for every purpose (no NC, no ND)."""

BROKEN_LINK = "guestbook.html"
"""The one dead link, which is there to be seen in the crawl report."""

LOADED = {"img": ("src", "data-src", "srcset"), "link": ("href",), "script": ("src",), "iframe": ("src",)}
"""Attributes whose address a browser or a crawler fetches to show the page."""


def _load(name: str):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


serve = _load("serve").serve


class _Addresses(HTMLParser):
    """The addresses of a page: what it loads, and where its anchors lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.anchors: list[str] = []
        self.images = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.loaded += [found[name] for name in LOADED.get(tag, ()) if found.get(name)]
        self.images += tag == "img"
        if tag == "a" and found.get("href"):
            self.anchors.append(found["href"])

    handle_startendtag = handle_starttag


def _files() -> set[str]:
    return {
        path.relative_to(EXAMPLES).as_posix()
        for path in EXAMPLES.rglob("*")
        if path.is_file() and not {"__pycache__", "rendered", "teacher-run"} & set(path.parts)
    }


def _rows() -> list[dict[str, str]]:
    with (EXAMPLES / "LICENSES.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _pages() -> list[Path]:
    return sorted(SITE.rglob("*.html"))


def _target(page: Path, address: str) -> str:
    """The path of an address within the site."""
    here = "http://site/" + page.relative_to(SITE).as_posix()
    return unquote(urlsplit(urljoin(here, address)).path).lstrip("/")


def test_every_file_has_exactly_one_licence_row():
    listed = [row["path"] for row in _rows()]
    assert Counter(listed) == Counter(path for path in _files() if path.startswith(SAMPLES))


def test_licence_rows_are_complete_and_open():
    for row in _rows():
        assert list(row) == ["path", "title", "author", "origin", "license", "license_url", "changes"]
        assert all(value and value == value.strip() for value in row.values()), row
        assert row["license"] in ALLOWED, row
        assert row["license_url"].startswith("https://"), row


def test_sources_of_copyleft_papers_are_beside_them():
    copyleft = [row for row in _rows() if row["license"].startswith("GPL") and row["path"].endswith(".pdf")]
    assert copyleft
    for row in copyleft:
        assert (EXAMPLES / "sources" / PurePosixPath(row["path"]).with_suffix(".Rnw").name).is_file(), row


def test_samples_stay_small():
    samples = [name for name in _files() if not str(name).startswith("scenes/")]
    assert sum((EXAMPLES / name).stat().st_size for name in samples) < 12_000_000
    assert max((EXAMPLES / name).stat().st_size for name in samples) < 3_000_000
    # the scenes bring a checkpoint, which is to have 4 MB at most
    assert sum((EXAMPLES / name).stat().st_size for name in _files()) < 16_000_000


def test_links_of_the_site_resolve_but_for_the_one_that_is_meant_to_be_broken():
    dead = []
    for page in _pages():
        addresses = _Addresses(page.read_text("utf-8"))
        for address in addresses.loaded + addresses.anchors:
            if urlsplit(address).scheme not in ("", "http", "https") or urlsplit(address).netloc:
                continue
            if address.startswith("#"):
                continue
            target = _target(page, address) or "index.html"
            if not (SITE / target).is_file():
                dead.append((page.relative_to(SITE).as_posix(), target))
    assert dead == [("index.html", BROKEN_LINK)]


def test_no_page_and_no_style_sheet_loads_anything_from_outside():
    for page in _pages():
        outside = [a for a in _Addresses(page.read_text("utf-8")).loaded if urlsplit(a).netloc]
        assert outside == [], page
    for sheet in SITE.rglob("*.css"):
        assert re.findall(r"@import[^;]*|url\((?!['\"]?data:)[^)]*\)", sheet.read_text("utf-8")) == [], sheet


def test_every_page_can_be_reached_from_the_home_page():
    seen, waiting = {"index.html"}, ["index.html"]
    while waiting:
        page = SITE / waiting.pop()
        for address in _Addresses(page.read_text("utf-8")).anchors:
            target = _target(page, address)
            inside = not urlsplit(address).netloc and target.endswith(".html") and (SITE / target).is_file()
            if inside and target not in seen:
                waiting.append(target)
                seen.add(target)
    assert seen == {page.relative_to(SITE).as_posix() for page in _pages()}


def test_images_of_the_site_decode_and_no_larger_than_a_screen():
    checked = 0
    for path in SITE.rglob("*"):
        if path.suffix in {".png", ".jpg", ".gif"}:
            with Image.open(path) as image:
                image.load()
                assert max(image.size) <= 1200, path
                assert image.format == {".png": "PNG", ".jpg": "JPEG", ".gif": "GIF"}[path.suffix], path
            checked += 1
    assert checked > 150


def test_site_holds_what_the_filters_look_for():
    pages = {page.relative_to(SITE).as_posix(): page.read_text("utf-8") for page in _pages()}
    languages = {
        re.search(r'<(?:html|body)\b[^>]*\blang="([a-z]+)', text).group(1) for text in pages.values()
    }
    assert languages >= {"en", "de", "fr", "es", "ja"}
    assert _Addresses(pages["about.html"]).images == 1, "the logo alone: a page without a picture of its own"
    assert 'data-src="' in pages["sky/deep-sky.html"] and 'loading="lazy"' in pages["sky/deep-sky.html"]
    sizes = [Image.open(path).size for path in SITE.rglob("*.png")]
    assert any(max(size) < 150 for size in sizes) and any(max(size) > 2 * min(size) for size in sizes)


@pytest.mark.parametrize(("page", "printable"), [
    ("darkroom/en/tone-mapping-notes.html", "print/tone-mapping-notes.html"),
    ("sky/mongolian.en.html", "print/mongolian.html"),
])  # fmt: skip
def test_printable_versions_are_near_duplicates(page, printable):
    def shingles(name: str) -> set[tuple[str, ...]]:
        words = re.sub(r"<[^>]*>", " ", (SITE / name).read_text("utf-8")).split()
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}

    first, second = shingles(page), shingles(printable)
    assert first != second
    assert len(first & second) / len(first | second) > 0.8


def test_robots_file_closes_one_folder():
    robots = RobotFileParser()
    robots.parse((SITE / "robots.txt").read_text("utf-8").splitlines())
    paths = [page.relative_to(SITE).as_posix() for page in _pages()]
    closed = {path.split("/")[0] for path in paths if not robots.can_fetch("kalemint", "/" + path)}
    assert closed == {"drafts"}


@pytest.mark.parametrize("name", ["celerite", "engraving-essay", "lmer", "spatio-temporal-kriging"])
def test_papers_open_and_hold_text(name):
    document = pypdfium2.PdfDocument(PAPERS / f"{name}.pdf")
    assert len(document) > 10
    text = "".join(document[index].get_textpage().get_text_range() for index in range(1, 4))
    assert len(text.split()) > 500


def test_one_paper_is_longer_than_the_page_limit_and_one_has_photographs():
    assert len(pypdfium2.PdfDocument(PAPERS / "lmer.pdf")) > 50
    essay = pypdfium2.PdfDocument(PAPERS / "engraving-essay.pdf")
    kinds = [item.type for page in essay for item in page.get_objects()]
    assert pypdfium2.raw.FPDF_PAGEOBJ_IMAGE in kinds


@pytest.mark.parametrize(("name", "suffix", "figures"), [("celerite", ".pdf", 12), ("kcorrect", ".eps", 18)])
def test_latex_archives_hold_every_file_their_paper_uses(name, suffix, figures):
    with tarfile.open(PAPERS / f"{name}.tar.gz") as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    assert all(not PurePosixPath(path).is_absolute() and ".." not in path for path in members)
    paper = members["ms.tex"].decode("utf-8", "replace")
    paper = re.sub(r"(?<!\\)%.*", "", paper)
    used = re.findall(r"\\(?:includegraphics(?:\[[^\]]*\])?|plotone)\{([^}]+)\}", paper)
    inputs = [path + ".tex" for path in re.findall(r"\\(?:input|include)\{([^}]+)\}", paper)]
    assert len(used) >= figures and all(path.endswith(suffix) for path in used)
    assert set(used) | set(inputs) <= set(members)
    assert "LICENSE" in members
    if suffix == ".pdf":
        assert len(inputs) > 3 and all(
            len(pypdfium2.PdfDocument(io.BytesIO(members[path]))) == 1 for path in used
        )


def test_server_sends_right_types_on_the_loopback_interface():
    with serve(SITE) as (server, url):
        assert (
            server.server_address[0] == "127.0.0.1" and url == f"http://127.0.0.1:{server.server_address[1]}/"
        )
        expected = {
            "": "text/html; charset=utf-8",
            "robots.txt": "text/plain; charset=utf-8",
            "style.css": "text/css; charset=utf-8",
            "sky/images/deep-sky/n891.jpg": "image/jpeg",
            "images/logo.png": "image/png",
        }
        for path, kind in expected.items():
            with urllib.request.urlopen(url + path, timeout=60) as answer:
                assert answer.headers["Content-Type"] == kind
                assert answer.read() == (SITE / (path or "index.html")).read_bytes()


@pytest.mark.parametrize("path", [BROKEN_LINK, "sky/", "../README.md", "%2e%2e/README.md"])
def test_server_answers_404_outside_its_pages(path):
    with serve(SITE) as (_, url), pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(url + path, timeout=60)
    assert error.value.code == 404


def test_server_stops_at_the_end_of_the_block():
    with serve(SITE) as (_, url):
        pass
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=60)


def test_server_says_at_once_that_its_port_is_taken():
    with serve(SITE) as (server, _), pytest.raises(OSError, match="in use"):
        serve(SITE, server.server_address[1])


def test_script_prints_the_url_first_and_serves():
    command = [sys.executable, str(EXAMPLES / "serve.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            with urllib.request.urlopen(url + "about.html", timeout=60) as answer:
                assert b"About this site" in answer.read()
        finally:
            process.terminate()


def test_server_refuses_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(NotADirectoryError, match="absent"), serve(tmp_path / "absent"):
        pass
