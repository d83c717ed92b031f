"""One documented column of a schema."""

from __future__ import annotations

import pyarrow as pa


def column(name: str, kind: pa.DataType, doc: str, *, nullable: bool = True) -> pa.Field:
    """An Arrow field whose metadata say, under `doc`, what it holds: unit and source."""
    return pa.field(name, kind, nullable=nullable, metadata={"doc": doc})
