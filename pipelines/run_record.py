"""`run.json`: what was run, with which configuration; written first, in the run's output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from components import __version__
from components.core.errors import ConfigurationError
from components.core.locations import local_path
from components.core.prompts import load_prompt
from components.core.store import Store, Stores, as_uri, open_store
from components.core.task import reported
from components.deepfake.detectors import check_detectors
from pipelines.config import read_config, refuse_secrets

RUN_RECORD: Final = "run.json"


class RunRecord(BaseModel):
    """What a run is; enough to start it again."""

    model_config = ConfigDict(extra="forbid")

    pipeline: str
    version: str = __version__
    inputs: list[str]
    out: str
    workers: int
    config: dict[str, Any]


_DUMP: Final = re.compile(r"cc(-wat)?:")


_DATASET: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.+-]+):(?!//)(.+)")
"""A data set of images and videos by its name, and where it lies."""


def input_uri(location: str) -> str:
    """A URI for an input that a person named; the names of a Common Crawl dump and of a data set stay."""
    if _DUMP.match(location):
        return location
    named = _DATASET.fullmatch(location)
    if named is not None and not local_path(location).exists():
        return f"{named[1]}:{as_uri(named[2])}"
    return as_uri(location)


def begin(
    pipeline: str, inputs: Sequence[str], out: str, workers: int, config: Mapping[str, Any]
) -> list[int]:
    """Check everything that can be checked before the run, and record it.

    Returns:
        The workers' numbers, 0 to `workers` - 1.
    """
    with reported():
        if workers < 1:
            raise ConfigurationError(f"workers is {workers}; at least one is needed.")
        if not inputs:
            raise ConfigurationError("No inputs: give at least one file, folder, URL or list.")
        refuse_secrets([*inputs, out])
        checked = read_config(pipeline, config).model_dump(mode="json")
        _check_tokenizer(checked.get("publish", {}).get("tokenizer", ""))
        _check_teacher(checked)
        for family in ("deepfake", "screen"):
            check_detectors(checked.get(family, {}).get("detectors", {}))
        for prompt in _prompts(checked):
            load_prompt(prompt)
        record = RunRecord(
            pipeline=pipeline,
            inputs=[input_uri(i) for i in inputs],
            out=as_uri(out),
            workers=workers,
            config=checked,
        )
        store = open_store(out)
        store.put(RUN_RECORD, record.model_dump_json(indent=1).encode())
    return list(range(workers))


def _check_tokenizer(location: str) -> None:
    """Find out now, not at the end of the run, that a tokenizer can't be read."""
    if location:
        from components.publish.tokens import TokenCounter

        TokenCounter(location, Stores())


def _check_teacher(config: Mapping[str, Any]) -> None:
    """Refuse a run that writes captions and does not say by which model."""
    if "caption" in config and not config["caption"]["teacher"]["model"]:
        raise ConfigurationError(
            "caption.teacher.model names no model: --set teacher=MODEL takes a folder or a Hugging Face id, "
            "such as Qwen/Qwen3-VL-8B-Instruct. examples/kale-tiny.yaml runs without any download."
        )


def _prompts(values: Mapping[str, Any]) -> Iterator[str]:
    """Every prompt that a configuration names: one that is not there must not stop a run halfway."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _prompts(value)
        elif isinstance(value, str) and (name == "prompt" or name.endswith("_prompt")):
            yield value


def read_record(store: Store) -> RunRecord:
    """The record of a run.

    Raises:
        ConfigurationError: where there is none.
    """
    try:
        return RunRecord.model_validate_json(store.get(RUN_RECORD))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{store.root} holds no run of kalemint: there is no {RUN_RECORD} in it."
        ) from None
