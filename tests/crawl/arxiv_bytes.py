"""Bulk tars as ArXiv serves them, with their manifest."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def bulk_tar(month: str, members: Mapping[str, bytes]) -> bytes:
    """A tar of one month: its folder, then its papers."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        folder = tarfile.TarInfo(month)
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, data in members.items():
            entry = tarfile.TarInfo(f"{month}/{name}")
            entry.size, entry.mtime = len(data), 1_700_000_000
            tar.addfile(entry, io.BytesIO(data))
    return sink.getvalue()


def manifest(tars: Sequence[Path]) -> bytes:
    """The manifest of some tars; file names have the folder `src/` in front, as ArXiv's have."""
    lines = ["<?xml version='1.0' standalone='yes'?>", "<arXivSRC>"]
    for number, path in enumerate(tars, start=1):
        data = path.read_bytes()
        lines += [
            "  <file>",
            f"    <content_md5sum>{hashlib.md5(data[::-1]).hexdigest()}</content_md5sum>",
            f"    <filename>src/{path.name}</filename>",
            "    <first_item>x</first_item>",
            "    <last_item>y</last_item>",
            f"    <md5sum>{hashlib.md5(data).hexdigest()}</md5sum>",
            "    <num_items>1</num_items>",
            f"    <seq_num>{number}</seq_num>",
            f"    <size>{len(data)}</size>",
            "    <timestamp>2024-01-01 00:00:00</timestamp>",
            "    <yymm>2301</yymm>",
            "  </file>",
        ]
    return "\n".join([*lines, "  <timestamp>Mon Jan  1 2024</timestamp>", "</arXivSRC>\n"]).encode()
