"""WARC files that a step wrote, as attachments of its output and rows of `sources/1`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from components.core.records import record_id
from components.core.stage import Output
from components.crawl.warc.writer import Record, split_warc, warc_fields
from components.crawl.web.params import PoliteParams


def warcinfo(params: PoliteParams, now: datetime, part: str) -> Record:
    """The record that every file begins with: which software wrote it, and how it treated robots.txt."""
    return Record(
        "warcinfo",
        now,
        warc_fields(
            [
                ("software", params.user_agent.partition(" ")[0]),
                ("format", "WARC File Format 1.1"),
                (
                    "conformsTo",
                    "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
                ),
                ("robots", "obey (RFC 9309)" if params.respect_robots else "ignore"),
                ("http-header-user-agent", params.user_agent),
            ]
        ),
        part=part,
    )


def attach_warc(
    groups: Iterable[bytes], info: Record, name: str, max_bytes: int, out: Output
) -> list[dict[str, Any]]:
    """Lay encoded records into WARC files and hand those to the runner.

    Args:
        groups: records that stay together, as `split_warc` takes them.
        name: what the files' names begin with.

    Returns:
        one row of `sources/1` a file.
    """
    rows = []
    for number, data in enumerate(split_warc(groups, info, max_bytes)):
        # the content is part of the name: a racing worker sees other bytes and must not replace ours
        content = hashlib.sha256(data).hexdigest()[:16]
        file = f"{name}-{number:05d}-{content}.warc.gz"
        out.attach(file, data)
        uri = f"attachment:{file}"
        rows.append(
            {
                "id": record_id("warc", uri, "0", str(len(data))),
                "kind": "warc",
                "uri": uri,
                "start": 0,
                "stop": len(data),
                "bytes": len(data),
                "url": None,
            }
        )
        out.count("warc_files")
        out.count("warc_bytes", len(data))
    return rows
