r"""Blocks of text: lists, quotations, theorems and their proofs."""

from __future__ import annotations

from typing import Final

from components.core.records import Item
from components.crawl.latex import vocabulary as words
from components.crawl.latex.render import Renderer
from components.crawl.latex.state import Action, EnvironmentAction, ListState
from components.crawl.latex.text import tidy


def _begin_list(renderer: Renderer, name: str, kind: str) -> None:
    renderer.gullet.read_optional()
    if renderer.inline:
        renderer.begin(name)
        return
    renderer.end_paragraph()
    nested = bool(renderer.lists)
    lines = renderer.lists[0].lines if nested else []
    renderer.lists.append(ListState(kind, lines, depth=len(renderer.lists)))

    def finish(ended: Renderer, _: list[Item]) -> None:
        ended.end_paragraph()
        if not ended.lists:
            return
        ended.lists.pop()
        if not ended.lists:
            if lines:
                ended.emit(Item("text", "list", "\n".join(lines)))
            ended.end_block()
            ended._settle()

    renderer.begin(name, finish)


def list_environment(kind: str) -> EnvironmentAction:
    """An environment of `\\item`s; kind is `bullet`, `number`, `term` or `plain`."""

    def action(renderer: Renderer, name: str) -> None:
        renderer.skip_arguments("mm" if name == "list" else "")
        _begin_list(renderer, name, kind)

    return action


def item(renderer: Renderer) -> None:
    r"""`\item[label]`."""
    given = renderer.gullet.read_optional()
    if renderer.inline or not renderer.lists:
        if renderer.inline:
            renderer.buf.append(" • " if given is None else " ")
        else:
            renderer.end_paragraph()
        if given:
            renderer.gullet.push([*given, " "])
        return
    renderer.end_paragraph()
    state = renderer.lists[-1]
    if state.marker is not None and state.marker not in {"-", ""}:
        state.add("")
    if given is not None:
        renderer.capture_tokens(given, lambda text: _mark(state, text))
        return
    if state.kind == "number":
        state.count += 1
        renderer.labels.current = ("item", str(state.count))
        state.marker = f"{state.count}."
    else:
        state.marker = "-"


def _mark(state: ListState, text: str) -> None:
    if text in {"", "•", "*", "–", "—", "-", "$\\bullet$", "$\\circ$", "$\\diamond$"}:
        state.marker = "-"
    elif state.kind == "number":
        state.marker = text
    else:
        state.marker = f"- {text}" if text[-1] in ".:!?)" or state.kind != "term" else f"- {text}:"


def quote_environment(renderer: Renderer, name: str) -> None:
    """A quotation."""
    renderer.end_paragraph()
    before = renderer.role
    renderer.role = "quote"

    def finish(ended: Renderer, _: list[Item]) -> None:
        ended.end_paragraph()
        ended.role = before

    renderer.begin(name, finish)


def plain_environment(renderer: Renderer, name: str) -> None:
    """An environment that is a block of its own and nothing more."""
    renderer.skip_arguments(words.ENVIRONMENT_ARGUMENTS.get(name, "o"))
    if not renderer.inline:
        renderer.end_paragraph()
    renderer.begin(name, lambda ended, _: None if ended.inline else ended.end_paragraph())


def new_theorem(renderer: Renderer) -> None:
    r"""`\newtheorem{name}[counter]{Title}[within]`."""
    gullet = renderer.gullet
    gullet.read_star()
    name = gullet.read_text()
    shared = gullet.read_optional()
    shown = tidy(gullet.read_text())
    within = gullet.read_optional()
    renderer.theorems[name] = (shown, gullet.flatten(shared) if shared else name)
    if within:
        renderer.labels.nest(name, gullet.flatten(within))


def theorem_environment(renderer: Renderer, name: str) -> None:
    """`Theorem 2 (Name).` before the text."""
    given = renderer.gullet.read_optional()
    shown, counter = renderer.theorems.get(name, (words.THEOREMS.get(name, name.capitalize()), name))
    if not renderer.inline:
        renderer.end_paragraph()
    number = renderer.labels.step(counter, shown.lower())
    renderer.begin(name, lambda ended, _: None if ended.inline else ended.end_paragraph())
    lead = f"{shown} {number}" if shown else ""
    renderer.gullet.push([*([" ", "(", *given, ")"] if given else []), ".", " "])
    renderer.buf.append(lead)


def proof_environment(renderer: Renderer, name: str) -> None:
    """`Proof.` before the text."""
    given = renderer.gullet.read_optional()
    if not renderer.inline:
        renderer.end_paragraph()
    renderer.begin(name, lambda ended, _: None if ended.inline else ended.end_paragraph())
    renderer.gullet.push([*(given or ["Proof"]), ".", " "])


_LISTS: Final[dict[str, str]] = {
    "itemize": "bullet", "enumerate": "number", "description": "term", "list": "bullet", "trivlist": "plain",
    "compactitem": "bullet", "compactenum": "number", "compactdesc": "term", "inparaenum": "number",
    "itemize*": "bullet", "enumerate*": "number", "asparaenum": "number", "asparaitem": "bullet",
    "inparaitem": "bullet", "enumerate1": "number", "tight_itemize": "bullet", "itemlist": "bullet",
    "easylist": "bullet", "tablenotes": "bullet",
}  # fmt: skip


COMMANDS: Final[dict[str, Action]] = {
    "\\item": item,
    "\\newtheorem": new_theorem,
}

ENVIRONMENTS: Final[dict[str, EnvironmentAction]] = {
    **{name: list_environment(kind) for name, kind in _LISTS.items()},
    **dict.fromkeys(["quote", "quotation", "displayquote", "quoting", "blockquote"], quote_environment),
    **dict.fromkeys(words.names("center flushleft flushright verse minipage centering"), plain_environment),
    "theorem": theorem_environment,
    "proof": proof_environment,
}
