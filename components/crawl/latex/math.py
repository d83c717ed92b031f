r"""Formulas: kept as LaTeX with the paper's own macros expanded, so that they can be read alone.

An inline formula is `$…$` in its paragraph, a display is a paragraph `$$…$$`. Labels, numbers and
layout commands go; the rows of `align` and its like are kept by the inner form (`aligned`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from components.crawl.latex import definitions
from components.crawl.latex import vocabulary as words
from components.crawl.latex.text import tidy
from components.crawl.latex.tokens import CODE, END_ENVIRONMENT, END_FILE, PAR, RAW

if TYPE_CHECKING:
    from components.crawl.latex.render import Renderer

_TEXT_BOXES: Final = frozenset(
    words.names(
        r"\mbox \text \hbox \textrm \textbf \textit \textsf \texttt \textnormal \textsc \emph "
        r"\intertext \shortintertext \fbox \parbox \textup \textmd \textsl \makebox \framebox \tag"
    )
)
_ACTIONS: Final = frozenset(
    words.names(
        r"\ref \eqref \cref \Cref \autoref \pageref \cite \citep \citet \includegraphics \input "
        r"\footnote"
    )
)
_SILENT: Final = frozenset(
    words.names(
        r"\protect \relax \unskip \ignorespaces \noindent \centering \ensuremath \leavevmode "
        r"\allowbreak \nobreak \smallskip \medskip \bigskip \hfill \hfil \hss \null \displaybreak "
        r"\allowdisplaybreaks \noalign \strut \mathstrut \xspace \@ \everymath"
    )
)
_SKIPPED: Final = {
    "\\vspace": "sm",
    "\\footnotemark": "o",
    "\\footnotetext": "om",
    "\\vskip": "",
    "\\todo": "om",
}
_WORD_SPACE: Final = re.compile(r"(\\[A-Za-z]+) (?![A-Za-z])")
_LENGTH: Final = re.compile(r"^\s*-?[\d.]+\s*(?:pt|em|ex|cm|mm|in|\\\w+)\s*$")
_SPLIT: Final = re.compile(r"&|\\\\|\\cr\b")


class Math:
    """The formula that is open. While it is, the renderer's `buf` holds its LaTeX."""

    def __init__(self, renderer: Renderer, closer: str, *, display: bool, name: str, numbered: bool) -> None:
        self.closer = closer
        self.display = display
        self.name = name
        self.numbered = numbered
        self.outer_buf = renderer.buf
        self.braces: list[bool] = []
        self.text_depth = 0
        self.text_next = False
        self.envs: list[str] = []
        self.labels: list[str] = []
        self.suppressed = False

    @classmethod
    def open(
        cls, renderer: Renderer, *, closer: str, display: bool, name: str = "", numbered: bool = False
    ) -> None:
        """Start a formula that `closer` ends (`$`, `$$`, `\\)`, `\\]`, or the end of environment `name`)."""
        renderer.math = cls(renderer, closer, display=display, name=name, numbered=numbered)
        renderer.buf = []

    def token(self, renderer: Renderer, token: str) -> None:
        """Add a token that is no command."""
        buf = renderer.buf
        first = token[0]
        if token == "{":
            self.braces.append(self.text_next)
            self.text_depth += self.text_next
            self.text_next = False
            buf.append(token)
        elif token == "}":
            if self.braces:
                self.text_depth -= self.braces.pop()
                buf.append(token)
            elif not self.name:
                self.close(renderer)
                renderer.close_brace()
        elif token == "$":
            self._dollar(renderer)
        elif token == PAR:
            self._blank_line(renderer)
        elif first == END_FILE:
            renderer.end_file(token[1:])
        elif first == END_ENVIRONMENT:
            renderer.end(token[1:])
        elif first == RAW:
            buf.append(token[1:])
        elif first != CODE:
            buf.append(token)

    def _dollar(self, renderer: Renderer) -> None:
        stack = renderer.gullet.stack
        if self.text_depth or self.braces or self.envs:
            # text within the formula: \\mbox{if $x$}, \\cases{1 & if $x$}, a macro of a package that boxes it
            renderer.buf.append("$")
        elif self.closer in {"$", "$$"}:
            if self.closer == "$$" and stack and stack[-1] == "$":
                stack.pop()
            self.close(renderer)

    def _blank_line(self, renderer: Renderer) -> None:
        if self.closer in {"$", "$$", "\\)"}:
            self.close(renderer)
            renderer.paragraph()
        else:
            renderer.buf.append(" ")

    def command(self, renderer: Renderer, token: str) -> None:
        """Add or obey a command that is no user's macro."""
        gullet = renderer.gullet
        buf = renderer.buf
        if token in {"\\)", "\\]"}:
            if token == self.closer:
                self.close(renderer)
        elif token in {"\\begin", "\\end"}:
            self._environment(renderer, token)
        elif token == "\\label":
            self.labels.append(gullet.read_text())
        elif token in {"\\nonumber", "\\notag"}:
            self.suppressed = True
        elif token in {"\\\\", "\\cr"}:
            self._row(renderer)
            buf.append("\\\\ ")
        elif token in _SILENT:
            pass
        elif token in _SKIPPED:
            renderer.skip_arguments(_SKIPPED[token])
        elif token == "\\par":
            self._blank_line(renderer)
        elif token in words.SECTION_LEVELS or (token in {"\\item", "\\caption"} and not self.name):
            # the formula was never closed: better end it here than swallow the paper
            self.close(renderer)
            gullet.stack.append(token)
        elif token in _ACTIONS:
            self._act(renderer, token)
        elif not definitions.run(gullet, token):
            self.text_next = token in _TEXT_BOXES
            buf.append(token)
            if token[-1].isalpha():
                buf.append(" ")

    def _act(self, renderer: Renderer, token: str) -> None:
        if token == "\\footnote":
            renderer.skip_arguments("om")
            return
        action = renderer.commands.get(token)
        if action is not None:
            action(renderer)

    def _environment(self, renderer: Renderer, token: str) -> None:
        gullet = renderer.gullet
        name = gullet.read_text()
        custom = gullet.environments.get(name)
        if token == "\\begin":
            if custom is not None or name in words.DRAWINGS:
                renderer.begin_environment(name)
            else:
                self.envs.append(name)
                renderer.buf.append(f"\\begin{{{name}}}")
        elif self.envs and name in self.envs[-3:]:
            while self.envs.pop() != name:
                pass
            renderer.buf.append(f"\\end{{{name}}}")
        elif name == self.name:
            self.close(renderer)
        elif custom is not None:
            renderer.end_environment(name)
        elif not self.name or name == "document":
            self.close(renderer)
            renderer.end_environment(name)

    def _row(self, renderer: Renderer) -> None:
        """The end of a row: it gets the next number unless it declined."""
        stack = renderer.gullet.stack
        renderer.gullet.read_star()
        if stack and stack[-1] == "[" and len(stack) > 2:
            inner = renderer.gullet.read_optional(8)
            if inner is not None and not _LENGTH.match("".join(inner)):
                renderer.gullet.push(["[", *inner, "]"])
        if not self.envs:
            self._number(renderer)

    def _number(self, renderer: Renderer) -> None:
        if self.numbered and not self.suppressed:
            renderer.labels.step("equation")
            for label in self.labels:
                renderer.labels.attach(label)
        self.suppressed = False
        self.labels.clear()

    def close(self, renderer: Renderer) -> None:
        """End the formula and put it where it belongs."""
        # a function is twice as fast as a template
        text = _WORD_SPACE.sub(lambda match: match[1], tidy("".join(renderer.buf)))
        # what an unclosed group or environment left open is closed, so that the formula stands alone
        text += "".join(f"\\end{{{name}}}" for name in reversed(self.envs[-20:])) + "}" * len(
            self.braces[-20:]
        )
        renderer.buf = self.outer_buf
        renderer.math = None
        if self.display:
            self._number(renderer)
            text = _without_last_rows(text)
        text = text.strip()
        if not text:
            return
        if not self.display:
            renderer.buf.append(f"${text}$")
            return
        wrapper = words.MATH.get(self.name, "")
        if wrapper and _SPLIT.search(text):
            text = f"\\begin{{{wrapper}}} {text} \\end{{{wrapper}}}"
        renderer.block(f"${text}$" if renderer.inline else f"$${text}$$", "paragraph")


def _without_last_rows(text: str) -> str:
    """A display without the empty rows at its end."""
    stop = len(text)
    while stop and (text[stop - 1].isspace() or text[stop - 2 : stop] == "\\\\"):
        stop -= 1 if text[stop - 1].isspace() else 2
    return text[:stop]
