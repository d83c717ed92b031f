"""Keys of the documents that were released in the end: what later runs are deduplicated against."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.dedup.params import RegistryParams
from components.dedup.reasons import DedupReason


class ReleasedKeysStage(Stage[RegistryParams]):
    """Takes the keys of a shard's documents that are still there at the end of the run.

    `documents` is the dataset whose keys `keys` holds, `released` what was left of it; shards of the same
    number belong together, and an id occurs once in a shard. It derives a table and decides nothing:
    nothing to conserve.
    """

    name = "released_keys"
    consumes = {"documents": "documents/1", "released": "documents/1", "keys": "dedup_keys/1"}
    produces = {"keys": "known_keys/1"}
    reasons = DedupReason
    conserves = False
    skipped = "dedup.registry.uri names no registry"
    partitioned = {"keys": "key"}
    sides = {"released": "aligned", "keys": "aligned"}
    columns = {"documents": ("id",), "released": ("id",), "keys": ("band", "key", "row")}

    @property
    def enabled(self) -> bool:
        return self.params.uri is not None

    def run(self, unit: Unit, out: Output) -> None:
        """Take the released keys of one shard, in the order they have there."""
        ids, keys = unit.tables["documents"].column("id"), unit.tables["keys"]
        released = pc.is_in(ids, value_set=unit.tables["released"].column("id").combine_chunks())
        rows = keys.column("row").to_numpy()
        chosen = pa.array(np.flatnonzero(released.to_numpy()[rows]))
        columns = [
            keys.column("band").take(chosen),
            keys.column("key").take(chosen),
            ids.take(keys.column("row").take(chosen)),
            pa.repeat(self.params.run, len(chosen)),
        ]
        out.keep("keys", pa.Table.from_arrays(columns, schema=schemas.get("known_keys/1")))
