"""Addresses held against lists of domains, of addresses and of words, a whole shard at a time.

Lists of millions of domains are kept as sorted 64-bit hashes: 8 bytes an entry, whatever its length.
Two different names share a hash with a probability of about n / 2^64 for each look-up.
"""

from __future__ import annotations

import functools
import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import BinaryIO, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError
from components.core.store import Stores
from components.filter.word_lists import (
    FNV_OFFSET,
    FNV_PRIME,
    WordTable,
    file_sections,
    package_sections,
    place_of,
    word_hash,
    word_table,
)

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

PACKAGE_LIST: Final = "url_domains.txt"
CHUNK_BYTES: Final = 8 << 20
"""Bytes of a list in memory at a time."""

STRICT, HARD, SOFT, KNOWN = 1, 2, 4, 8
"""What a word is; KNOWN: an ordinary word that compounds are split into."""
_LONGEST: Final = 24
"""Letters of the longest part of a compound that is looked up."""

DOMAIN, ADDRESS = 1, 2
"""What `blocked` found."""

_OFFSET: Final = np.uint64(FNV_OFFSET)
_PRIME: Final = np.uint64(FNV_PRIME)
# classes of bytes, which numba takes for constants
_LOWER: Final = np.frombuffer(bytes(range(256)).lower(), np.uint8).astype(np.uint64)
_WORD: Final = np.array([byte >= 128 or chr(byte).isalnum() for byte in range(256)])
_DIVIDES: Final = np.array([chr(byte) in "/?#" for byte in range(256)])
"""What ends the host or a part of the path."""


class HashSet(NamedTuple):
    """A set of 64-bit hashes: 8 bytes for each, and 512 KB.

    Attributes:
        keys: the hashes, ascending.
        starts: the keys whose upper 16 bits are i are keys[starts[i]:starts[i + 1]].
    """

    keys: U64
    starts: I64


class UrlLists(NamedTuple):
    """Blocked domains (with all their subdomains), and blocked addresses (with all that is below them)."""

    domains: HashSet
    addresses: HashSet


class UrlWords(NamedTuple):
    """Words of addresses (STRICT, HARD, SOFT), and the words that names of hosts are made of."""

    flagged: WordTable
    known: WordTable


class Found(NamedTuple):
    """For each of n addresses: what was found (0: nothing) and which of its bytes, start and stop."""

    what: U8
    start: I32
    stop: I32


def hash_set(keys: Iterable[U64]) -> HashSet:
    """A set of all these hashes."""
    merged = np.concatenate([np.zeros(0, np.uint64), *keys])
    merged.sort()  # np.unique sorts more than it has to, or hashes
    if len(merged) and (same := merged[1:] == merged[:-1]).any():
        merged = merged[np.append(True, ~same)]
    bounds = np.arange(2**16, dtype=np.uint64) << np.uint64(48)
    starts = np.append(np.searchsorted(merged, bounds), len(merged)).astype(np.int64)
    return HashSet(merged, starts)


@functools.lru_cache(maxsize=4)
def load_lists(uris: tuple[str, ...], package: bool) -> UrlLists:
    """Read lists of domains and addresses.

    A list is text with an entry a line, or that compressed by gzip, or a tar archive whose members
    `domains` and `urls`, in whatever folder, are such lists (as the UT1 lists are published). An entry
    with a slash is an address without its scheme, any other is a domain; `#` starts a comment.

    Args:
        uris: paths, file:// or s3:// addresses.
        package: take the short list of this package, too.

    Raises:
        ConfigurationError: where one can't be read or has no entries.
    """
    domains: list[U64] = []
    addresses: list[U64] = []
    if package:
        text = (resources.files("components.filter") / "data" / PACKAGE_LIST).read_bytes()
        _hash_stream(io.BytesIO(text), domains, addresses)
    for uri in uris:
        before = len(domains) + len(addresses)
        try:
            with Stores().open(uri) as stream:
                for part in _parts(stream):
                    _hash_stream(part, domains, addresses)
        except (OSError, EOFError, tarfile.TarError) as error:
            raise ConfigurationError(f"The URL list {uri} can't be read: {error}") from None
        if not any(len(keys) for keys in [*domains, *addresses][before:]):
            raise ConfigurationError(f"The URL list {uri} has no entry: it should have a domain a line.")
    return UrlLists(hash_set(domains), hash_set(addresses))


def _parts(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The texts in a file: itself, what is compressed in it, or the lists of a tar archive."""
    buffered = io.BufferedReader(stream, 1 << 16)  # type: ignore[type-var]
    packed = buffered.peek(2)[:2] == b"\x1f\x8b"
    plain = io.BufferedReader(gzip.GzipFile(fileobj=buffered), 1 << 16) if packed else buffered
    if plain.peek(512)[257:262] != b"ustar":
        yield plain
        return
    with tarfile.open(fileobj=plain, mode="r|") as archive:
        for member in archive:
            if member.isfile() and member.name.rsplit("/", 1)[-1] in ("domains", "urls"):
                part = archive.extractfile(member)
                if part is not None:
                    yield part  # type: ignore[misc]


def _hash_stream(stream: BinaryIO, domains: list[U64], addresses: list[U64]) -> None:
    rest = b""
    while chunk := stream.read(CHUNK_BYTES):
        lines, _, rest = (rest + chunk).rpartition(b"\n")
        _hash_lines(lines, domains, addresses)
    _hash_lines(rest, domains, addresses)


def _hash_lines(lines: bytes, domains: list[U64], addresses: list[U64]) -> None:
    if lines:
        keys, slash = _line_hashes(np.frombuffer(lines, np.uint8))
        domains.append(keys[~slash])
        addresses.append(keys[slash])


@functools.lru_cache(maxsize=4)
def load_words(files: tuple[str, ...]) -> UrlWords:
    """The words of this package and those of further files.

    Args:
        files: word lists (see `word_lists`) with sections strict, hard, soft and harmless; words
            before the first section are hard.

    Raises:
        ConfigurationError: for a section of another name.
    """
    kinds = {"strict": STRICT, "hard": HARD, "soft": SOFT, "harmless": KNOWN, "": HARD}
    known: dict[int, int] = {}
    flagged: dict[int, int] = {}
    for word in package_sections("common_words.txt")["common/en"]:
        if _splits_hosts(word):
            known[word_hash(word)] = KNOWN
    lists = {"url_words.txt": package_sections("url_words.txt")} | {uri: file_sections(uri) for uri in files}
    for name, sections in lists.items():
        for section, words in sections.items():
            if section not in kinds:
                raise ConfigurationError(
                    f"{name}: there is no section [{section}] of words of addresses; "
                    "there are strict, hard, soft and harmless."
                )
            for word in words:
                key = word_hash(word)
                known[key] = known.get(key, 0) | KNOWN
                if kinds[section] != KNOWN:
                    flagged[key] = flagged.get(key, 0) | kinds[section]
    return UrlWords(word_table(flagged), word_table(known))


def _splits_hosts(word: str) -> bool:
    """Whether a compound may be split off before or after it: short words would split anything."""
    return word.isalpha() and (len(word) > 2 or word in _SHORT.split())


_SHORT: Final = "am an as at be by do go he hd if in is it me my no of on or so to tv uk up us we"


def blocked(data: U8, starts: I64, lists: UrlLists) -> Found:
    """Which addresses are on a list, by their host or one of its parent domains, or by their path.

    Args:
        data: the UTF-8 of n addresses, one after the other.
        starts: where each begins, shape (n + 1,).
    """
    found = _found(len(starts) - 1)
    _blocked(data, starts, *lists.domains, *lists.addresses, *found)
    return found


def flagged(data: U8, starts: I64, words: UrlWords, soft: int) -> Found:
    """Which addresses contain a strict or a hard word, or `soft` different soft ones.

    `what` is STRICT, HARD or SOFT; start and stop are those of the word, of the last of soft words.
    """
    found = _found(len(starts) - 1)
    _flagged(data, starts, *words.flagged, *words.known, soft, *found)
    return found


def _found(count: int) -> Found:
    return Found(np.zeros(count, np.uint8), np.zeros(count, np.int32), np.zeros(count, np.int32))


@numba.njit(cache=True, nogil=True)
def _after_www(data, start, stop):  # type: ignore[no-untyped-def]
    if stop - start <= 4 or data[start + 3] != 46:
        return start
    if _LOWER[data[start]] == 119 and _LOWER[data[start + 1]] == 119 and _LOWER[data[start + 2]] == 119:
        return start + 4
    return start


@numba.njit(cache=True, nogil=True)
def _mix(value):  # type: ignore[no-untyped-def]
    """Spread every bit over all 64 (the finaliser of MurmurHash3), for the upper 16 choose the bucket."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@numba.njit(cache=True, nogil=True)
def _contains(keys, starts, key):  # type: ignore[no-untyped-def]
    bucket = np.int64(key >> np.uint64(48))
    low, high = starts[bucket], starts[bucket + 1]
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low < starts[bucket + 1] and keys[low] == key


@numba.njit(cache=True, nogil=True)
def _line_hashes(data):  # type: ignore[no-untyped-def]
    """Hashes of the lines that are entries, and which of them have a slash."""
    count = 1
    for byte in data:
        count += byte == 10
    keys = np.empty(count, np.uint64)
    slashes = np.empty(count, np.bool_)
    kept = 0
    start = 0
    for place in range(len(data) + 1):
        if place < len(data) and data[place] != 10:
            continue
        first, stop = start, place
        start = place + 1
        for at in range(first, stop):
            if data[at] == 35:
                stop = at
                break
        while first < stop and (data[first] <= 32 or data[first] == 46 or data[first] == 42):
            first += 1  # white space, or the *. of a wildcard
        while first < stop and (data[stop - 1] <= 32 or data[stop - 1] == 47):
            stop -= 1
        slash = False
        for at in range(first, stop):
            slash |= data[at] == 47
        if first < stop:
            value = _OFFSET
            if slash:
                for at in range(_after_www(data, first, stop), stop):
                    value = (value ^ _LOWER[data[at]]) * _PRIME
            else:
                for at in range(stop - 1, first - 1, -1):
                    value = (value ^ _LOWER[data[at]]) * _PRIME
            keys[kept] = _mix(value)
            slashes[kept] = slash
            kept += 1
    return keys[:kept], slashes[:kept]


@numba.njit(cache=True, nogil=True)
def _host(data, first, stop):  # type: ignore[no-untyped-def]
    """Start and end of the host of an address, without user name and port."""
    start = first
    for place in range(first, stop - 1):
        if data[place] == 47 and data[place + 1] == 47:
            start = place + 2
            break
        if data[place] == 46 or data[place] == 63 or data[place] == 35:
            break  # no scheme has a dot: //, if it comes, is part of the path
    end = start
    while end < stop and not _DIVIDES[data[end]]:
        if data[end] == 64:
            start = end + 1
        end += 1
    for place in range(start, end):
        if data[place] == 58:
            end = place
            break
    while end > start and data[end - 1] == 46:
        end -= 1
    return start, end


@numba.njit(cache=True, nogil=True)
def _blocked(  # type: ignore[no-untyped-def]
    data, starts, domains, domain_starts, addresses, address_starts, what, found_start, found_stop
):
    for number in range(len(starts) - 1):
        first, stop = starts[number], starts[number + 1]
        start, end = _host(data, first, stop)
        value = _OFFSET
        for place in range(end - 1, start - 1, -1):
            value = (value ^ _LOWER[data[place]]) * _PRIME
            if (place == start or data[place - 1] == 46) and _contains(domains, domain_starts, _mix(value)):
                what[number] = 1
                found_start[number], found_stop[number] = place - first, end - first
                break
        if what[number] or not len(addresses):
            continue
        value = _OFFSET
        for place in range(_after_www(data, start, end), end):
            value = (value ^ _LOWER[data[place]]) * _PRIME
        path = end
        while path < stop and not _DIVIDES[data[path]]:
            path += 1  # the port
        for place in range(path, stop + 1):
            if (
                place > path
                and (place == stop or _DIVIDES[data[place]])
                and _contains(addresses, address_starts, _mix(value))
            ):
                what[number] = 2
                found_start[number], found_stop[number] = start - first, place - first
                break
            if place < stop:
                value = (value ^ _LOWER[data[place]]) * _PRIME


@numba.njit(cache=True, nogil=True)
def _hidden(data, first, stop, keys, flags, known, costs):  # type: ignore[no-untyped-def]
    """A strict word in a run of letters that can be read as a compound, or (0, 0).

    The run is split into known words, as few as possible (one letter may be left over at its end);
    it counts only if no split without a strict word is as short: middlesexcounty is innocent.
    """
    length = stop - first
    start, end = 0, 0
    # without a strict word anywhere there is no need to split
    for begin in range(length):
        value = _OFFSET
        for place in range(begin, min(length, begin + 24)):
            value = (value ^ _LOWER[data[first + place]]) * _PRIME
            if flags[place_of(keys, value)] & 1 and place + 1 - begin > end - start:
                start, end = begin, place + 1
    if end == 0:
        return 0, 0
    # costs[i, strict]: fewest words that the first i letters can be split into
    costs[: length + 1, :] = 99
    costs[0, 0] = 0
    for begin in range(length):
        if costs[begin, 0] == 99 and costs[begin, 1] == 99:
            continue
        value = _OFFSET
        for place in range(begin, min(length, begin + 24)):
            value = (value ^ _LOWER[data[first + place]]) * _PRIME
            strict = flags[place_of(keys, value)] & 1
            if strict:
                best = min(costs[begin, 0], costs[begin, 1])
                costs[place + 1, 1] = min(costs[place + 1, 1], best + 1)
            elif known[place_of(known, value)] == value or (place == begin and place == length - 1):
                for kind in range(2):
                    costs[place + 1, kind] = min(costs[place + 1, kind], costs[begin, kind] + 1)
    if costs[length, 1] < costs[length, 0]:
        return first + start, first + end
    return 0, 0


@numba.njit(cache=True, nogil=True)
def _flagged(  # type: ignore[no-untyped-def]
    data, starts, keys, flags, known, known_flags, soft, what, found_start, found_stop
):
    costs = np.empty((64, 2), np.int64)
    seen = np.empty(soft + 1, np.uint64)
    for number in range(len(starts) - 1):
        first, stop = starts[number], starts[number + 1]
        host_start, host_end = _host(data, first, stop)
        softs = 0
        place = host_start
        while place < stop:
            if not _WORD[data[place]]:
                # %20 and the like separate words, too
                place += 3 if data[place] == 37 else 1
                continue
            begin = place
            value = _OFFSET
            while place < stop and _WORD[data[place]]:
                value = (value ^ _LOWER[data[place]]) * _PRIME
                place += 1
            flag = flags[place_of(keys, value)]
            if flag & 3:
                what[number] = 1 if flag & 1 else 2
                found_start[number], found_stop[number] = begin - first, place - first
                break
            if flag & 4 and softs < soft:
                new = True
                for other in range(softs):
                    new &= seen[other] != value
                if new:
                    seen[softs] = value
                    softs += 1
                    if softs == soft and what[number] == 0:
                        what[number] = 4
                        found_start[number], found_stop[number] = begin - first, place - first
            if begin < host_end:
                at = begin
                while at < place:  # the runs of letters of a label of the host
                    run = at
                    while run < place and data[run] > 57:
                        run += 1
                    if 3 < run - at < 64:
                        start, end = _hidden(data, at, run, keys, flags, known, costs)
                        if end:
                            what[number] = 1
                            found_start[number], found_stop[number] = start - first, end - first
                            break
                    at = max(run, at + 1)
                if what[number] == 1:
                    break
