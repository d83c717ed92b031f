"""The data card of a release: `README.md` as dataset hubs read it (Markdown under YAML front matter)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import jinja2
import pyarrow as pa
import yaml

from components.core import schemas
from components.core.report import flatten, number, percent, size
from components.publish.aggregates import UNKNOWN, Distribution, Tally
from components.publish.croissant import describe_release
from components.publish.release import Release
from components.publish.removals import removals
from components.publish.summary import RunSummary, StepSummary, public_uri

_SIZES: Final = {
    1_000: "n<1K",
    10_000: "1K<n<10K",
    100_000: "10K<n<100K",
    1_000_000: "100K<n<1M",
    10_000_000: "1M<n<10M",
    100_000_000: "10M<n<100M",
    1_000_000_000: "100M<n<1B",
}
_CONSENT: Final = re.compile(r"robots|noai|tdm|consent|opt_?out|ai_txt", re.IGNORECASE)
_LOCAL_PATH: Final = re.compile(r"(/[\w.+ -]+){2,}/?")
"""An absolute path of two parts at least; `/print` may be part of an address that a rule names."""
MAX_SOURCES: Final = 50
"""Sources that a card lists."""
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#~$!])")


def build_card(run: RunSummary, release: Release) -> str:
    """The card. The same run gives the same card."""
    return render(
        "card.md.j2",
        front=_front_matter(run, release),
        run=run,
        release=release,
        card=release.params.card,
        description=describe_release(run, release),
        found=run.aggregates,
        parquet=release.of_kind("parquet"),
        tars=release.of_kind("webdataset"),
        glances=list(_glances(run, release)),
        columns=list(columns(schemas.get(release.schema))),
        removals=removals(run.steps),
        filters=[(step, settings(step)) for step in run.steps if step.params],
        consent=[pair for step in run.steps for pair in flatten(step.params) if _CONSENT.search(pair[0])],
        sources=[shown_source(source) for source in run.sources[:MAX_SOURCES]],
        more_sources=max(0, len(run.sources) - MAX_SOURCES),
        unknown=UNKNOWN,
    )


def _front_matter(run: RunSummary, release: Release) -> str:
    card = release.params.card
    found = run.aggregates
    languages = [name for name, _ in found.languages.top(50) if re.fullmatch(r"[a-z]{2,3}", name)]
    matter: dict[str, Any] = {
        "pretty_name": card.title,
        "license": card.license.lower(),
        "language": languages,
        "task_categories": ["image-to-text", "text-generation", "image-text-to-text"],
        "tags": ["interleaved", "multimodal", "kalemint", "croissant"],
        "size_categories": [size_category(found.documents)],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": _folders(release, "parquet", "*.parquet")}],
            }
        ],
    }
    if card.license_url:
        matter["license_link"] = card.license_url
    filled = {name: value for name, value in matter.items() if value}
    front: str = yaml.safe_dump(filled, sort_keys=False, allow_unicode=True, width=1000)
    return front.strip()


def _folders(release: Release, kind: str, pattern: str) -> list[str]:
    """Glob patterns that match the files of a kind."""
    folders = sorted({str(PurePosixPath(file.path).parent) for file in release.of_kind(kind)})
    return [pattern if folder == "." else f"{folder}/{pattern}" for folder in folders]


def _glances(run: RunSummary, release: Release) -> Iterator[tuple[str, str]]:
    found = run.aggregates
    yield "documents", number(found.documents)
    yield "words", f"{number(found.words.sum)} ({_spread(found.words)} a document)"
    exported = next((step for step in run.steps if step.name == "export"), None)
    if exported is not None and "tokens" in exported.counters:
        yield "tokens", f"{number(exported.counters['tokens'])} of {release.params.tokenizer}"
    if run.topics is not None:
        yield "topics", f"as diverse as {number(run.topics.effective)} equally frequent ones"
    yield "images with bytes", f"{number(found.images)}, {size(found.image_bytes)}"
    yield "images shown by a document", _spread(found.images_per_document)
    if found.widths.total:
        yield "image size", f"width {_spread(found.widths)}, height {_spread(found.heights)} pixels"
    yield "kinds of source", _top(found.sources, 4)
    yield "languages", _top(found.languages, 8)
    yield "domains", f"{number(len(found.domains.counts))}: {_top(found.domains, 5)}"
    if found.first_crawl and found.last_crawl:
        yield "captured", f"{found.first_crawl:%Y-%m-%d} to {found.last_crawl:%Y-%m-%d}"
    for kind in ("parquet", "webdataset", "items"):
        if not (files := release.of_kind(kind)):
            continue
        yield f"{kind} files", f"{number(len(files))}, {size(sum(file.bytes for file in files))}"


def _spread(values: Distribution) -> str:
    low, middle, high = (number(round(values.quantile(share))) for share in (0.05, 0.5, 0.95))
    return f"median {middle}, 90 % from {low} to {high}"


def _top(values: Tally, limit: int) -> str:
    return ", ".join(f"{name} {percent(amount, values.total)}" for name, amount in values.top(limit)) or "-"


def columns(schema: pa.Schema) -> Iterator[tuple[str, str, str]]:
    """(name, type, doc) of every column and of every field within one."""
    for field in schema:
        yield from _fields(field, "")


def _fields(field: pa.Field, prefix: str) -> Iterator[tuple[str, str, str]]:
    kind, name = field.type, f"{prefix}{field.name}"
    listed = pa.types.is_list(kind)
    inner = kind.value_type if listed else kind
    struct = pa.types.is_struct(inner)
    shown = "struct" if struct else str(inner)
    doc = (field.metadata or {}).get(b"doc", b"").decode()
    yield name, f"list of {shown}" if listed else shown, doc
    if struct:
        for part in inner:
            yield from _fields(part, f"{name}[]." if listed else f"{name}.")


def settings(step: StepSummary) -> list[tuple[str, object]]:
    """A step's parameters as they may be published, without what they say of the card itself."""
    return [(name, _shown(value)) for name, value in flatten(step.params) if not name.startswith("card.")]


def _shown(value: object) -> object:
    """A parameter; of a local path only its name: where it lay on a machine says nothing elsewhere."""
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    if isinstance(value, str) and (value.startswith("file:") or _LOCAL_PATH.fullmatch(value)):
        return shown_source(value if value.startswith("file:") else f"file://{value}")
    return value


def shown_source(uri: str) -> str:
    """A location as it may be published: of a local file only its name."""
    shown = public_uri(uri)
    if shown.startswith("file:"):
        return PurePosixPath(unquote(urlsplit(shown).path)).name or "a local folder"
    return shown


def _escape(value: object) -> str:
    """Text that Markdown and HTML take literally, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split())).replace("&", "&amp;").replace(r"\<", "&lt;")


def _doc(text: str) -> str:
    """A schema's own documentation, which may hold code marks, in a table cell."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def _code(value: object) -> str:
    """A value in code marks that fits a table cell."""
    shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    shown = " ".join(shown.replace("`", "'").replace("|", "¦").split()) or "(empty)"
    return f"`{shown[:120]}…`" if len(shown) > 120 else f"`{shown}`"


def _decided(step: StepSummary) -> str:
    """Reasons with their counts, the most frequent first."""
    pairs = sorted([*step.dropped.items(), *step.failed.items()], key=lambda pair: (-pair[1], pair[0]))
    return "; ".join(f"{reason}: {number(amount)}" for reason, amount in pairs) or "-"


def size_category(rows: int) -> str:
    """The hub's name for so many rows."""
    return next((name for limit, name in _SIZES.items() if rows < limit), "n>1B")


def render(template: str, **values: object) -> str:
    """A card out of its template."""
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # Markdown: the filters `text` and `code` escape what comes from data
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(text=_escape, code=_code, doc=_doc, number=number, decided=_decided)
    return environment
