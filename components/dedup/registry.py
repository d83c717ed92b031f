"""The registry: what runs have released and seen, for later runs to be deduplicated against.

    REGISTRY/registry.json            how keys are made and spread; the same for all runs
    REGISTRY/runs/RUN/known/*         keys of the documents RUN released, one Parquet file a partition
    REGISTRY/runs/RUN/seen/*          hashes of the payloads RUN processed (`components.core.seen`)
    REGISTRY/runs/RUN/manifest.json   what belongs to RUN; written last, once, never changed

Files are named by their content and both JSON files are written by conditional put, so that runs
that register at the same time can't damage one another; a run counts once its manifest is there.

At its start a run freezes which others count for it (`snapshot`), and itself never does: a run that is
resumed, or repeated after it was registered, gives the same result. At its end it is registered
(`register`).

A payload is skipped as seen only where it was seen by a run with the same *settings*: the parameters
that decide what becomes of a page, and the version of kalemint. Keys are used whatever the settings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, ValidationError

from components.core import schemas, shards
from components.core.errors import ConfigurationError
from components.core.manifest import Counts, Manifest, Partitioning, Shard, manifest_key
from components.core.progress import emit
from components.core.runner import publish
from components.core.seen import encode_keys
from components.core.stage import code_version, empty
from components.core.store import Store, open_store
from components.dedup.params import DedupParams, RegistryParams

STEP: Final = "registry"
_LAYOUT: Final = "registry.json"


class Layout(BaseModel):
    """How keys are made and spread; keys of two layouts never match, so a registry has one."""

    model_config = ConfigDict(extra="forbid")

    partitions: int
    keys_version: str
    shingle: int
    bands: int
    rows: int
    seed: int

    @classmethod
    def of(cls, params: DedupParams, partitions: int) -> Layout:
        """The layout that a run's parameters ask for."""
        from components.dedup.keys import KeysStage  # compiled code, which only workers need

        names = ("shingle", "bands", "rows", "seed")
        given = {name: getattr(params, name) for name in names}
        return cls(partitions=partitions, keys_version=KeysStage.version, **given)


class SeenFile(BaseModel):
    """Hashes of the payloads with one remainder."""

    model_config = ConfigDict(extra="forbid")

    part: int
    path: str
    payloads: int
    sha256: str


class Registered(BaseModel):
    """A run's manifest in the registry; paths are relative to the registry."""

    model_config = ConfigDict(extra="forbid")

    run: str
    location: str
    code_version: str
    settings: str
    layout: Layout
    known: list[Shard]
    seen: list[SeenFile]

    @property
    def content(self) -> str:
        """Digest of what the run registered: equal for equal results, wherever they were computed."""
        parts = [self.run, self.settings, *(s.sha256 for s in self.known), *(f.sha256 for f in self.seen)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Frozen(BaseModel):
    """Which runs count for a run: name → digest of the manifest, in lexical order."""

    model_config = ConfigDict(extra="forbid")

    registry: str
    runs: dict[str, str]


def settings_digest(settings: Mapping[str, Any]) -> str:
    """Names the parameters that decide what becomes of a payload, and the code that obeys them."""
    content = json.dumps([code_version(), settings], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _manifest_path(run: str) -> str:
    return f"runs/{run}/manifest.json"


def _load(store: Store, run: str) -> tuple[Registered, str] | None:
    """A run's manifest and its digest; None where it is not registered (yet)."""
    try:
        data = store.get(_manifest_path(run))
    except FileNotFoundError:
        return None
    try:
        found = Registered.model_validate_json(data)
    except ValidationError as error:
        raise ConfigurationError(
            f"{store.uri(_manifest_path(run))} is no manifest of a registry: {error}"
        ) from None
    return found, hashlib.sha256(data).hexdigest()


def _settle(store: Store, wanted: Layout) -> None:
    """Make the layout the registry's if it has none.

    Raises:
        ConfigurationError: naming the parameter in which it differs from the registry's.
    """
    if store.put_if_absent(_LAYOUT, wanted.model_dump_json().encode()):
        return
    there = Layout.model_validate_json(store.get(_LAYOUT))
    for name, value in there.model_dump().items():
        mine = getattr(wanted, name)
        if mine == value:
            continue
        if name == "keys_version":
            raise ConfigurationError(
                f"The registry {store.root} holds keys of version {value} and this version of kalemint makes "
                f"version {mine}: they never match. Begin another registry."
            )
        where = "run.partitions" if name == "partitions" else f"dedup.text.{name}"
        raise ConfigurationError(
            f"The registry {store.root} was begun with {where} = {value} and this run has {mine}, so that "
            f"no key would match: set {where} to {value}, or begin another registry."
        )


def _freeze(out: Store, registry: Store, params: RegistryParams) -> dict[str, Registered]:
    """The runs that count for this one: those registered when it began, itself never among them."""
    begun = hashlib.sha256(json.dumps([params.uri, params.run]).encode()).hexdigest()[:16]
    key = f"{STEP}/frozen/{begun}.json"
    if out.stat(key) is None:
        found = {run: _load(registry, run) for run in registry.folders("runs/") if run != params.run}
        frozen = Frozen(
            registry=str(params.uri),
            runs={run: loaded[1] for run, loaded in sorted(found.items()) if loaded is not None},
        )
        out.put_if_absent(key, frozen.model_dump_json(indent=1).encode())
    frozen = Frozen.model_validate_json(out.get(key))
    runs: dict[str, Registered] = {}
    for run, digest in frozen.runs.items():
        loaded = _load(registry, run)
        if loaded is None or loaded[1] != digest:
            raise ConfigurationError(
                f"{registry.uri(_manifest_path(run))} is not what it was when this run began: bring it back, "
                "or begin again in another --out."
            )
        runs[run] = loaded[0]
    return runs


def snapshot(
    out: str, params: RegistryParams, text: DedupParams, partitions: int, settings: Mapping[str, Any]
) -> dict[str, Manifest]:
    """What earlier runs released and have seen, frozen when this run first began.

    Args:
        out: URI of the run's output, which the datasets are published in.
        text: how this run makes its keys.
        partitions: how many partitions it spreads them over.
        settings: the parameters that decide what becomes of a payload.

    Returns:
        `known_keys` (known_keys/1; its shards lie in the registry) and `seen_payloads`
        (seen_payloads/1); both empty without a registry.

    Raises:
        ConfigurationError: where the registry's keys can't match this run's, or its name is taken.
    """
    runs: dict[str, Registered] = {}
    store, root = open_store(out), ""
    if params.uri is not None:
        registry = open_store(params.uri)
        root = registry.root
        _settle(registry, Layout.of(text, partitions))
        _refuse_taken_name(registry, params, out)
        runs = _freeze(store, registry, params)
    released = Manifest(
        step=STEP,
        port="known_keys",
        family="dedup",
        location=out,
        schema="known_keys/1",
        shards=[
            shard.model_copy(update={"path": f"{root}/{shard.path}"})
            for run in runs.values()
            for shard in run.known
        ],
        partitioning=Partitioning(column="key", partitions=partitions, layout="row_groups"),
        stage_version="1",
        code_version=code_version(),
        params=params.model_dump(mode="json"),
        counts=Counts(conserves=False),
    )
    mine = settings_digest(settings)
    seen = {name: run for name, run in runs.items() if params.skip_seen and run.settings == mine}
    rows = [
        {
            "run": name,
            "part": file.part,
            "parts": run.layout.partitions,
            "uri": f"{root}/{file.path}",
            "payloads": file.payloads,
            "sha256": file.sha256,
        }
        for name, run in seen.items()
        for file in run.seen
    ]
    table = pa.Table.from_pylist(rows, schema=schemas.get("seen_payloads/1"))
    files = publish(
        STEP,
        "seen_payloads",
        "seen_payloads/1",
        [table],
        [],
        Counts(rows_in=len(rows), kept=len(rows)),
        out,
        params=params.model_dump(mode="json"),
        family="dedup",
    )
    store.put(manifest_key(STEP, "known_keys"), released.to_json())
    payloads = sum(file.payloads for run in seen.values() for file in run.seen)
    if params.uri is not None:
        emit(
            "registry",
            step=STEP,
            line=(
                f"registry: {len(runs)} earlier runs released {released.rows:,} keys; the {payloads:,} "
                f"payloads that {len(seen)} of them have seen are not read again"
            ),
        )
    return {"known_keys": released, "seen_payloads": files}


def _refuse_taken_name(registry: Store, params: RegistryParams, out: str) -> None:
    """A name is taken where the run that has it was made elsewhere: found now, not after hours."""
    taken = _load(registry, str(params.run))
    if taken is not None and taken[0].location != open_store(out).root:
        raise ConfigurationError(
            f"{registry.root} has a run {params.run!r} already, made in {taken[0].location}: give this run "
            f"another name (dedup.registry.run), or remove {registry.uri(f'runs/{params.run}')} to do that "
            "one again here."
        )


def register(
    out: str,
    params: RegistryParams,
    text: DedupParams,
    settings: Mapping[str, Any],
    known: Manifest,
    payloads: Manifest,
) -> Registered | None:
    """Add a run to the registry, one partition in memory at a time; None without a registry.

    Args:
        out: URI of the run's output.
        known: keys of the documents it released (known_keys/1, `ReleasedKeysStage`).
        payloads: hashes of the payloads it read to their end (payload_keys/1).

    Raises:
        ConfigurationError: where another run, or another result of this one, has its name.
    """
    if params.uri is None:
        return None
    registry, store = open_store(params.uri), open_store(out)
    partitions = known.partitioning.partitions if known.partitioning else 1
    layout = Layout.of(text, partitions)
    _settle(registry, layout)
    folder = f"runs/{params.run}"
    new = Registered(
        run=str(params.run),
        location=store.root,
        code_version=code_version(),
        settings=settings_digest(settings),
        layout=layout,
        known=[
            shard
            for number in range(partitions)
            for shard in _put_known(registry, folder, number, store, known, partitions)
        ],
        seen=[_put_seen(registry, folder, number, store, payloads) for number in range(partitions)],
    )
    key = _manifest_path(str(params.run))
    line = f"registry: {new.run} has released {sum(s.rows for s in new.known):,} keys"
    if not registry.put_if_absent(key, new.model_dump_json(indent=1).encode()):
        there = _load(registry, new.run)
        if there is None or there[0].content != new.content:
            raise ConfigurationError(
                f"{registry.uri(key)} is there already, with another content: give this run another name "
                "(dedup.registry.run)."
            )
        line = f"registry: {new.run} was registered before, with the same content"
    emit("registered", step=STEP, run=new.run, line=line)
    return new


def _put_known(
    registry: Store, folder: str, number: int, store: Store, known: Manifest, partitions: int
) -> list[Shard]:
    """One partition of the keys as a sorted file; none where it is empty."""
    table = shards.read_partition(store, known, number, empty("known_keys/1"))
    if not table.num_rows:
        return []
    order = [(name, "ascending") for name in ("band", "key", "id")]
    table = table.take(pc.sort_indices(table, sort_keys=order))
    data, groups = shards.encode(table, "known_keys/1", partition_by="key", partitions=partitions)
    path = f"{folder}/known/{number:06d}-{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    registry.put(path, data)
    return [shards.describe(path, data, table.num_rows, groups)]


def _put_seen(registry: Store, folder: str, number: int, store: Store, payloads: Manifest) -> SeenFile:
    """The payloads' hashes with one remainder."""
    keys = shards.read_partition(store, payloads, number, empty("payload_keys/1"))
    data = encode_keys(keys.column("key").to_numpy())
    digest = hashlib.sha256(data).hexdigest()
    path = f"{folder}/seen/{number:06d}-{digest[:16]}.u64"
    registry.put(path, data)
    return SeenFile(part=number, path=path, payloads=len(data) // 8, sha256=digest)
