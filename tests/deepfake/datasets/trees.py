"""Folders laid out as data sets are, of files with a byte."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from components.core.store import Stores
from components.deepfake.datasets import LabelledFile, open_dataset


def plant(root: Path, *paths: str) -> str:
    """Make files below a folder; returns the folder."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return str(root)


def write(root: Path, path: str, content: object) -> None:
    """Write a list: text as it is, anything else as JSON."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content if isinstance(content, str) else json.dumps(content))


def files(name: str, root: Path, **params: Any) -> dict[str, LabelledFile]:
    """Files of a data set by their path relative to its folder."""
    found: Iterable[LabelledFile] = open_dataset(name, str(root), Stores(), params)
    return {file.uri.removeprefix(root.as_uri() + "/"): file for file in found}
