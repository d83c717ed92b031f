"""Turn what a person names as input into `sources` rows, grouped into units of about equal work."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from itertools import islice
from typing import Final
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt
from pydantic import Field

from components.core.errors import BadShard, ConfigurationError
from components.core.locations import is_web
from components.core.store import Stores
from components.crawl.addresses import MAX_URL_LENGTH
from components.crawl.arxiv_bulk import Listed, md5_of, read_manifest
from components.crawl.common_crawl import DATA, listed_files, path_list, split_part, unseen
from components.crawl.kinds import HEAD_BYTES, REFUSED, Kind, sniff
from components.crawl.locations import Found, beside, is_page, list_lines, one_file, several_files
from components.crawl.source_units import File, UnitParams, UnitPlan

STEP: Final = "sources"
_SPACE: Final = re.compile(r"\s")
_THREADS: Final = 8
_BATCH: Final = 1024


class SourceReason(StrEnum):
    """Why an input is not taken."""

    UNSUPPORTED_KIND = "unsupported_kind"
    EMPTY_FILE = "empty_file"
    REPEATED = "repeated"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    BAD_ADDRESS = "bad_address"
    SIZE_DIFFERS = "size_differs"
    CHECKSUM_DIFFERS = "checksum_differs"


_JUDGED: Final = frozenset({SourceReason.UNSUPPORTED_KIND, SourceReason.EMPTY_FILE, SourceReason.REPEATED})
_BY_ITSELF: Final = "name it as an input by itself to have it read"
_LISTS: Final = {
    Kind.LIST: f"a list of addresses: {_BY_ITSELF}",
    Kind.PATHS: f"a list of paths: {_BY_ITSELF}",
    Kind.ARXIV_MANIFEST: f"a manifest of ArXiv's tars: {_BY_ITSELF}",
}
_READ_OVER_HTTP: Final = frozenset({Kind.WARC, Kind.WAT})


class SourcesParams(UnitParams):
    """What inputs mean, and how they become units of work."""

    common_crawl: str = Field(
        default=DATA,
        min_length=1,
        description="Root of Common Crawl's data, which its lists of paths are relative to: an http(s) or "
        "s3:// location, or a folder.",
    )
    check_md5: bool = Field(
        default=False,
        description="Hold the MD5 of each tar of an ArXiv manifest against what the manifest says, which "
        "reads all of them once more. Sizes are always compared.",
    )


class Hashes:
    """A growing set of 64-bit hashes of names, 8 bytes each: sorted runs, merged when of like length.

    Two different names are taken for one with a probability of n^2 / 2^65 among n of them: 7e-7 among
    five million.
    """

    _BUFFERED: Final = 1 << 15

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[np.uint64]] = []
        self._recent: set[int] = set()

    def add(self, name: str) -> bool:
        """Take a name; False where it was there already."""
        digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()
        key = int.from_bytes(digest, "little")
        if key in self._recent:
            return False
        probe = np.uint64(key)
        for run in self._runs:
            at = int(run.searchsorted(probe))
            if at < len(run) and run[at] == probe:
                return False
        self._recent.add(key)
        if len(self._recent) >= self._BUFFERED:
            self._flush()
        return True

    def _flush(self) -> None:
        run = np.sort(np.frombuffer(array("Q", self._recent), np.uint64))
        self._recent.clear()
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        self._runs.append(run)


class _Missing(Exception):
    """An input names nothing that is there."""


class _Planner:
    """Judges inputs in the order in which they are named."""

    def __init__(self, stores: Stores, params: SourcesParams, pool: ThreadPoolExecutor) -> None:
        self.plan = UnitPlan(STEP, params)
        self._stores, self._params, self._pool = stores, params, pool
        self._seen = Hashes()

    def add_input(self, location: str) -> None:
        """Take what one of the person's words names.

        Raises:
            _Missing: if that is nothing.
            ConfigurationError: for a scheme or a list that can't be read.
        """
        if is_page(location):
            self._take_page(location)
            return
        named, part = split_part(location)
        dump = path_list(named, self._params.common_crawl)
        found = one_file(dump or named, self._stores)
        if found is None and dump is not None:
            raise ConfigurationError(
                f"There is no dump {named!r}: {dump} is not there. Check its name and sources.common_crawl."
            )
        if found is None:
            if not self._add_several(location):
                raise _Missing
            return
        kind = Kind.PATHS if dump else self._kind(found)
        window = part or slice(0, None)
        if kind is Kind.PATHS:
            self._add_files(
                listed_files(found.uri, window, self._params.common_crawl, self._stores), look=False
            )
        elif kind is Kind.LIST:
            self._add_lines(islice(list_lines(found.uri, self._stores), window.start, window.stop), found.uri)
        elif kind is Kind.ARXIV_MANIFEST:
            self._add_tars(
                islice(read_manifest(found.uri, self._stores), window.start, window.stop), found.uri
            )
        elif part is not None:
            raise ConfigurationError(f"{location!r} asks for a part of {named}, which is no list of files.")
        else:
            self._take(found, kind)

    def _kind(self, file: Found) -> Kind | str:
        """The kind of a file, or a sentence that says why it can't be read."""
        if file.kind is not None or file.size == 0:
            return file.kind or Kind.UNKNOWN
        try:
            with self._stores.open(file.uri, 0, HEAD_BYTES) as stream:
                return sniff(stream.read(HEAD_BYTES), unquote(file.uri))
        except OSError as error:
            return f"{type(error).__name__}: {error.strerror or error}"
        except BadShard as error:
            return str(error)
        except ConfigurationError as error:
            if file.uri.startswith("file://"):
                return str(error)
            raise

    def _add_files(self, found: Iterable[Found], *, look: bool = True) -> None:
        """Take files; without a `look` into them what is known of them must do."""
        todo = iter(found)
        while batch := list(islice(todo, _BATCH)):
            kinds = self._pool.map(self._kind, batch) if look else map(self._kind, batch)
            for file, kind in zip(batch, kinds, strict=True):
                self._take(file, kind)

    def _add_several(self, location: str) -> bool:
        """Take the files of a folder, prefix or glob; False if there are none."""
        files = several_files(location, self._stores)
        first = next(files, None)
        if first is not None:
            self._add_files([first])
            self._add_files(files)
        return first is not None

    def _add_lines(self, lines: Iterator[str], listing: str) -> None:
        """Take what the lines of a list name."""
        while batch := list(islice(lines, _BATCH)):
            places = [line if is_web(line) else beside(listing, line) for line in batch]
            looked = self._pool.map(self._look, [place for place in places if not is_web(place)])
            for place in places:
                if is_page(place):
                    self._take_page(place)
                elif is_web(place):  # nobody is asked whether it is there: a list may hold a million
                    file = unseen(place.partition("#")[0], place)
                    self._take(file, self._kind(file))
                else:
                    there, kind = next(looked)
                    if there is not None:
                        self._take(there, kind)
                    elif not self._add_several(place):
                        self._refuse(place, SourceReason.MISSING, f"{listing} names it and it is not there")

    def _look(self, location: str) -> tuple[Found | None, Kind | str]:
        file = one_file(location, self._stores)
        return file, Kind.UNKNOWN if file is None else self._kind(file)

    def _add_tars(self, tars: Iterator[Listed], manifest: str) -> None:
        """Take the tars that ArXiv's manifest lists, if they are what it says."""
        while batch := list(islice(tars, _BATCH)):
            for tar, (found, md5) in zip(
                batch, self._pool.map(lambda tar: self._tar(tar, manifest), batch), strict=True
            ):
                if found is None:
                    place = beside(manifest, tar.filename)
                    self._refuse(place, SourceReason.MISSING, f"{manifest} lists it and it is not there")
                elif found.size != tar.size:
                    detail = f"{found.size} bytes, {tar.size} in the manifest"
                    self._refuse(found.uri, SourceReason.SIZE_DIFFERS, detail)
                elif md5 != tar.md5:
                    detail = f"MD5 {md5}, {tar.md5} in the manifest"
                    self._refuse(found.uri, SourceReason.CHECKSUM_DIFFERS, detail)
                else:
                    self._take(found, Kind.ARXIV)

    def _tar(self, tar: Listed, manifest: str) -> tuple[Found | None, str]:
        """A tar beside the manifest, or in the folder it gives, and its MD5."""
        for name in (tar.filename.rpartition("/")[2], tar.filename):
            found = one_file(beside(manifest, name), self._stores)
            if found is not None:
                right_size = found.size == tar.size
                wanted = self._params.check_md5 and right_size
                return found, md5_of(found.uri, self._stores) if wanted else tar.md5
        return None, ""

    # judging

    def _refuse(self, uri: str, reason: SourceReason, detail: str) -> None:
        self.plan.refuse(uri, reason, detail, judged=reason in _JUDGED)

    def _take(self, file: Found, kind: Kind | str) -> None:
        if not self._seen.add(file.uri):
            self._refuse(file.uri, SourceReason.REPEATED, "the inputs name it more than once")
        elif file.size == 0:
            self._refuse(file.uri, SourceReason.EMPTY_FILE, "the file has no bytes")
        elif not isinstance(kind, Kind):
            self._refuse(file.uri, SourceReason.UNREADABLE, kind)
        elif kind in _LISTS or kind in REFUSED:
            self._refuse(file.uri, SourceReason.UNSUPPORTED_KIND, _LISTS.get(kind) or REFUSED[kind])
        elif is_web(file.uri) and kind not in _READ_OVER_HTTP:
            detail = f"{kind}, where the address says WARC or WAT: nothing else is read in place"
            self._refuse(file.uri, SourceReason.UNSUPPORTED_KIND, detail)
        elif file.size < 0 and file.uri.startswith("file://"):
            self._refuse(file.uri, SourceReason.MISSING, "a list of paths names it and it is not there")
        else:
            self.plan.add_file(File(kind, file.uri, file.size, file.expected))

    def _take_page(self, url: str) -> None:
        url = url.partition("#")[0]
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            host = None
        if host and "@" in parts.netloc:
            shown = parts._replace(netloc="***@" + parts.netloc.rpartition("@")[2]).geturl()
            detail = "it carries a user name or password, which would be recorded"
            self._refuse(shown, SourceReason.BAD_ADDRESS, detail)
        elif not host or len(url) > MAX_URL_LENGTH or _SPACE.search(url):
            self._refuse(url, SourceReason.BAD_ADDRESS, "no web address with a host name, or too long a one")
        else:
            self.plan.add_url(host, url)


def list_sources(inputs: Sequence[str], stores: Stores, params: SourcesParams | None = None) -> UnitPlan:
    """Plan the work on a list of inputs. The same inputs give the same plan.

    An input is one of these; what a file is, its content says:

    - a local path (a file, a folder with all below it, or a glob) or an `s3://` object, prefix or glob;
    - a web address, to be crawled; one that ends in .warc or .wat (or those with .gz) is read in place;
    - a list: text, maybe gzipped, with one of those on each line, `#` for comments, relative paths
      relative to the list; it is read line by line and may hold millions;
    - `cc:NAME`, the WARC files of Common Crawl's dump NAME, or `cc-wat:NAME`, its WAT files;
    - a list of paths as Common Crawl publishes them (`warc.paths.gz`);
    - ArXiv's `arXiv_src_manifest.xml`: the tars beside it, held against it.

    The last four may end in `[first:last]`, a part as in Python: `cc:CC-MAIN-2024-18[0:100]`.

    Sources of kind `wat` tell of links, not of documents: the step that looks for PDFs reads them.

    Raises:
        ConfigurationError: for an input that is not there, can't be opened, or if there are none.
    """
    if not inputs:
        raise ConfigurationError("There is no input: name a file, a folder, a list or a web address.")
    with ThreadPoolExecutor(_THREADS) as pool:
        planner = _Planner(stores, params or SourcesParams(), pool)
        for location in inputs:
            try:
                planner.add_input(location)
            except _Missing:
                raise ConfigurationError(
                    f"The input {location!r} is not there, or holds no files: check its spelling."
                ) from None
    planner.plan.close(SourceReason.REPEATED)
    return planner.plan
