"""What a container of a run sees of this machine: files at their own paths, and a few variables.

Inputs and everything that the configuration names are read-only; the output, and the two places that a
configuration names to be written to, can be written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from components.core.errors import ConfigurationError
from components.core.locations import is_local, local_path
from components.core.seen import CACHE_VARIABLE
from components.core.store import Stores, as_uri
from components.crawl.kinds import HEAD_BYTES, Kind, sniff
from components.crawl.locations import beside, list_lines
from pipelines.run_record import RunRecord

Mounts = dict[Path, bool]
"""Absolute path → whether containers may write there."""

WRITTEN: Final = ("dedup.registry.uri", "deepfake.publish.board")
"""Parameters that name a folder which runs write to."""

_OF_THE_IMAGE: Final = frozenset(
    Path("/", name) for name in ("", "bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run",
                                 "sbin", "sys", "usr", "usr/local", "var")
)  # fmt: skip
"""Folders that an image needs to be its own; what lies deeper may be mounted."""
_WILD: Final = re.compile(r"[*?\[]")
_DATASET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]+:(file://.+)")
_SUFFIXES_OF_TABLES: Final = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"})
_MANY: Final = 64
"""Files that a list names which are mounted one by one; of more, their folders are."""

_PASSED: Final = re.compile(
    r"(AWS|HF|MKL|OMP|OPENBLAS|TOKENIZERS|TRANSFORMERS|VLLM)_\w+"
    r"|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|(https?|no)_proxy|(HTTPS?|NO)_PROXY"
)
"""Variables that containers are given: stores, models, threads, certificates, proxies."""


def run_mounts(record: RunRecord) -> Mounts:
    """The paths of this machine that a run reads or writes.

    Raises:
        ConfigurationError: where mounting one would hide the system of the image.
    """
    found: Mounts = {}
    for location in record.inputs:
        for path in _of_input(location):
            found[_mountable(path, location)] = False
    for name, value in _leaves(record.config):
        if name in WRITTEN and is_local(value):
            folder = local_path(value)
            folder.mkdir(parents=True, exist_ok=True)  # the engine would make it, and it would be root's
            found[_mountable(folder, value)] = True
        elif (named := _existing(value)) is not None and named not in _OF_THE_IMAGE:
            found.setdefault(named, False)
    if is_local(record.out):
        found[_mountable(local_path(record.out), record.out)] = True
    return found


def _mountable(path: Path, location: str) -> Path:
    if path in _OF_THE_IMAGE:
        raise ConfigurationError(
            f"{location}: mounting {path} would hide the system of the image from its containers; "
            "name a folder below it, or take --runner subprocess."
        )
    return path


def _existing(value: str) -> Path | None:
    """The local file or folder that a value names; most values name none."""
    if not value or not is_local(value) or "\n" in value:
        return None
    path = local_path(value)
    try:
        return path if path.exists() else None
    except (OSError, ValueError):  # too long for a path, or with a null character
        return None


def _of_input(location: str) -> Iterator[Path]:
    """What an input needs: itself, the fixed folder of a glob, what a list or a table names."""
    named = _DATASET.fullmatch(location)
    location = named[1] if named else location
    if not is_local(location):
        return
    path = local_path(location)
    whole = _existing(location)
    if whole is None:
        fixed = _WILD.split(str(path), maxsplit=1)[0]
        folder = Path(fixed.rpartition("/")[0] or "/")
        if fixed != str(path) and folder.is_dir():
            yield folder
        return
    yield whole
    if whole.is_file():
        yield from _named_by(whole)


def _named_by(file: Path) -> Iterator[Path]:
    """What a list or a table of files names beside itself and elsewhere."""
    with file.open("rb") as stream:
        kind = sniff(stream.read(HEAD_BYTES), file.name)
    lists = kind in (Kind.LIST, Kind.PATHS, Kind.ARXIV_MANIFEST) or file.suffix in _SUFFIXES_OF_TABLES
    if lists and file.parent not in _OF_THE_IMAGE:
        yield file.parent
    if kind is Kind.LIST:
        yield from _listed(file)


def _listed(file: Path) -> Iterator[Path]:
    listing = as_uri(str(file))
    places = (beside(listing, line) for line in list_lines(listing, Stores()))
    found = {path for place in places for path in _of_place(place) if file.parent not in path.parents}
    yield from sorted({path.parent for path in found} if len(found) > _MANY else found)


def _of_place(place: str) -> Iterator[Path]:
    if is_local(place):
        path = _existing(place) or _existing(_WILD.split(place, maxsplit=1)[0].rpartition("/")[0])
        if path is not None:
            yield path


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a configuration and the name of the parameter that holds it."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _leaves(one, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one, name)
    elif isinstance(value, str):
        yield name, value


def key_variables(config: Mapping[str, Any]) -> set[str]:
    """Names of the environment variables that a configuration says hold a key."""
    names = {value for name, value in _leaves(config) if name.endswith("api_key_variable")}
    return names | {f"{name}_FILE" for name in names}


def passed_environment(wanted: Iterable[str], environ: Mapping[str, str]) -> tuple[dict[str, str], Mounts]:
    """The variables that containers get, and the files that they name.

    Args:
        wanted: names besides those of stores, models, threads, certificates and proxies.
        environ: this process's environment.
    """
    names = set(wanted)
    passed = {n: v for n, v in environ.items() if v and (n in names or _PASSED.fullmatch(n))}
    mounts: Mounts = {}
    for name, value in passed.items():
        if name.endswith(("_FILE", "_BUNDLE")) and (path := _existing(value)) is not None:
            mounts[path] = False
    # what is downloaded or registered once must not be again: containers have a home of their own
    for name, usual in (("HF_HOME", "~/.cache/huggingface"), (CACHE_VARIABLE, "")):
        folder = Path(environ.get(name) or usual or "/").expanduser().absolute()
        if folder.is_dir() and folder not in _OF_THE_IMAGE:
            passed[name] = str(folder)
            mounts[folder] = True
    return passed, mounts


def addresses(record: RunRecord) -> Iterator[str]:
    """Every address that a run reads from or writes to, in its record."""
    for value in [*record.inputs, record.out, *(value for _, value in _leaves(record.config))]:
        if "://" in value and not is_local(value):
            yield value
