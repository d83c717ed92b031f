r"""Commands and environments of running text: title, sections, lists, notes, references, theorems."""

from __future__ import annotations

import re
from typing import Final

from components.core.records import Item
from components.crawl.latex import vocabulary as words
from components.crawl.latex.math import Math
from components.crawl.latex.reasons import LatexReason
from components.crawl.latex.render import Renderer
from components.crawl.latex.state import Action, EnvironmentAction
from components.crawl.latex.text import LINE
from components.crawl.latex.tokens import PAR

_MAX_AUTHORS: Final = 3_000


# -- document and front matter ---------------------------------------------------------------------


def begin_document(renderer: Renderer, _: str) -> None:
    """The preamble ends: its definitions stay, its text goes."""
    if renderer.preamble:
        renderer.frames.clear()
        renderer.gullet.forget_scopes()
        renderer.buf, renderer.inline, renderer.lists = [], 0, []
        renderer.math = None
        renderer.items.clear()
        renderer.preamble = False


def title(renderer: Renderer) -> None:
    r"""`\title[short]{…}`."""
    renderer.gullet.read_star()
    renderer.gullet.read_optional()

    def finish(text: str) -> None:
        renderer.front.title = renderer.front.title or text

    renderer.capture(finish)


def author(renderer: Renderer) -> None:
    r"""`\author{…}`, `\address{…}` and their like: lines under the title."""
    renderer.gullet.read_star()
    renderer.gullet.read_optional()

    def finish(text: str) -> None:
        lines = [line.strip(" ,;") for line in text.split("\n")]
        text = "\n".join(line for line in lines if line)
        if text and len(renderer.front.authors) < _MAX_AUTHORS and text not in renderer.front.authors:
            renderer.front.authors.append(text)

    renderer.capture(finish, lines=True)


def next_author(renderer: Renderer) -> None:
    r"""`\and`: another author."""
    renderer.buf.append(LINE if renderer.inline else " ")


def make_title(renderer: Renderer) -> None:
    """Place title and authors here."""
    front = renderer.front
    if renderer.preamble or front.placed or renderer.inline:
        return
    renderer.end_block()
    front.placed = True
    for item in front_items(renderer):
        renderer.emit(item)


def front_items(renderer: Renderer) -> list[Item]:
    """Title, authors, and an abstract that stood before them."""
    front = renderer.front
    items: list[Item] = []
    if front.title:
        items.append(Item("text", "heading", front.title, level=1))
    if front.authors:
        items.append(Item("text", "paragraph", "\n".join(front.authors)))
    items += [Item("text", "paragraph", text) for text in front.thanks]
    items += front.abstract
    front.abstract = []
    return items


def abstract_environment(renderer: Renderer, name: str) -> None:
    """The abstract: in place, or kept for the title page where it stands in the preamble."""
    renderer.end_block()
    renderer.gullet.read_optional()
    if renderer.is_open(name):
        renderer.begin(name)
        return
    waits = renderer.preamble or (not renderer.front.placed and not renderer.items)
    preamble = renderer.preamble
    renderer.preamble = False

    def finish(inner: Renderer, items: list[Item]) -> None:
        inner.preamble = preamble
        if items:
            items = [Item("text", "heading", "Abstract", level=2), *items]
        if waits:
            inner.front.abstract += items
        else:
            inner.items += items

    renderer.begin(name, finish, isolate=True)


def abstract_command(renderer: Renderer) -> None:
    r"""`\abstract{…}`; A&A's has four or five arguments."""
    stack = renderer.gullet.stack
    texts = [renderer.gullet.read_arg()]
    while len(texts) < 5 and stack and stack[-1] in {"{", " "}:
        renderer.gullet.skip_spaces()
        if not stack or stack[-1] != "{":
            break
        texts.append(renderer.gullet.read_arg())
    joined: list[str] = []
    for text in texts:
        joined += [*text, PAR]
    renderer.gullet.push(["\\begin", "{", "abstract", "}", *joined, "\\end", "{", "abstract", "}"])


def thanks(renderer: Renderer) -> None:
    r"""`\thanks{…}`: a note under the authors, without its mark."""

    def finish(text: str) -> None:
        if text and len(renderer.front.thanks) < _MAX_AUTHORS and text not in renderer.front.thanks:
            renderer.front.thanks.append(text)

    renderer.capture(finish)


def labelled_paragraph(label: str) -> Action:
    r"""A command whose argument is a paragraph of its own, as `\keywords{…}`."""

    def action(renderer: Renderer) -> None:
        renderer.gullet.read_optional()
        if renderer.preamble:
            renderer.gullet.read_arg()
            return
        renderer.end_paragraph()

        def finish(text: str) -> None:
            shown = ", ".join(part.strip(" ,;") for part in text.split("\n"))
            renderer.block(f"{label}: {shown}" if shown else "", "paragraph")

        renderer.capture(finish, lines=True)

    return action


# -- sections --------------------------------------------------------------------------------------


def section(name: str) -> Action:
    r"""`\section*[short]{…}` and its like."""
    depth = words.SECTION_LEVELS[name]
    counter = name[1:]

    def action(renderer: Renderer) -> None:
        starred = renderer.gullet.read_star()
        renderer.gullet.read_optional()
        if renderer.preamble:
            renderer.gullet.read_arg()
            return
        if not renderer.inline:
            renderer.end_paragraph()
            renderer.break_lists()
            renderer.end_block()
        if not starred and counter in renderer.labels.within | {"section": "", "chapter": "", "part": ""}:
            kind = "appendix" if renderer.labels.appendix else "section"
            renderer.labels.step(counter, "chapter" if counter == "chapter" else kind)
        level = max(2, depth + renderer.chapters) if depth > 1 else 2

        def finish(text: str) -> None:
            if renderer.inline:
                renderer.buf.append(f" {text} ")
            elif text:
                renderer.emit(Item("text", "heading", text, level=min(level, 6)))

        renderer.capture(finish, short=True)

    return action


def appendix(renderer: Renderer) -> None:
    """Sections are lettered from here on."""
    renderer.labels.appendix = True
    renderer.labels.counters["chapter" if renderer.chapters else "section"] = 0


# -- formulas --------------------------------------------------------------------------------------


def math_environment(renderer: Renderer, name: str) -> None:
    """`equation`, `align` and their like."""
    renderer.skip_arguments(words.MATH_ARGUMENTS.get(name, ""))
    display = name != "math"
    numbered = display and name[-1] != "*" and name != "displaymath"
    Math.open(renderer, closer="", display=display, name=name, numbered=numbered)


def open_math(closer: str, *, display: bool) -> Action:
    r"""`\(` and `\[`."""
    return lambda renderer: Math.open(renderer, closer=closer, display=display)


def ensure_math(renderer: Renderer) -> None:
    r"""`\ensuremath{…}` in text."""
    renderer.gullet.push(["\\(", *renderer.gullet.read_arg(), "\\)"])


# -- the rest --------------------------------------------------------------------------------------


def line_break(renderer: Renderer) -> None:
    r"""`\\*[2pt]`: the end of a line, or of a table's row."""
    renderer.gullet.read_star()
    stack = renderer.gullet.stack
    if stack and stack[-1] == "[":
        renderer.gullet.read_optional(10)
    if renderer.tables and not _within_cell(renderer):
        renderer.tables[-1].next_row(renderer)
    else:
        renderer.buf.append(LINE)


def _within_cell(renderer: Renderer) -> bool:
    r"""Whether something is open in the cell, as `\\makecell{a\\\\b}`: its line ends end no row."""
    if not renderer.frames:
        return False
    top = renderer.frames[-1]
    return top.kind != "env" or top.name in {"minipage", "center", "flushleft", "flushright"}


def begin(renderer: Renderer) -> None:
    r"""`\begin{…}`."""
    renderer.begin_environment(renderer.gullet.read_text())


def end(renderer: Renderer) -> None:
    r"""`\end{…}`."""
    name = renderer.gullet.read_text()
    if name == "document":
        renderer.ended = not renderer.preamble
    else:
        renderer.end_environment(name)


def character(renderer: Renderer) -> None:
    r"""`` \char`\% `` and `\char37`."""
    stack = renderer.gullet.stack
    if stack and stack[-1][0] == "`":
        rest = stack.pop()[1:]
        shown = rest[:1]
        if not shown and stack and stack[-1][0] > "\x08":
            shown = stack.pop()[-1]
        if len(rest) > 1:
            stack.append(rest[1:])
        renderer.buf.append(shown)
    elif stack and (match := re.match(r"(?:\d{1,3}|\"[0-9A-F]{2}|'[0-7]{3})", stack[-1])):
        token = stack.pop()
        base = {'"': 16, "'": 8}.get(token[0], 10)
        code = int(match[0].lstrip("\"'"), base)
        if 32 < code < 127:
            renderer.buf.append(chr(code))
        if match.end() < len(token):
            stack.append(token[match.end() :])


def drop_drawing(renderer: Renderer, name: str) -> None:
    """A drawing made of commands: no bitmap, no text."""
    if renderer.skip_environment(name):
        renderer.note(LatexReason.VECTOR_CODE, f"a {name} drawing was left out")
    else:
        renderer.begin(name)


def drop_bibliography(renderer: Renderer, name: str) -> None:
    """The list of references, with a heading `References` right before it."""
    renderer.end_block()
    if not renderer.skip_environment(name):
        renderer.begin(name)


def xspace(renderer: Renderer) -> None:
    r"""`\xspace`: a space, unless punctuation follows."""
    stack = renderer.gullet.stack
    if stack and (stack[-1][0].isalnum() or stack[-1][0] in "([\\$`"):
        renderer.buf.append(" ")


def ignore_text(renderer: Renderer) -> None:
    """Pass over `[…]` and `{…}`."""
    renderer.skip_arguments("om")


def replaced(renderer: Renderer) -> None:
    r"""`\replaced{new}{old}`."""
    renderer.gullet.read_optional()
    new = renderer.gullet.read_arg()
    renderer.gullet.read_arg()
    renderer.gullet.push(new)


COMMANDS: Final[dict[str, Action]] = {
    **{name: section(name) for name in words.SECTION_LEVELS},
    **dict.fromkeys([r"\title", r"\icmltitle", r"\Title", r"\papertitle"], title),
    **dict.fromkeys(
        words.names(
            r"\author \address \affil \affiliation \institute \institution \altaffiltext \authors \Author "
            r"\icmlaffiliation \authorblockN \IEEEauthorblockN \IEEEauthorblockA \subtitle \altaffiliation"
        ),
        author,
    ),
    **dict.fromkeys([r"\and", r"\And", r"\AND", r"\sep"], next_author),
    "\\maketitle": make_title,
    "\\abstract": abstract_command,
    "\\thanks": thanks,
    "\\keywords": labelled_paragraph("Keywords"),
    "\\pacs": labelled_paragraph("PACS"),
    "\\subjclass": labelled_paragraph("Subject classification"),
    "\\appendix": appendix,
    "\\\\": line_break,
    "\\cr": line_break,
    "\\crcr": line_break,
    "\\tabularnewline": line_break,
    "\\par": lambda renderer: renderer.paragraph(),
    "\\endgraf": lambda renderer: renderer.paragraph(),
    **dict.fromkeys([r"\smallskip", r"\medskip", r"\bigskip"], lambda renderer: renderer.paragraph()),
    "\\begin": begin,
    "\\end": end,
    "\\bye": lambda renderer: setattr(renderer, "ended", True),
    "\\(": open_math("\\)", display=False),
    "\\[": open_math("\\]", display=True),
    "\\ensuremath": ensure_math,
    "\\char": character,
    "\\xspace": xspace,
    "\\onedot": lambda renderer: renderer.buf.append("."),
    **dict.fromkeys(
        words.names(
            r"\todo \missingfigure \marginpar \marginnote \bibliography \bibliographystyle "
            r"\printbibliography \bibentry \markright"
        ),
        ignore_text,
    ),
    "\\printbibliography": lambda renderer: renderer.skip_arguments("o"),
    "\\listoftodos": lambda renderer: renderer.skip_arguments("o"),
    "\\bgroup": lambda renderer: renderer.gullet.stack.append("{"),
    "\\egroup": lambda renderer: renderer.gullet.stack.append("}"),
    "\\begingroup": lambda renderer: renderer.begin("\\begingroup"),
    "\\endgroup": lambda renderer: renderer.end("\\begingroup"),
    "\\replaced": replaced,
}


ENVIRONMENTS: Final[dict[str, EnvironmentAction]] = {
    "document": begin_document,
    "abstract": abstract_environment,
    "onecolabstract": abstract_environment,
    **dict.fromkeys(words.MATH, math_environment),
    **dict.fromkeys(sorted(words.DRAWINGS), drop_drawing),
    **dict.fromkeys(["thebibliography", "references", "biblist", "bibdiv"], drop_bibliography),
}
