r"""Commands and environments of running text: title, sections, lists, notes, references, theorems."""

from __future__ import annotations

import re
from typing import Final

from components.core.records import Item
from components.crawl import latex_vocabulary as words
from components.crawl.latex_math import Math
from components.crawl.latex_reasons import LatexReason
from components.crawl.latex_render import Action, EnvironmentAction, ListState, Renderer
from components.crawl.latex_text import CITATION, LINE, reference, tidy
from components.crawl.latex_tokens import PAR, tokenize

_MAX_AUTHORS: Final = 3_000
_AUTHOR_YEAR: Final = re.compile(r"^(.*?)\s*\((\d{4}[a-z]?)\)", re.DOTALL)


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


# -- notes, references, citations ------------------------------------------------------------------


def footnote(renderer: Renderer) -> None:
    r"""`\footnote{…}`: a mark `[^n]` here, the text `[^n]: …` after the paragraph."""
    renderer.gullet.read_optional()
    number = renderer.labels.counters.get("footnote", 0) + 1
    renderer.labels.counters["footnote"] = number
    while renderer.buf and renderer.buf[-1] == " ":
        renderer.buf.pop()
    renderer.buf.append(f"[^{number}]")
    renderer.capture(lambda text: renderer.footnotes.append(f"[^{number}]: {text}"))


def footnote_mark(renderer: Renderer) -> None:
    r"""`\footnotemark`: the mark alone."""
    if renderer.gullet.read_optional() is None:
        number = renderer.labels.counters.get("footnote", 0) + 1
        renderer.labels.counters["footnote"] = number
        renderer.buf.append(f"[^{number}]")


def footnote_text(renderer: Renderer) -> None:
    r"""`\footnotetext{…}`: the text of the last mark."""
    renderer.gullet.read_optional()
    number = renderer.labels.counters.get("footnote", 0)
    lead = f"[^{number}]: " if number else ""
    renderer.capture(lambda text: renderer.footnotes.append(lead + text))


def refer(command: str) -> Action:
    r"""`\ref{…}`: a mark that becomes the number once all labels are known."""

    def action(renderer: Renderer) -> None:
        renderer.gullet.read_star()
        renderer.gullet.read_optional()
        renderer.buf.append(reference(command, renderer.gullet.read_text()[:200]))

    return action


def forget_reference(renderer: Renderer) -> None:
    r"""`\pageref{…}`: there are no pages."""
    renderer.gullet.read_arg()
    renderer.buf.append(reference("ref", ""))


def label(renderer: Renderer) -> None:
    r"""`\label{…}`."""
    renderer.labels.attach(renderer.gullet.read_text())
    if renderer.buf and renderer.buf[-1] == " " and renderer.gullet.stack[-1:] == [" "]:
        renderer.gullet.stack.pop()


def _cite_arguments(renderer: Renderer) -> list[str]:
    gullet = renderer.gullet
    gullet.read_star()
    for _ in range(2):
        if gullet.read_optional() is None:
            break
    return [key.strip() for key in gullet.read_text().split(",")]


def cite(renderer: Renderer) -> None:
    r"""`\cite{…}`: a mark that goes, with the brackets around it."""
    _cite_arguments(renderer)
    renderer.buf.append(CITATION)


def cite_text(*, year: bool, name: bool) -> Action:
    r"""`\citet{…}`: author and year as the bibliography gives them, for they are part of the sentence."""

    def action(renderer: Renderer) -> None:
        keys = _cite_arguments(renderer)
        known = [renderer.cited_as[key] for key in keys if key in renderer.cited_as][:5]
        if not known:
            renderer.buf.append(CITATION)
            return
        for index, (who, when) in reversed(list(enumerate(known))):
            text = f"{who} ({when})" if year and name else who if name else when
            renderer.gullet.push([*tokenize(text), *([",", " "] if index < len(known) - 1 else [])])

    return action


def read_bibliography(renderer: Renderer, text: str) -> None:
    r"""Learn from `\bibitem[Author et al.(2017)]{key}` what `\citet` prints."""
    start = text.find("\\bibitem")
    while start >= 0:
        stop = text.find("\\bibitem", start + 8)
        entry = text[start + 8 : min(start + 2_000, stop if stop >= 0 else len(text))]
        opening, closing = entry.find("["), entry.find("]{")
        closing = entry.find("]", opening) if closing < 0 else closing
        if 0 <= opening < 5 and closing > 0:
            shown = entry[opening + 1 : closing].replace("{", "").replace("}", "").replace("\\protect", "")
            key = entry[entry.find("{", closing) + 1 : entry.find("}", closing)]
            match = _AUTHOR_YEAR.match(re.sub(r"\\(?:citeauthoryear|natexlab)\s*", "", shown))
            if match and match[1].strip():
                renderer.cited_as.setdefault(key.strip(), (match[1].strip(), match[2]))
        start = stop


# -- lists, quotes, theorems -----------------------------------------------------------------------


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


# -- formulas --------------------------------------------------------------------------------------


def math_environment(renderer: Renderer, name: str) -> None:
    """`equation`, `align` and their like."""
    renderer.skip_arguments(words.MATH_ARGUMENTS.get(name, ""))
    display = name != "math"
    Math.open(
        renderer, closer="", display=display, name=name, numbered=display and name[-1] != "*" and name != "displaymath"
    )  # fmt: skip


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
        shown = rest[:1] or (stack.pop()[-1] if stack else "")
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


def acronym(renderer: Renderer) -> None:
    r"""`\newacronym{key}{short}{long}` and `\acrodef{key}[short]{long}`."""
    gullet = renderer.gullet
    gullet.read_optional()
    key = gullet.read_text()
    short = gullet.read_optional()
    shown = gullet.flatten(short) if short is not None else ""
    first = gullet.read_text()
    stack = gullet.stack
    if short is None and stack and stack[-1] == "{":
        renderer.acronyms[key] = (first, gullet.read_text())
    else:
        renderer.acronyms[key] = (shown or key, first)


def use_acronym(form: str) -> Action:
    r"""`\ac{key}`: long with the short form on first use, short afterwards."""

    def action(renderer: Renderer) -> None:
        renderer.gullet.read_star()
        renderer.gullet.read_optional()
        key = renderer.gullet.read_text()
        short, full = renderer.acronyms.get(key, (key, ""))
        if form == "first" and full:
            renderer.buf.append(f"{full} ({short})")
            renderer.acronyms[key] = (short, "")
        else:
            renderer.buf.append(full if form == "long" and full else short)

    return action


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


COMMANDS: Final[dict[str, Action]] = {
    **{name: section(name) for name in words.SECTION_LEVELS},
    **dict.fromkeys([r"\title", r"\icmltitle", r"\Title", r"\papertitle"], title),
    **dict.fromkeys(
        [
            r"\author",
            r"\address",
            r"\affil",
            r"\affiliation",
            r"\institute",
            r"\institution",
            r"\altaffiltext",
            r"\authors",
            r"\Author",
            r"\icmlaffiliation",
            r"\authorblockN",
            r"\IEEEauthorblockN",
            r"\IEEEauthorblockA",
            r"\subtitle",
            r"\altaffiliation",
        ],
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
    "\\footnote": footnote,
    "\\sidenote": footnote,
    "\\footnotemark": footnote_mark,
    "\\footnotetext": footnote_text,
    **dict.fromkeys([r"\ref", r"\subref", r"\vref", r"\labelcref", r"\Ref"], refer("ref")),
    "\\eqref": refer("eqref"),
    **dict.fromkeys([r"\cref", r"\autoref", r"\zcref"], refer("cref")),
    **dict.fromkeys([r"\Cref", r"\Autoref", r"\fullref"], refer("Cref")),
    **dict.fromkeys([r"\pageref", r"\nameref", r"\vpageref", r"\cpageref", r"\Cpageref"], forget_reference),
    "\\label": label,
    **dict.fromkeys(
        [
            r"\cite",
            r"\citep",
            r"\citealp",
            r"\parencite",
            r"\autocite",
            r"\footcite",
            r"\citenum",
            r"\supercite",
            r"\onlinecite",
            r"\Citep",
            r"\fullcite",
            r"\shortcite",
            r"\citeNP",
            r"\smartcite",
            r"\footcitetext",
            r"\cites",
            r"\parencites",
            r"\citen",
            r"\nocite",
            r"\bibentry",
        ],
        cite,
    ),
    **dict.fromkeys(
        [r"\citet", r"\textcite", r"\Citet", r"\newcite", r"\citealt", r"\citeN", r"\citeasnoun"],
        cite_text(year=True, name=True),
    ),
    **dict.fromkeys([r"\citeauthor", r"\Citeauthor", r"\citeA"], cite_text(year=False, name=True)),
    **dict.fromkeys([r"\citeyear", r"\citeyearpar", r"\citedate"], cite_text(year=True, name=False)),
    "\\item": item,
    "\\newtheorem": new_theorem,
    "\\\\": line_break,
    "\\cr": line_break,
    "\\crcr": line_break,
    "\\tabularnewline": line_break,
    "\\par": lambda renderer: renderer.paragraph(),
    "\\endgraf": lambda renderer: renderer.paragraph(),
    "\\begin": begin,
    "\\end": end,
    "\\bye": lambda renderer: setattr(renderer, "ended", True),
    "\\(": open_math("\\)", display=False),
    "\\[": open_math("\\]", display=True),
    "\\ensuremath": ensure_math,
    "\\char": character,
    **dict.fromkeys([r"\newacronym", r"\acrodef", r"\acro"], acronym),
    **dict.fromkeys([r"\ac", r"\gls", r"\Ac", r"\Gls", r"\acrfull", r"\acf"], use_acronym("first")),
    **dict.fromkeys([r"\acs", r"\acrshort", r"\glspl", r"\acp", r"\acsp"], use_acronym("short")),
    **dict.fromkeys([r"\acl", r"\acrlong"], use_acronym("long")),
    "\\xspace": xspace,
    "\\onedot": lambda renderer: renderer.buf.append("."),
    **dict.fromkeys(
        [
            r"\todo",
            r"\missingfigure",
            r"\marginpar",
            r"\marginnote",
            r"\bibliography",
            r"\bibliographystyle",
            r"\printbibliography",
            r"\bibentry",
            r"\markright",
        ],
        ignore_text,
    ),
    "\\printbibliography": lambda renderer: renderer.skip_arguments("o"),
    "\\listoftodos": lambda renderer: renderer.skip_arguments("o"),
    "\\bgroup": lambda renderer: renderer.gullet.stack.append("{"),
    "\\egroup": lambda renderer: renderer.gullet.stack.append("}"),
    "\\begingroup": lambda renderer: renderer.begin("\\begingroup"),
    "\\endgroup": lambda renderer: renderer.end("\\begingroup"),
    "\\replaced": lambda renderer: _replaced(renderer),
}


def _replaced(renderer: Renderer) -> None:
    r"""`\replaced{new}{old}`."""
    renderer.gullet.read_optional()
    new = renderer.gullet.read_arg()
    renderer.gullet.read_arg()
    renderer.gullet.push(new)


# -- counters --------------------------------------------------------------------------------------


def _counter_within(renderer: Renderer) -> None:
    r"""`\numberwithin{equation}{section}`."""
    counter = renderer.gullet.read_text()
    renderer.labels.nest(counter, renderer.gullet.read_text())


def _new_counter(renderer: Renderer) -> None:
    r"""`\newcounter{name}[within]`."""
    counter = renderer.gullet.read_text()
    within = renderer.gullet.read_optional()
    renderer.labels.counters[counter] = 0
    if within:
        renderer.labels.nest(counter, renderer.gullet.flatten(within))


def _step_counter(renderer: Renderer) -> None:
    renderer.labels.step(renderer.gullet.read_text())


def _set_counter(*, add: bool) -> Action:
    def action(renderer: Renderer) -> None:
        counter = renderer.gullet.read_text()
        amount = renderer.gullet.read_text()
        if re.fullmatch(r"-?\d{1,6}", amount):
            before = renderer.labels.counters.get(counter, 0) if add else 0
            renderer.labels.counters[counter] = before + int(amount)

    return action


def _show_counter(style: str) -> Action:
    def action(renderer: Renderer) -> None:
        value = renderer.labels.counters.get(renderer.gullet.read_text(), 0)
        renderer.buf.append(_in_style(value, style))

    return action


def _in_style(value: int, style: str) -> str:
    if style == "arabic" or not 0 < value < 27:
        return str(value)
    if style in {"alph", "Alph"}:
        return chr((64 if style == "Alph" else 96) + value)
    roman = "x" * (value // 10) + ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"][value % 10]
    return roman.upper() if style == "Roman" else roman


def _the_counter(counter: str) -> Action:
    return lambda renderer: renderer.buf.append(renderer.labels.number(counter))


COUNTER_COMMANDS: Final[dict[str, Action]] = {
    "\\numberwithin": _counter_within,
    "\\counterwithin": _counter_within,
    "\\newcounter": _new_counter,
    "\\refstepcounter": _step_counter,
    "\\stepcounter": _step_counter,
    "\\setcounter": _set_counter(add=False),
    "\\addtocounter": _set_counter(add=True),
    **{f"\\{style}": _show_counter(style) for style in ("arabic", "alph", "Alph", "roman", "Roman")},
    **{
        f"\\the{counter}": _the_counter(counter)
        for counter in "chapter section subsection subsubsection equation figure table theorem footnote".split()
    },
}
COMMANDS.update(COUNTER_COMMANDS)

_LISTS: Final[dict[str, str]] = {
    "itemize": "bullet", "enumerate": "number", "description": "term", "list": "bullet", "trivlist": "plain",
    "compactitem": "bullet", "compactenum": "number", "compactdesc": "term", "inparaenum": "number",
    "itemize*": "bullet", "enumerate*": "number", "asparaenum": "number", "asparaitem": "bullet",
    "inparaitem": "bullet", "enumerate1": "number", "tight_itemize": "bullet", "itemlist": "bullet",
    "easylist": "bullet", "tablenotes": "bullet",
}  # fmt: skip

ENVIRONMENTS: Final[dict[str, EnvironmentAction]] = {
    "document": begin_document,
    "abstract": abstract_environment,
    "onecolabstract": abstract_environment,
    **{name: list_environment(kind) for name, kind in _LISTS.items()},
    **dict.fromkeys(["quote", "quotation", "displayquote", "quoting", "blockquote"], quote_environment),
    **dict.fromkeys(
        ["center", "flushleft", "flushright", "verse", "minipage", "centering"], plain_environment
    ),
    "theorem": theorem_environment,
    "proof": proof_environment,
    **dict.fromkeys(words.MATH, math_environment),
    **dict.fromkeys(sorted(words.DRAWINGS), drop_drawing),
    **dict.fromkeys(["thebibliography", "references", "biblist", "bibdiv"], drop_bibliography),
}
