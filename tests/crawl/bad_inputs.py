"""Bytes made to break parsers."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zlib

TEX = b"\\documentclass{article}\\begin{document}\nSome plain words to read.\n\\end{document}\n"


def pdf(pages: str, trailer: str = "", objects: tuple[str, ...] = ()) -> bytes:
    """A PDF whose page tree (object 2) is `pages`."""
    out = io.BytesIO(b"")
    out.write(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(["<</Type/Catalog/Pages 2 0 R>>", pages, *objects], 1):
        offsets.append(out.tell())
        out.write(f"{number} 0 obj{body}endobj\n".encode())
    table = out.tell()
    out.write(f"xref\n0 {len(offsets) + 1}\n0000000000 65535 f \n".encode())
    out.write("".join(f"{offset:010d} 00000 n \n" for offset in offsets).encode())
    out.write(f"trailer<</Size {len(offsets) + 1}/Root 1 0 R{trailer}>>\nstartxref\n{table}\n%%EOF".encode())
    return out.getvalue()


ENCRYPTED_PDF = pdf(
    "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    f"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{'ab' * 32}>/U<{'cd' * 32}>>>/ID[<{'00' * 16}><{'00' * 16}>]",
    ("<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>",),
)
LOOPING_PDF = pdf("<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>")
EMPTY_PDF = pdf("<</Type/Pages/Kids[]/Count 0>>")
GOOD_PDF = pdf(
    "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    "",
    (
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 400]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        "<</Length 49>>stream\nBT /F 12 Tf 50 300 Td (Words on a page.) Tj ET     \nendstream\n",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ),
)


def tar(files: dict[str, bytes], links: dict[str, str] | None = None, mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.SYMTYPE
            entry.linkname = target
            archive.addfile(entry)
    return stream.getvalue()


def tar_bomb(megabytes: int = 600) -> bytes:
    """A valid archive of one file of zeros, a thousandth of its size."""
    entry = tarfile.TarInfo("main.tex")
    entry.size = megabytes << 20
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [squeeze.compress(entry.tobuf())]
    block = bytes(1 << 20)
    parts += [squeeze.compress(block) for _ in range(megabytes)]
    return b"".join([*parts, squeeze.compress(bytes(1024)), squeeze.flush()])


def climbing_tar() -> bytes:
    """Members that point outside the archive."""
    return tar(
        {"../../../tmp/kalemint-was-here": b"bad", "/tmp/kalemint-was-here": b"bad", "main.tex": TEX},
        {"link.tex": "/etc/passwd"},
    )


def lying_png(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few bytes whose header claims 3.6 billion pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"x"))
        + chunk(b"IEND", b"")
    )


def nested_html(depth: int = 100_000) -> bytes:
    return b"<!doctype html><body>" + b"<div>" * depth + b"deep" + b"</div>" * depth


def gzip_bomb_page(megabytes: int = 100) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(squeeze.compress(b" " * (1 << 20)) for _ in range(megabytes)), squeeze.flush()])


def corrupt(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def zipped_tex() -> bytes:
    return gzip.compress(TEX, mtime=0)
