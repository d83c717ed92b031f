r"""LaTeX source of a paper -> interleaved items and images (MINT-1T's ArXiv part).

What MINT-1T describes (TexSoup over figure tags, inputs inlined, preamble, bibliography, tables and
citation tags stripped) is kept in intent; tables, captions, lists and formulas are kept too, macros
are expanded, references become numbers and vector figures are rendered.
"""

from __future__ import annotations

import re
from typing import Final

from components.core.errors import BadRecord, Drop
from components.core.records import Extracted, Image, Item, Note
from components.crawl.latex import algorithms, blocks, definitions, floats, graphics, references, structure
from components.crawl.latex import vocabulary as words
from components.crawl.latex.archive import open_source
from components.crawl.latex.figures import FigureReader
from components.crawl.latex.inputs import PaperReader
from components.crawl.latex.macros import Gullet
from components.crawl.latex.params import LatexParams
from components.crawl.latex.project import Project
from components.crawl.latex.reasons import LatexReason
from components.crawl.latex.render import Renderer
from components.crawl.latex.state import Vocabulary
from components.crawl.latex.text import finish

__all__ = ["LatexReason", "extract_latex"]

_REFERENCES: Final = re.compile(
    r"^(?:references?|bibliography|literature( cited)?|works cited)\W*$", re.IGNORECASE
)


def extract_latex(payload: bytes, *, url: str | None = None, params: LatexParams | None = None) -> Extracted:
    """Items, images and notes of one paper.

    Args:
        payload: what ArXiv serves: a .tar.gz, .tar, .zip, a gzipped .tex or a bare .tex.
        url: where it came from; images inside the source have no address of their own.
        params: bounds.

    Raises:
        Drop: `no_latex`, `no_text`.
        BadRecord: `archive_bomb`, `archive_corrupt`, `archive_too_large`, `too_complex`.
    """
    params = params or LatexParams()
    files = open_source(payload, params)
    project = Project(files, params.max_tex_bytes)
    reader = PaperReader(project, _gullet(params), _vocabulary())
    renderer = reader.read()
    items = _without_references(_finished(renderer))
    folders = [*reader.graphics_folders, project.folder]
    images, lost = _load_images(items, FigureReader(files, params, folders))
    items = _captions_of_lost_images(items)
    if not any(item.kind == "text" for item in items):
        raise Drop(LatexReason.NO_TEXT, "nothing is left of the source once it is read")
    return Extracted(
        items=items,
        images=images,
        title=finish(renderer.front.title, renderer.labels).replace("\n", " ") or None,
        declared_language=reader.language,
        notes=[*files.notes, *project.notes, *renderer.gullet.notes, *renderer.notes, *lost],
    )


def _vocabulary() -> Vocabulary:
    return Vocabulary(
        commands={
            **structure.COMMANDS,
            **references.COMMANDS,
            **blocks.COMMANDS,
            **floats.COMMANDS,
            **graphics.COMMANDS,
        },
        environments={
            **structure.ENVIRONMENTS,
            **blocks.ENVIRONMENTS,
            **floats.ENVIRONMENTS,
            **graphics.ENVIRONMENTS,
            **algorithms.ENVIRONMENTS,
        },
    )


def _gullet(params: LatexParams) -> Gullet:
    vocabulary = _vocabulary()
    protected = {
        *vocabulary.commands,
        *definitions.DEFINITIONS,
        *words.REGISTERS,
        "\\input",
        "\\include",
    }
    protected |= {f"\\begin{{{name}}}" for name in vocabulary.environments}
    return Gullet(max_tokens=params.max_tokens, protected=frozenset(protected))


def _finished(renderer: Renderer) -> list[Item]:
    """The renderer's items with references resolved and empty texts gone."""
    if not renderer.front.placed:
        start = structure.front_items(renderer)
        renderer.items[:0] = start
    items: list[Item] = []
    for item in renderer.items:
        if item.caption:
            item.caption = finish(item.caption, renderer.labels) or None
        if item.alt:
            item.alt = finish(item.alt, renderer.labels) or None
        if item.kind == "text":
            item.text = finish(item.text or "", renderer.labels)
            if not item.text:
                continue
        items.append(item)
    return items


def _without_references(items: list[Item]) -> list[Item]:
    """Items without a heading of references that the bibliography, now gone, has left behind."""
    kept: list[Item] = []
    for index, item in enumerate(items):
        following = items[index + 1] if index + 1 < len(items) else None
        alone = following is None or following.role == "heading"
        if not (item.role == "heading" and alone and _REFERENCES.match(item.text or "")):
            kept.append(item)
    return kept


def _captions_of_lost_images(items: list[Item]) -> list[Item]:
    """Items without the images that could not be read; their captions stay as texts, each once."""
    shown = {item.caption for item in items if item.image_id is not None}
    kept: list[Item] = []
    for item in items:
        if item.kind == "text" or item.image_id is not None:
            kept.append(item)
        elif item.caption and item.caption not in shown:
            shown.add(item.caption)
            kept.append(Item("text", "figure", item.caption))
    return kept


def _load_images(items: list[Item], figures: FigureReader) -> tuple[list[Image], list[Note]]:
    """Give the image items their ids; (images in order of first use, notes on those lost)."""
    images: dict[str, Image] = {}
    notes: dict[tuple[str, str], Note] = {}
    for item in items:
        if item.kind != "image":
            continue
        path, page = item.url or "", item.page or 1
        item.url = item.page = None
        try:
            image = figures.read(path, page)
        except BadRecord as error:
            notes.setdefault((path, error.detail), Note(str(error.reason), error.detail[:300]))
            continue
        images.setdefault(image.id, image)
        item.image_id, item.width, item.height = image.id, image.width, image.height
    return list(images.values()), list(notes.values())
