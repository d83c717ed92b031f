"""Image files of their own: those a table names, and those with their texts in files beside them."""

from __future__ import annotations

import os
import posixpath
from typing import Any, Final
from urllib.parse import unquote

from components.caption.pair_formats.pair import Pair, choose, decoded, field_kinds, json_fields, texts_of
from components.caption.pairs_params import ReadPairsParams
from components.caption.reasons import CaptionReason
from components.core.errors import BadRecord, ConfigurationError, Drop
from components.core.locations import is_web
from components.core.store import Stores, as_uri

_FILE: Final = "file://"


def _read(stores: Stores, uri: str, limit: int) -> bytes | None:
    """At most `limit` bytes of a file; None where there is none.

    Raises:
        BadRecord: where it can't be read.
    """
    try:
        # a pipe or a device would be read for ever; a store knows files only
        if uri.startswith(_FILE) and stores.stat(uri) is None:
            return None
        with stores.open(uri, 0, limit) as stream:
            return stream.read()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadRecord(CaptionReason.UNREADABLE, f"{uri[:200]}: {error}") from None
    except ConfigurationError as error:
        if uri.startswith(_FILE):  # one file without permission is no reason to stop
            raise BadRecord(CaptionReason.UNREADABLE, str(error)) from None
        raise


def read_image(stores: Stores, uri: str, max_bytes: int) -> bytes:
    """The bytes of an image file.

    Raises:
        Drop, BadRecord: with a `CaptionReason`.
    """
    data = _read(stores, uri, max_bytes + 1)
    if data is None:
        raise Drop(CaptionReason.NO_IMAGE, f"there is no file {uri[:300]}")
    if len(data) > max_bytes:
        raise Drop(CaptionReason.TOO_MANY_BYTES, f"more than {max_bytes} bytes", None, float(max_bytes))
    if not data:
        raise Drop(CaptionReason.NO_IMAGE, "the file has no bytes")
    return data


def image_uri(path: str, table: str, root: str | None) -> str:
    """The file that a table names.

    Args:
        path: relative to `root`, or below it.
        table: URI of the table.
        root: a folder or prefix; None: that of the table.

    Raises:
        Drop: where it is an address of the web, or lies elsewhere: a table must not open other files.
    """
    if is_web(path):
        raise Drop(CaptionReason.URLS_ONLY, f"{path[:300]} is an address: images are not fetched here")
    folder = as_uri(root).rstrip("/") if root is not None else table.rpartition("/")[0]
    if folder.startswith(_FILE):
        base = os.path.abspath(unquote(folder[len(_FILE) :]))  # noqa: PTH100 - links are followed on purpose
        named = unquote(path[len(_FILE) :]) if path.startswith(_FILE) else path
        full = os.path.abspath(os.path.join(base, named))  # noqa: PTH100, PTH118 - as above
        inside = full.startswith(base.rstrip("/") + "/") and "\0" not in full
        uri = as_uri(full)
    else:
        uri = path if "://" in path else f"{folder}/{path.lstrip('/')}"
        scheme, _, rest = uri.partition("://")
        uri = f"{scheme}://{posixpath.normpath(rest)}"
        inside = uri.startswith(folder + "/")
    if not inside:
        raise Drop(CaptionReason.BAD_PATH, f"{path[:300]!r} lies outside of {folder}: see image_root")
    return uri


def read_file_pair(stores: Stores, uri: str, params: ReadPairsParams) -> Pair:
    """An image file with the `.txt` and the `.json` of its name beside it."""
    pair = Pair(uri, "")
    limit = params.max_text_bytes
    stem = uri.rpartition(".")[0]
    try:
        image = read_image(stores, uri, params.max_image_bytes)
        text, data = _read(stores, f"{stem}.txt", limit + 1), _read(stores, f"{stem}.json", limit + 1)
    except (Drop, BadRecord) as problem:
        pair.problem = problem
        return pair
    fields: dict[str, Any] = {}
    if data is not None:
        fields = json_fields(data, limit, pair.notes, "the .json")
    beside = None if text is None else decoded(text, limit, pair.notes, "the .txt")
    pair.image = image
    pair.texts = texts_of(fields, choose(field_kinds(fields), params.columns), beside)
    return pair
