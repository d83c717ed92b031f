"""Inputs are told apart by what they hold."""

import gzip
import io
import struct
import tarfile
import zlib
from pathlib import Path

import PIL.Image as PilImage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.crawl.kinds import HEAD_BYTES, REFUSED, Kind, sniff

WARC = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n"
ARC = b"filedesc://live-web-example.arc.gz 127.0.0.1 20140216050221 text/plain 75\n1 0 LiveWeb Capture\n"
TEX = b"% a comment\n\\documentclass{article}\n\\begin{document}Hello\\end{document}\n"


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    PilImage.new("RGB", (9, 7), "red").save(stream, kind)
    return stream.getvalue()


def archive(names: list[str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(TEX)
            tar.addfile(entry, io.BytesIO(TEX))
    return stream.getvalue()


def test_warc_plain_and_gzip_and_what_it_is_not():
    assert sniff(WARC) is Kind.WARC
    assert sniff(gzip.compress(WARC)) is Kind.WARC
    assert sniff(gzip.compress(WARC), "page.html") is Kind.WARC
    assert sniff(ARC) is Kind.ARC
    assert sniff(gzip.compress(ARC)) is Kind.ARC
    assert sniff(b"\x28\xb5\x2f\xfd" + bytes(20), "x.warc.zst") is Kind.ZSTD
    assert sniff(b"\x5d\x2a\x4d\x18" + bytes(20), "x.warc.zst") is Kind.ZSTD
    assert "ARC" in REFUSED[Kind.ARC]
    assert "zstd" in REFUSED[Kind.ZSTD]


def test_a_damaged_first_record_does_not_hide_an_archive():
    damaged = bytearray(gzip.compress(WARC))
    damaged[12] ^= 0xFF
    assert sniff(bytes(damaged), "crawl.warc.gz") is Kind.WARC
    assert sniff(bytes(damaged), "crawl.gz") is Kind.UNKNOWN


@pytest.mark.parametrize(
    "head",
    [
        b"<!DOCTYPE html><title>x</title>",
        b"\xef\xbb\xbf  \r\n<html lang=en>",
        b"<!-- saved page -->\n<!-- more -->\n<HTML>",
        b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x"><html>',
        b"<p>A fragment",
        b"<meta charset=utf-8>\n<p>x",
        "\ufeff<html><body>x".encode("utf-16-le"),
        b"<html><body>a page about %PDF-1.4 files",
    ],
)
def test_html(head):
    assert sniff(head) is Kind.HTML


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<svg xmlns='x'></svg>",
        b'<?xml version="1.0"?><rss></rss>',
        b"<abc>",
        b"PK\x03\x04rest",
        b"x < y",
        b"{}",
    ],
)
def test_what_is_nothing_known(head):
    assert sniff(head) is Kind.UNKNOWN


def test_pdf_within_the_first_kilobyte():
    assert sniff(b"%PDF-1.7\n") is Kind.PDF
    assert sniff(b"\r\n" * 500 + b"%PDF-1.7\n") is Kind.PDF
    assert sniff(b"\r\n" * 600 + b"%PDF-1.7\n") is Kind.UNKNOWN


def test_latex_in_every_packing_arxiv_uses():
    assert sniff(TEX) is Kind.LATEX
    assert sniff(gzip.compress(TEX)) is Kind.LATEX
    assert sniff(archive(["main.tex"])) is Kind.LATEX
    assert sniff(gzip.compress(archive(["a.bib", "main.tex"]))) is Kind.LATEX
    assert sniff(b"\\section{x} no class here", "part.tex") is Kind.LATEX
    assert sniff(b"\\section{x} no class here", "part.dat") is Kind.UNKNOWN


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_images(kind):
    assert sniff(picture(kind)) is Kind.IMAGE
    assert sniff(picture(kind), "clip.mp4") is Kind.IMAGE


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00", Kind.VIDEO),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00", Kind.VIDEO),
        (b"\x00\x00\x00\x20ftypM4A \x00\x00\x02\x00", Kind.AUDIO),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01", Kind.VIDEO),
        (b"RIFF\x00\x00\x00\x00AVI LIST", Kind.VIDEO),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", Kind.AUDIO),
        (b"\x00\x00\x01\xba\x21", Kind.VIDEO),
        ((b"\x47" + bytes(187)) * 3, Kind.VIDEO),
        (b"OggS\x00\x02" + bytes(22) + b"\x01\x1e\x01vorbis", Kind.AUDIO),
        (b"OggS\x00\x02" + bytes(22) + b"\x01\x2a\x80theora", Kind.VIDEO),
        (b"ID3\x03\x00", Kind.AUDIO),
    ],
)
def test_video_and_audio(head, kind):
    assert sniff(head) is kind
    assert kind in REFUSED


def test_lists_of_addresses():
    assert sniff(b"# seeds\nhttps://example.org/a\n\nhttp://example.org/b?c=d\n") is Kind.LIST
    assert sniff(b"s3://bucket/key\nfile:///tmp/x.pdf\n") is Kind.LIST
    assert sniff(b"papers/one.pdf\nmy pages/two.html\n/abs/three\n", "inputs.txt") is Kind.LIST
    assert sniff(b"papers/one.pdf\n", "inputs.bin") is Kind.UNKNOWN
    assert sniff(b"Dear reader, see https://example.org/\n", "note.txt") is Kind.UNKNOWN
    long = b"".join(b"https://example.org/%d\n" % n for n in range(1000))
    assert sniff(long[:HEAD_BYTES]) is Kind.LIST


def test_a_gzip_bomb_is_inflated_for_a_few_kilobytes_only(monkeypatch):
    asked = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self, bits):
            self._inner = real(bits)

        def decompress(self, data, limit):
            asked.append(limit)
            out = self._inner.decompress(data, limit)
            assert len(out) <= limit
            return out

        @property
        def unused_data(self):
            return self._inner.unused_data

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    assert sniff(gzip.compress(bytes(10_000_000))[:HEAD_BYTES]) is Kind.UNKNOWN
    assert asked == [8192]


@given(st.binary(max_size=600), st.sampled_from(["", "x.warc.gz", "x.html", "x.txt", "x.tex"]))
def test_any_bytes_have_a_kind(head, name):
    assert sniff(head, name) in Kind
    assert sniff(b"\x1f\x8b\x08" + head, name) in Kind
    assert sniff(struct.pack(">I", 24) + b"ftyp" + head, name) in Kind


@pytest.mark.corpora
def test_the_corpora(corpora: Path):
    expected = {"pdf/pypdf": Kind.PDF, "latex/sources": Kind.LATEX, "images": Kind.IMAGE}
    for folder, kind in expected.items():
        for path in sorted((corpora / folder).iterdir()):
            if path.suffix not in (".jsonl", ""):
                with path.open("rb") as stream:
                    assert sniff(stream.read(HEAD_BYTES), path.name) is kind, path.name
