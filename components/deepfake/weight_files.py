"""Names of files of weights: NAME.ext of the model of all, NAME--without-METHOD.ext of a fold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

_WITHOUT: Final = "--without-"


def weight_file(name: str, suffix: str, without: str | None = None) -> str:
    """Name of a file of weights.

    Args:
        name: of the detector.
        suffix: such as .onnx.
        without: method left out of its training; percent-encoded, so that any method makes a file name.
    """
    # a dot would end the stem
    fold = "" if without is None else _WITHOUT + quote(without, safe=" ").replace(".", "%2E")
    return f"{name}{fold}{suffix}"


def parse_weight_file(file: str) -> tuple[str, str | None, str]:
    """The name of a detector, the method left out (None: nothing was) and the suffix of a file's name."""
    stem, dot, suffix = file.partition(".")
    name, fold, method = stem.partition(_WITHOUT)
    return name, unquote(method) if fold else None, dot + suffix


def folds_of(files: Iterable[str], name: str) -> list[str]:
    """Methods left out in the folds that a detector has files of, sorted."""
    parsed = (parse_weight_file(file) for file in files)
    return sorted({method for found, method, _ in parsed if found == name and method is not None})


def link_fold(weights: Path, name: str, method: str, target: Path) -> None:
    """Make a folder in which a detector finds the weights of a fold under its plain name."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(weights.iterdir()):
        found, without, suffix = parse_weight_file(path.name)
        if found == name and without == method:
            (target / weight_file(name, suffix)).symlink_to(path.resolve())
