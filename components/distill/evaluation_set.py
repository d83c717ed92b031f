"""An evaluation set that training must not have seen, and how a pair is found to be part of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from components.core.errors import ConfigurationError
from components.core.records import record_id
from components.core.store import Stores
from components.core.text_metrics import tokens

COLUMNS: Final = ("sha256", "phash", "texts")
_SHA256_DIGITS: Final = 64


class EvaluationSet:
    """Images and texts of an evaluation set.

    Args:
        rows: mappings with some of `COLUMNS`; others are not looked at.
        radius: bits by which a pHash may differ.
        ngram: words in a row by which texts are found.

    Raises:
        ConfigurationError: for a value that is not what its column should hold, naming the row.
    """

    def __init__(self, rows: Iterator[Mapping[str, Any]], *, radius: int, ngram: int) -> None:
        self._radius, self._ngram = radius, ngram
        self._sha256: set[str] = set()
        self._ngrams: set[bytes] = set()
        phashes: set[int] = set()
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, Mapping) or all(row.get(name) is None for name in COLUMNS):
                raise ConfigurationError(
                    f"Row {number} of the evaluation set has none of the columns {', '.join(COLUMNS)}."
                )
            if row.get("sha256") is not None:
                self._sha256.add(_sha256(row["sha256"], number))
            if row.get("phash") is not None:
                phashes.add(_phash(row["phash"], number))
            for text in _texts(row.get("texts"), number):
                self._ngrams.update(self._runs(text))
        self._phashes: npt.NDArray[np.uint64] = np.array(sorted(phashes), np.uint64)

    def _runs(self, text: str) -> Iterator[bytes]:
        words = tokens(text)
        for start in range(len(words) - self._ngram + 1):
            yield bytes.fromhex(record_id(*words[start : start + self._ngram]))

    def image_match(self, sha256: str, phash: int | None) -> str | None:
        """Why an image counts as one of the set, for a person; None where it does not."""
        if sha256 in self._sha256:
            return "its bytes are those of an image of the evaluation set"
        if phash is None or not len(self._phashes):
            return None
        distance = int(np.bitwise_count(self._phashes ^ np.uint64(phash)).min())
        if distance > self._radius:
            return None
        return f"its pHash is {distance} bits from that of an image of the evaluation set"

    def text_match(self, text: str | None) -> bool:
        """Whether a text shares a run of words with one of the set."""
        return bool(text and self._ngrams) and any(run in self._ngrams for run in self._runs(str(text)))


def load_evaluation_set(uri: str, *, radius: int, ngram: int) -> EvaluationSet:
    """The evaluation set in a Parquet file (`.parquet`) or one of JSON Lines.

    Raises:
        ConfigurationError: where it can't be read or is neither; says what is wrong.
    """
    try:
        data = Stores().read(uri)
        rows = _parquet_rows(data, uri) if uri.endswith(".parquet") else _json_rows(data)
        return EvaluationSet(rows, radius=radius, ngram=ngram)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ConfigurationError(f"The evaluation set {uri} can't be read: {error}") from None


def _parquet_rows(data: bytes, uri: str) -> Iterator[Mapping[str, Any]]:
    file = pq.ParquetFile(io.BytesIO(data))
    present = [name for name in COLUMNS if name in file.schema_arrow.names]
    if not present:
        raise ConfigurationError(f"The evaluation set {uri} has none of the columns {', '.join(COLUMNS)}.")
    for batch in file.iter_batches(columns=present):
        yield from batch.to_pylist()


def _json_rows(data: bytes) -> Iterator[Mapping[str, Any]]:
    for line in data.decode().splitlines():
        if line.strip():
            yield json.loads(line)


def _sha256(value: Any, number: int) -> str:
    text = str(value).lower()
    if len(text) != _SHA256_DIGITS or not set(text) <= set("0123456789abcdef"):
        raise ConfigurationError(
            f"sha256 in row {number} of the evaluation set is no 64 hex digits: {value!r}."
        )
    return text


def _phash(value: Any, number: int) -> int:
    try:
        found = int(value, 16) if isinstance(value, str) else int(value)
    except (ValueError, TypeError):
        found = -1
    if not 0 <= found < 1 << 64:
        raise ConfigurationError(
            f"phash in row {number} of the evaluation set is neither an integer of 64 bits nor 16 hex "
            f"digits: {value!r}."
        )
    return found


def _texts(value: Any, number: int) -> list[str]:
    texts = [value] if isinstance(value, str) else value or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ConfigurationError(
            f"texts in row {number} of the evaluation set is no list of strings: {value!r}."
        )
    return texts
