"""What a data set of real and forged media is: where its files lie and what it says of each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile, one_file, several_files
from components.core.store import Stores, as_uri

FAMILIES: Final = ("swap", "reenactment", "talking_head", "entire_synthesis", "editing")
"""Kinds of manipulation (survey, section 2): what every figure is given by."""
SPLITS: Final = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """One file of a data set and what the set says of it (columns of media_sources/1).

    Attributes:
        uri: where it lies.
        size: bytes; None where the set's list names a file that is not there.
        label: 1 forged, 0 real, None where the set does not say.
        method: how it was forged, in the set's own words; None for a real one.
        family: one of FAMILIES; None for a real one and where it is not known.
        split: one of SPLITS where the set has an official one.
        group: person, else source video: what a split must keep whole.
        source: id or name of the real file that a forgery was made from.
        attributes: labels for slices, such as compression or gender.
    """

    uri: str
    size: int | None
    label: int | None = None
    method: str | None = None
    family: str | None = None
    split: str | None = None
    group: str | None = None
    source: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


class DatasetParams(BaseModel):
    """Parameters of an adapter; subclasses add their own."""

    model_config = ConfigDict(extra="forbid")


class MediaDataset(ABC):
    """An adapter: one file of this package defines it; nothing else is needed. Nothing is ever downloaded.

    Class attributes:
        name: in the registry: `NAME:folder` is an input of `media_sources`.
        says: what it is, in a few words.
        url: where its owners tell how to get it.
        licence: terms, in a few words.
        counts: files that its publication documents: "real", and each method; empty where it says none.
        params_model: the model of its parameters.
        named_by_folder: whether rows bear the folder's name as their data set, and not the adapter's.
    """

    name: ClassVar[str]
    says: ClassVar[str]
    url: ClassVar[str] = ""
    licence: ClassVar[str] = ""
    counts: ClassVar[Mapping[str, int]] = {}
    params_model: ClassVar[type[DatasetParams]] = DatasetParams
    named_by_folder: ClassVar[bool] = False

    def __init__(self, params: DatasetParams | None = None) -> None:
        self.params = params or self.params_model()

    @abstractmethod
    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """The files below `root` (a local folder or an `s3://` prefix), in an order that is always the same.

        Raises:
            ConfigurationError: where the folder is not laid out as the set is, naming what is missing.
        """


def listing(root: str, stores: Stores) -> dict[str, FoundFile]:
    """Path relative to `root` → file, in the order of their paths; hidden files are passed over.

    Raises:
        ConfigurationError: where there are none.
    """
    prefix = as_uri(root).rstrip("/") + "/"
    found = {_relative(file.uri, prefix): file for file in several_files(root, stores)}
    if not found:
        what = "is a file, and a data set is a folder" if one_file(root, stores) else "holds no files"
        raise ConfigurationError(f"{root} {what}.")
    return dict(sorted(found.items()))


def _relative(uri: str, prefix: str) -> str:
    rest = uri.removeprefix(prefix)
    return unquote(rest) if uri.startswith("file://") else rest
