r"""Footnotes, references, citations, counters and acronyms."""

from __future__ import annotations

import re
from typing import Final

from components.crawl.latex.render import Renderer
from components.crawl.latex.state import Action
from components.crawl.latex.text import CITATION, reference
from components.crawl.latex.tokens import tokenize
from components.crawl.latex.vocabulary import names

_AUTHOR_YEAR: Final = re.compile(r"^(.*?)\s*\((\d{4}[a-z]?)\)", re.DOTALL)


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


# -- acronyms ---


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
        for counter in names(
            "chapter section subsection subsubsection equation figure table theorem footnote"
        )
    },
}


COMMANDS: Final[dict[str, Action]] = {
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
        names(
            r"\cite \citep \citealp \parencite \autocite \footcite \citenum \supercite \onlinecite \Citep "
            r"\fullcite \shortcite \citeNP \smartcite \footcitetext \cites \parencites \citen \nocite "
            r"\bibentry"
        ),
        cite,
    ),
    **dict.fromkeys(
        names(r"\citet \textcite \Citet \newcite \citealt \citeN \citeasnoun"),
        cite_text(year=True, name=True),
    ),
    **dict.fromkeys([r"\citeauthor", r"\Citeauthor", r"\citeA"], cite_text(year=False, name=True)),
    **dict.fromkeys([r"\citeyear", r"\citeyearpar", r"\citedate"], cite_text(year=True, name=False)),
    **dict.fromkeys([r"\newacronym", r"\acrodef", r"\acro"], acronym),
    **dict.fromkeys(names(r"\ac \gls \Ac \Gls \acrfull \acf"), use_acronym("first")),
    **dict.fromkeys([r"\acs", r"\acrshort", r"\glspl", r"\acp", r"\acsp"], use_acronym("short")),
    **dict.fromkeys([r"\acl", r"\acrlong"], use_acronym("long")),
    **COUNTER_COMMANDS,
}
