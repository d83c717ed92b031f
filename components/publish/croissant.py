"""Croissant metadata (MLCommons, version 1.0, with the Responsible AI vocabulary) of a release."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from components.core import schemas
from components.publish.params import CardParams
from components.publish.release import Release, ReleaseFile
from components.publish.summary import RunSummary

_CONTEXT: Final[Mapping[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FORMATS: Final = {
    "parquet": "application/x-parquet",
    "webdataset": "application/x-tar",
    "items": "application/x-parquet",
}
_FILE_SET: Final = "parquet-files"
_RECORDS: Final = "documents"


def describe_release(run: RunSummary, release: Release) -> str:
    """One or two sentences on a release: its own, or its counts."""
    if release.params.card.description:
        return release.params.card.description
    found = run.aggregates
    return (
        f"{found.documents:,} documents in which text and images are interleaved as their authors placed "
        f"them: {found.words.sum:,} words and {found.images:,} images, laid out as MINT-1T is."
    )


def build_croissant(run: RunSummary, release: Release) -> dict[str, Any]:
    """The metadata as JSON-LD. Every file of the release is listed with its SHA-256.

    Paths are relative to the file that holds this, `croissant.json` in the release's folder.
    """
    card = release.params.card
    document: dict[str, Any] = {
        **header(card, describe_release(run, release)),
        "inLanguage": [name for name, _ in run.aggregates.languages.top(20) if name != "unknown"] or None,
        "keywords": ["interleaved", "image-text", "multimodal", "mint-1t"],
        "isLiveDataset": False,
        "rai:dataCollection": "Collected by kalemint from web archives, web pages, PDF and LaTeX files.",
        "rai:dataPreprocessingProtocol": [
            f"{step.name}: {step.rows_in} rows in, {step.kept} kept" for step in run.steps if step.conserves
        ],
        "rai:dataLimitations": "Not reviewed by people. Images and texts belong to their publishers.",
        "distribution": [*map(file_object, release.files), _file_set(release)],
        "recordSet": [_record_set(release)],
    }
    return {name: value for name, value in document.items() if value is not None}


def to_json(document: Mapping[str, Any]) -> bytes:
    """The file's content."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def file_object(file: ReleaseFile) -> dict[str, Any]:
    """A file with its SHA-256."""
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": _FORMATS[file.kind],
        "sha256": file.sha256,
    }


def header(card: CardParams, description: str) -> dict[str, Any]:
    """The part of the metadata that says what the dataset is and who answers for it."""
    return {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": card.name,
        "alternateName": card.title,
        "description": description,
        "license": card.license_url or card.license,
        "url": card.url or None,
        "creator": {"@type": "Organization", "name": card.creator} if card.creator else None,
        "version": card.version,
        "citeAs": card.citation or f"{card.title}, version {card.version}",
        "datePublished": card.published.isoformat() if card.published else None,
    }


def _file_set(release: Release) -> dict[str, Any]:
    return file_set(_FILE_SET, "The released columns, one row a document.", release.of_kind("parquet"))


def file_set(identifier: str, description: str, files: Sequence[ReleaseFile]) -> dict[str, Any]:
    """Parquet files that are one table."""
    return {
        "@type": "cr:FileSet",
        "@id": identifier,
        "name": identifier,
        "description": description,
        "encodingFormat": _FORMATS["parquet"],
        "includes": [file.path for file in files],
    }


def _record_set(release: Release) -> dict[str, Any]:
    return record_set(
        _RECORDS,
        "Documents. texts[i] and images[i] are never both null nor both given.",
        release.schema,
        _FILE_SET,
    )


def record_set(identifier: str, description: str, schema: str, files: str) -> dict[str, Any]:
    """The rows of a file set, with the columns of a schema."""
    return {
        "@type": "cr:RecordSet",
        "@id": identifier,
        "name": identifier,
        "description": description,
        "field": [_field(f, identifier, files) for f in schemas.get(schema)],
    }


def _doc(field: pa.Field) -> str:
    return str((field.metadata or {}).get(b"doc", b"").decode())


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    if pa.types.is_timestamp(kind):
        return "sc:DateTime"
    return "sc:Text"


def _field(field: pa.Field, parent: str, files: str) -> dict[str, Any]:
    """A column: plain, repeated, a struct, or a list of structs."""
    identifier = f"{parent}/{field.name}"
    described: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": identifier,
        "name": field.name,
        "description": _doc(field),
    }
    kind = field.type
    if pa.types.is_list(kind):
        described["repeated"] = True
        kind = kind.value_type
    if pa.types.is_struct(kind):
        described["subField"] = list(_sub_fields(kind, identifier, field.name, "$", "", files))
        return described
    return described | {"dataType": _data_type(kind), "source": _source(files, field.name)}


def _source(files: str, column: str, path: str | None = None) -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": files}, "extract": {"column": column}}
    if path:
        source["transform"] = {"jsonPath": path}
    return source


def _sub_fields(
    kind: pa.DataType, parent: str, column: str, path: str, prefix: str, files: str
) -> Iterator[dict[str, Any]]:
    """Leaves of a struct; those of a struct within it are named `outer_inner`."""
    for field in kind:
        name, place = f"{prefix}{field.name}", f"{path}.{field.name}"
        if pa.types.is_struct(field.type):
            yield from _sub_fields(field.type, parent, column, place, f"{name}_", files)
            continue
        yield {
            "@type": "cr:Field",
            "@id": f"{parent}/{name}",
            "name": name,
            "description": _doc(field),
            "dataType": _data_type(field.type),
            "source": _source(files, column, place),
        }
