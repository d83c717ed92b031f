"""A small web: pages in a WARC file, a WAT file that links to a paper, and a server with their images.

Each page is there for one thing that a pipeline does; `PAGES` says for which.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import PIL.Image as PilImage

from components.crawl.warc import writer
from tests.conftest import REPOSITORY
from tests.crawl.site_server import Site, serve
from tests.crawl.test_find_pdfs import wat

SITE: Final = REPOSITORY / "examples" / "site"
PAPER: Final = REPOSITORY / "examples" / "papers" / "engraving-essay.pdf"
PROSE: Final = (
    "sky/mongolian.en", "engraving/engraving-details", "sky/northern_andes.en", "sky/aztec.en",
    "darkroom/en/tone-mapping-notes",
)  # fmt: skip
GERMAN: Final = "engraving/engraving-details.de"
PAGES: Final = {
    "twice": "shows its image two times",
    "flaky": "its only image of its own is behind a server that answers 503 for a while",
    "personal": "names an e-mail address and an IP address",
    "first": "a paragraph that `again` repeats",
    "again": "repeats a paragraph of `first`",
    "sharp": "shows a picture",
    "small": "shows the picture of `sharp`, saved again at low quality",
    "german": "is in another language",
    "gone": "its image is no longer there",
    "plain": "shows no image",
}
FREQUENT: Final = 11
"""Pages that show the same image, one more than `max_image_documents`."""


def paragraphs(*pages: str) -> list[str]:
    """Paragraphs of the sample site of 40 words and more, without markup."""
    found = []
    for page in pages:
        text = (SITE / f"{page}.html").read_text()
        for body in re.findall(r"<p\b[^>]*>(.*?)</p>", text, re.DOTALL):
            plain = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", body))).strip()
            if len(plain.split()) >= 40:
                found.append(plain)
    return found


def picture(seed: int, quality: int | None = None) -> bytes:
    """A sharp picture of 10 x 8 coloured fields; with a quality a JPEG, else a PNG."""
    fields = np.random.default_rng(seed).integers(0, 255, (8, 10, 3), dtype=np.uint8)
    image = PilImage.fromarray(fields).resize((320, 256), PilImage.Resampling.NEAREST)
    out = io.BytesIO()
    if quality is None:
        image.save(out, "PNG")
    else:
        image.resize((240, 192), PilImage.Resampling.BICUBIC).save(out, "JPEG", quality=quality)
    return out.getvalue()


@dataclass
class Web:
    """The server, the files to give to a pipeline, and what the server holds.

    Attributes:
        warc: the pages.
        wat: what a crawl says of a page that links to the paper.
        images: address -> bytes.
        urls: name of a page -> its address.
    """

    site: Site
    warc: Path
    wat: Path
    images: dict[str, bytes] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    @property
    def paper(self) -> str:
        """Address of the paper."""
        return self.site.url("/essay.pdf")

    def serve_image(self, path: str, body: bytes) -> str:
        """Put an image on the server; its address."""
        self.site.add(path, body, content_type="image/jpeg" if body[:2] == b"\xff\xd8" else "image/png")
        self.images[self.site.url(path)] = body
        return self.site.url(path)

    def mend(self) -> None:
        """From now on the server gives the image that it answered 503 for."""
        self.serve_image("/flaky.png", picture(101))

    def add_page(self, name: str, texts: list[str], *images: str) -> None:
        """Write a page into the WARC file: an image after each paragraph, as long as there are some."""
        shown = [f'<img src="{url}" alt="a picture of {name}">' for url in images]
        body = "\n".join(
            f"<p>{html.escape(text)}</p>\n{shown[n] if n < len(shown) else ''}"
            for n, text in enumerate(texts)
        )
        page = (
            f"<html lang=en><head><title>{name}</title></head><body><article><h1>About the {name} page "
            f"and its picture</h1>\n{body}\n{''.join(shown[len(texts) :])}</article></body></html>"
        ).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n"
        date = datetime(2026, 1, 2, 3, 4, len(self.urls) % 60, tzinfo=UTC)
        url = self.site.url(f"/{name}.html")
        record = writer.Record("response", date, f"{head}\r\n".encode() + page, target_uri=url, payload=page)
        with self.warc.open("ab") as stream:
            stream.write(record.encode())
        self.urls[name] = url


@contextmanager
def small_web(folder: Path) -> Iterator[Web]:
    """Serve the web and write its files into `folder`."""
    with serve() as site:
        web = Web(site, folder / "pages.warc.gz", folder / "links.wat.gz")
        _fill(web)
        yield web


def _fill(web: Web) -> None:
    prose, german = iter(paragraphs(*PROSE)), paragraphs(GERMAN)
    frequent = web.serve_image("/everywhere.png", picture(100))
    web.site.add("/flaky.png", b"", 503)
    flaky = web.site.url("/flaky.png")

    def own(name: str, number: int) -> str:
        return web.serve_image(f"/{name}.png", picture(number))

    def take(count: int = 3) -> list[str]:
        return [next(prose) for _ in range(count)]

    twice = own("twice", 1)
    web.add_page("twice", take(), twice, frequent, twice)
    web.add_page("flaky", take(), flaky)
    personal = "Whoever has a question writes to someone@example.org or asks the machine at 203.17.44.90."
    web.add_page("personal", [f"{text} {personal}" if not n else text for n, text in enumerate(take())],
                 own("personal", 2), frequent)  # fmt: skip
    first = take()
    web.add_page("first", first, own("first", 3), frequent)
    web.add_page("again", [*take(4), first[0]], own("again", 4), frequent)
    web.add_page("sharp", take(), web.serve_image("/sharp.png", picture(5)), frequent)
    web.add_page("small", take(), web.serve_image("/small.jpg", picture(5, quality=60)), frequent)
    web.add_page("german", german[:4], own("german", 6), frequent)
    web.add_page("gone", take(), web.site.url("/gone.png"))
    web.add_page("plain", take())
    for number in range(FREQUENT - 6):
        web.add_page(f"more{number}", take(), own(f"more{number}", 10 + number), frequent)
    web.site.add("/essay.pdf", PAPER.read_bytes(), content_type="application/pdf")
    page = web.site.url("/papers.html")
    web.wat.write_bytes(wat(page, [{"path": "A@/href", "url": "/essay.pdf", "text": "the essay"}]))
