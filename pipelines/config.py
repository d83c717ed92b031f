"""One definition of every parameter: the config file, its JSON Schema and the pipeline's parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

from components.caption.params import CaptionParams
from components.core.errors import ConfigurationError
from components.core.runner import RunParams
from components.core.task import laid_over, read_params
from components.crawl.params import CrawlParams
from components.dedup.params import DedupFamilyParams, PairDedupParams
from components.deepfake.params import DeepfakeParams
from components.deepfake.screen_params import ScreenImagesParams
from components.distill.params import DistillParams
from components.filter.params import FilterParams
from components.publish.kale_params import FullPublishParams, KalePublishParams
from components.publish.params import PublishParams


class MintConfig(BaseModel):
    """Parameters of the `mint` pipeline, a section a family."""

    model_config = ConfigDict(extra="forbid")

    crawl: CrawlParams = Field(default=CrawlParams(), description="sources, fetching and extraction")
    filter: FilterParams = Field(default=FilterParams(), description="scores and thresholds")
    dedup: DedupFamilyParams = Field(default=DedupFamilyParams(), description="exact and near-duplicates")
    screen: ScreenImagesParams = Field(
        default=ScreenImagesParams(), description="declared origin of images, and what detectors find"
    )
    publish: PublishParams = Field(default=PublishParams(), description="layout of the release")
    run: RunParams = Field(default=RunParams(), description="how the run is executed; changes no output")


class KaleConfig(BaseModel):
    """Parameters of the `kale` pipeline, a section a family."""

    model_config = ConfigDict(extra="forbid")

    caption: CaptionParams = Field(default=CaptionParams(), description="pairs, captions, truth, scale-up")
    distill: DistillParams = Field(default=DistillParams(), description="training set, student, gate")
    dedup: PairDedupParams = Field(default=PairDedupParams(), description="images that are alike")
    screen: ScreenImagesParams = Field(
        default=ScreenImagesParams(), description="declared origin of images, and what detectors find"
    )
    publish: KalePublishParams = Field(default=KalePublishParams(), description="layout of the release")
    run: RunParams = Field(default=RunParams(), description="how the run is executed; changes no output")


class FullConfig(MintConfig):
    """Parameters of the `full` pipeline: those of `mint`, then captions of what it found."""

    caption: CaptionParams = Field(default=CaptionParams(), description="captions, truth, scale-up")
    distill: DistillParams = Field(default=DistillParams(), description="training set, student, gate")
    publish: FullPublishParams = Field(default=FullPublishParams(), description="layout of the releases")


class DeepfakeConfig(BaseModel):
    """Parameters of the `deepfake` pipeline."""

    model_config = ConfigDict(extra="forbid")

    deepfake: DeepfakeParams = Field(
        default=DeepfakeParams(), description="media, faces, pseudo-fakes, detectors, benchmark"
    )
    run: RunParams = Field(default=RunParams(), description="how the run is executed; changes no output")


_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SHORT: Final = {"teacher": "caption.teacher.model"}
"""What `--set` takes for long names that are set often."""
_PRESETS: Final = Path(__file__).parent / "presets"
CONFIGS: Final[dict[str, type[BaseModel]]] = {
    "mint": MintConfig,
    "kale": KaleConfig,
    "full": FullConfig,
    "deepfake": DeepfakeConfig,
}


def config_model(pipeline: str) -> type[BaseModel]:
    """The model of a pipeline's configuration.

    Raises:
        ConfigurationError: for a pipeline that does not exist.
    """
    try:
        return CONFIGS[pipeline]
    except KeyError:
        known = ", ".join(CONFIGS)
        raise ConfigurationError(f"There is no pipeline {pipeline!r}; known pipelines are {known}.") from None


def refuse_secrets(locations: Sequence[str]) -> None:
    """Refuse addresses with a user name or password in them: they would be recorded.

    Raises:
        ConfigurationError: naming the host, not the secret.
    """
    for location in locations:
        place = location.partition("://")[2].partition("/")[0]
        if "@" in place:
            raise ConfigurationError(
                f"The address at {place.rpartition('@')[2]} carries a user name or password. Addresses are "
                "recorded, so leave it out: credentials of stores come from the environment."
            )


def _addresses(value: Any) -> Iterator[str]:
    """Every address among the values of a configuration."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _addresses(one)
    elif isinstance(value, str) and _ADDRESS.match(value):
        yield value


def read_config(pipeline: str, values: Mapping[str, Any]) -> BaseModel:
    """A pipeline's configuration out of plain values, checked.

    Raises:
        ConfigurationError: for a parameter that is wrong, or an address with a password in it: parameters
            are recorded.
    """
    refuse_secrets(list(_addresses(values)))
    return read_params(config_model(pipeline), values, pipeline)


def presets(pipeline: str) -> dict[str, str]:
    """Names of the presets of a pipeline and what each says of itself in its first line."""
    return {
        file.stem: file.read_text().partition("\n")[0].lstrip("# ")
        for file in sorted(_preset_folder(pipeline).glob("*.yaml"))
    }


def _preset_folder(pipeline: str) -> Path:
    """Where the presets of a pipeline are; those of `full` are those of its first part."""
    config_model(pipeline)
    return _PRESETS / ("mint" if pipeline == "full" else pipeline)


def _read_yaml(file: Path, what: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise ConfigurationError(f"The {what} {file} can't be read: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"The {what} {file} is no YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigurationError(f"The {what} {file} must hold sections, not a {type(values).__name__}.")
    return values


def read_file(file: Path) -> tuple[dict[str, Any], list[str]]:
    """A config file: its sections, and the inputs it names, if any, under `inputs`.

    A value that begins with `./` or `../` is a path relative to the file, wherever the command is run.

    Raises:
        ConfigurationError: where it can't be read or is no mapping.
    """
    values = {name: _located(value, file) for name, value in _read_yaml(file, "config file").items()}
    inputs = values.pop("inputs", [])
    if not isinstance(inputs, list) or not all(isinstance(one, str) for one in inputs):
        raise ConfigurationError(f"The config file {file}: inputs must be a list of files, folders or URIs.")
    return values, inputs


def _located(value: Any, file: Path) -> Any:
    if isinstance(value, dict):
        return {name: _located(one, file) for name, one in value.items()}
    if isinstance(value, list):
        return [_located(one, file) for one in value]
    if isinstance(value, str) and value.startswith(("./", "../")):
        return str((file.absolute().parent / value).resolve())
    return value


def load_config(
    pipeline: str, file: Path | None, settings: Sequence[str], preset: str | None = None
) -> BaseModel:
    """The configuration: defaults, then the preset, then the file, then each `section.name=value`.

    Args:
        file: YAML or JSON (see `read_file`).
        settings: `--set` arguments; the value is read as YAML, so `[en, de]` is a list.
        preset: name of a file in `pipelines/presets`.

    Raises:
        ConfigurationError: naming the file, the setting or the parameter that is wrong.
    """
    values: dict[str, Any] = {}
    if preset is not None:
        if preset not in (known := presets(pipeline)):
            raise ConfigurationError(f"There is no preset {preset!r}; presets are {', '.join(known)}.")
        values = _read_yaml(_preset_folder(pipeline) / f"{preset}.yaml", "preset")
    if file is not None:
        values = laid_over(values, read_file(file)[0])
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigurationError(f"--set {setting}: write it as section.name=value.")
        place = values
        *path, last = _SHORT.get(name.strip(), name.strip()).split(".")
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ConfigurationError(f"--set {setting}: {part!r} is a value, not a section.")
        try:
            place[last] = yaml.safe_load(text)
        except yaml.YAMLError:
            place[last] = text
    return read_config(pipeline, values)


def json_schema(pipeline: str) -> str:
    """The JSON Schema of a pipeline's config file."""
    return json.dumps(config_model(pipeline).model_json_schema(), indent=1)
