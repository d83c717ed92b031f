r"""Images where they stand in the text: `\\includegraphics` and its older and newer kin."""

from __future__ import annotations

import re
from typing import Final

from components.core.records import Item
from components.crawl.latex.reasons import LatexReason
from components.crawl.latex.render import Renderer
from components.crawl.latex.state import Action, EnvironmentAction

_PAGE: Final = re.compile(r"(?:^|,)\s*page\s*=\s*(\d{1,4})")
_ALT: Final = re.compile(r"(?:^|,)\s*alt\s*=\s*(?:\{([^{}]*)\}|([^,]*))")
_FILE_KEY: Final = re.compile(r"(?:^|,)\s*(?:file|figure)\s*=\s*([^,]+)")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")


def _show(renderer: Renderer, path: str, options: str = "") -> None:
    """Put an image here; `path` becomes its `url` until the file is found."""
    path = path.strip().strip('"').strip()
    if not path or renderer.preamble:
        return
    alt = _ALT.search(options)
    page = _PAGE.search(options)
    item = Item("image", "figure", url=path, page=int(page[1]) if page else None)
    item.alt = ((alt[1] or alt[2] or "").strip() or None) if alt else None
    if renderer.figures:
        renderer.figures[-1].images.append(item)
        if not renderer.inline:
            renderer.end_paragraph()
        renderer.items.append(item)
    elif renderer.inline:
        renderer.floats.append(item)
    else:
        renderer.break_lists()
        renderer.emit(item)


def include_graphics(renderer: Renderer) -> None:
    r"""`\includegraphics*[options]{file}`, also with 2.09's two corners in brackets."""
    gullet = renderer.gullet
    gullet.read_star()
    options = gullet.flatten(gullet.read_optional() or [])
    gullet.read_optional()
    _show(renderer, gullet.read_text(), options)


def key_graphics(renderer: Renderer) -> None:
    r"""`\epsfig{file=…,width=…}` and `\psfig{figure=…}`."""
    match = _FILE_KEY.search(renderer.gullet.read_text())
    if match:
        _show(renderer, match[1])


def plot(count: int) -> Action:
    r"""`\plotone{file}`, `\plottwo{a}{b}`, `\epsfbox{file}`."""

    def action(renderer: Renderer) -> None:
        renderer.gullet.read_optional()
        for _ in range(count):
            _show(renderer, renderer.gullet.read_text())

    return action


def fig_interactive(renderer: Renderer) -> None:
    r"""AASTeX 6's `\fig{file}{width}{label}` within `\gridline`."""
    gullet = renderer.gullet
    path = gullet.read_text()
    gullet.read_arg()
    label = gullet.read_arg()
    if not renderer.figures:
        return
    mark = ["\\caption", "{", *label, "}"] if any(_WORD.search(token) for token in label) else []
    gullet.push(
        [
            "\\begin",
            "{",
            "subfloat",
            "}",
            "\\includegraphics",
            "{",
            path,
            "}",
            *mark,
            "\\end",
            "{",
            "subfloat",
            "}",
        ]
    )


def overpic(renderer: Renderer, name: str) -> None:
    r"""`\begin{overpic}[options]{file} \put…`: the image without what is drawn over it."""
    renderer.gullet.read_optional()
    path = renderer.gullet.read_text()
    _show(renderer, path)
    if not renderer.skip_environment(name):
        renderer.begin(name)


def inline_drawing(renderer: Renderer) -> None:
    r"""`\tikz …;` or `\tikz{…}`: left out."""
    gullet = renderer.gullet
    gullet.read_optional()
    gullet.skip_spaces()
    stack = gullet.stack
    if stack and stack[-1] == "{":
        gullet.read_arg()
    else:
        for _ in range(2_000):
            if not stack or stack[-1] in {"\n\n", "}"} or stack[-1][0] == "\x00":
                break
            token = stack.pop()
            if token == "{":
                gullet.read_group()
            elif ";" in token:
                break
        gullet.spend(10)
    renderer.note(LatexReason.VECTOR_CODE, "a tikz drawing was left out")


COMMANDS: Final[dict[str, Action]] = {
    **dict.fromkeys([r"\includegraphics", r"\includesvg", r"\includepdf"], include_graphics),
    **dict.fromkeys([r"\epsfig", r"\psfig"], key_graphics),
    **dict.fromkeys([r"\plotone", r"\epsfbox", r"\epsffile"], plot(1)),
    "\\plottwo": plot(2),
    "\\fig": fig_interactive,
    "\\tikz": inline_drawing,
}

ENVIRONMENTS: Final[dict[str, EnvironmentAction]] = {"overpic": overpic}
