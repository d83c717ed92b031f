r"""The part of TeX that reads: an input stack, macros with arguments, groups and conditionals.

Everything is one flat stack of tokens: expanding a macro or opening a file pushes its tokens.
Nothing recurses, and every token ever pushed or scanned counts against one budget, so that the work
is bounded whatever the source does (`\def\a{\b\b}\def\b{\c\c}…`, files that include one another).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from components.core.errors import BadRecord
from components.core.records import Note
from components.crawl.latex.reasons import LatexReason
from components.crawl.latex.tokens import END_FILE, PAR, detokenize
from components.crawl.latex.vocabulary import names

BURST: Final = 100_000
"""Tokens that may be expanded between two steps forward in the file before a macro is disabled."""
_NO_RUN: Final = "\\#\n\x00\x01\x02\x06"
_MARKS: Final = "\x00\x01\x02\x03\x04\x05\x06\x07"
NO_VALUE: Final = "-NoValue-"

_LENGTHS: Final = frozenset(
    names(r"\baselineskip \textwidth \hsize \linewidth \columnwidth \vsize \textheight \parindent")
)
_DIMENSION: Final = re.compile(
    r"=?\s*[+-]*\s*(?:\d*[.,]?\d+|\d+[.,]?)?\s*(?:true)?\s*"
    r"(?:pt|pc|in|bp|cm|mm|dd|cc|sp|em|ex|mu|truept|fil+)?(?![A-Za-z])\s*"
)


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter: mandatory, optional, star, or up to delimiting tokens."""

    kind: Literal["m", "o", "s", "d"]
    tokens: tuple[str, ...] = ()
    """The default of an optional parameter, or the delimiter."""


@dataclass(frozen=True, slots=True)
class Macro:
    """A user's macro: what follows its name, its parameters, its body."""

    body: tuple[str, ...]
    params: tuple[Param, ...] = ()
    prefix: tuple[str, ...] = ()


@dataclass(slots=True)
class Gullet:
    """Input stack, macro table and budget.

    Attributes:
        max_tokens: budget of tokens pushed and scanned; beyond it `BadRecord(too_complex)`.
        protected: commands that no definition may replace, because the renderer knows better.
    """

    max_tokens: int
    protected: frozenset[str] = frozenset()
    in_math: Callable[[], bool] = lambda: False
    stack: list[str] = field(default_factory=list)
    macros: dict[str, Macro] = field(default_factory=dict)
    environments: dict[str, tuple[Macro, tuple[str, ...]]] = field(default_factory=dict)
    switches: dict[str, bool] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    packages_open: int = 0
    work: int = 0
    _scopes: list[list[tuple[str, Macro | None]]] = field(default_factory=list)
    _low: int = 0
    _burst: int = 0

    def spend(self, amount: int) -> None:
        """Count work; the only place where the budget is enforced."""
        self.work += amount
        if self.work > self.max_tokens:
            raise BadRecord(LatexReason.TOO_COMPLEX, f"more than {self.max_tokens} tokens after expansion")

    def push(self, tokens: list[str] | tuple[str, ...]) -> None:
        """Put tokens before what is still to be read."""
        self.spend(len(tokens))
        self.stack.extend(reversed(tokens))

    def push_file(self, tokens: list[str], name: str) -> None:
        """Read a file now; its end shows as the token `END_FILE + name`."""
        self.stack.append(END_FILE + name)
        self.push(tokens)
        self._low, self._burst = len(self.stack), 0

    # -- scopes ---------------------------------------------------------------------------------

    def open_scope(self) -> None:
        """A group begins: definitions after this are local."""
        self._scopes.append([])

    def close_scope(self) -> None:
        """A group ends: its definitions are undone."""
        if self._scopes:
            for name, old in reversed(self._scopes.pop()):
                if old is None:
                    self.macros.pop(name, None)
                else:
                    self.macros[name] = old

    def forget_scopes(self) -> None:
        """Keep all definitions and start at the outermost level (an unbalanced preamble)."""
        self._scopes.clear()

    def define(self, name: str, macro: Macro, *, everywhere: bool = False) -> None:
        """Define a macro, unless the command is protected or the body is a package's inner working."""
        if name in self.protected or name[:1] != "\\":
            return
        if self.packages_open and any("@" in token and token[0] == "\\" for token in macro.body):
            return
        if self._scopes and not everywhere:
            self._scopes[-1].append((name, self.macros.get(name)))
        self.macros[name] = macro

    # -- reading --------------------------------------------------------------------------------

    def skip_spaces(self) -> None:
        """Pass over white space, not over a blank line."""
        while self.stack and self.stack[-1] == " ":
            self.stack.pop()

    def read_group(self) -> list[str] | None:
        """What is between the `{` that was just read and its `}`; None where it never closes."""
        stack = self.stack
        depth = 1
        for index in range(len(stack) - 1, -1, -1):
            token = stack[index]
            if token == "{":
                depth += 1
            elif token == "}":
                depth -= 1
                if not depth:
                    group = stack[index + 1 :]
                    group.reverse()
                    self.spend(len(group))
                    del stack[index:]
                    return group
            elif token[0] == END_FILE:
                break
        self.spend(len(stack) - index if stack else 0)
        return None

    def read_arg(self) -> list[str]:
        """A macro's undelimited argument: a group without its braces, or one token."""
        self.skip_spaces()
        stack = self.stack
        if not stack or stack[-1][0] == END_FILE or stack[-1] == "}":
            return []
        token = stack.pop()
        if token == "{":
            return self.read_group() or []
        if len(token) > 1 and token[0] > "\x08" and token[0] != "\\" and token != PAR and token[0] != "#":
            stack.append(token[1:])
            return [token[0]]
        return [token]

    def read_optional(self, limit: int = 3_000) -> list[str] | None:
        """The tokens of `[…]`, or None where there is none."""
        stack = self.stack
        index = len(stack) - 1
        while index >= 0 and stack[index] == " ":
            index -= 1
        if index < 0 or stack[index] != "[":
            return None
        depth = 0
        square = 0
        floor = max(-1, index - limit)
        for place in range(index - 1, floor, -1):
            token = stack[place]
            if token == "{":
                depth += 1
            elif token == "}":
                depth -= 1
                if depth < 0:
                    break
            elif depth == 0:
                if token == "[":
                    square += 1
                elif token == "]":
                    if not square:
                        found = stack[place + 1 : index]
                        found.reverse()
                        self.spend(len(found))
                        del stack[place:]
                        return found
                    square -= 1
                elif token == PAR or token[0] == END_FILE:
                    break
        self.spend(index - place if index > 0 else 0)
        return None

    def read_star(self) -> bool:
        """Whether a `*` came next; it is taken."""
        if self.stack and self.stack[-1] == "*":
            self.stack.pop()
            return True
        return False

    def read_paren(self) -> None:
        """Pass over `(…)` where it comes next, as `\\cmidrule(lr)` has it."""
        stack = self.stack
        if stack and stack[-1][0] == "(":
            for _ in range(10):
                if not stack or stack[-1] in {"}", PAR}:
                    return
                token = stack.pop()
                if ")" in token:
                    rest = token.partition(")")[2]
                    if rest:
                        stack.append(rest)
                    return

    def read_name(self) -> str:
        r"""The command that a definition is about: `\foo`, `{\foo}` or `\csname foo\endcsname`."""
        self.skip_spaces()
        stack = self.stack
        if not stack:
            return ""
        if stack[-1] == "\\csname":
            stack.pop()
            return self.read_csname()
        if stack[-1] == "{":
            names = [token for token in self.read_arg() if token != " "]
            return names[0] if len(names) == 1 else ""
        if stack[-1] in {"}", PAR} or stack[-1][0] in {END_FILE, "#"}:
            return ""
        return stack.pop()

    def read_csname(self) -> str:
        r"""The command that `\csname…\endcsname` names; the part up to `\endcsname` is taken."""
        name: list[str] = []
        for _ in range(50):
            if not self.stack or self.stack[-1] == PAR or self.stack[-1][0] == END_FILE:
                break
            token = self.stack.pop()
            if token == "\\endcsname":
                break
            name.append(token.lstrip(_MARKS))
        return "\\" + "".join(name)

    def read_text(self) -> str:
        """An argument as plain text, its macros expanded (file names, labels, numbers)."""
        return self.flatten(self.read_arg())

    def flatten(self, tokens: list[str]) -> str:
        """Tokens as LaTeX text, parameterless macros expanded up to ten levels deep."""
        for _ in range(10):
            if not any(token in self.macros for token in tokens):
                break
            out: list[str] = []
            for token in tokens:
                macro = self.macros.get(token)
                if macro is None or macro.params:
                    out.append(token)
                else:
                    out.extend(macro.body)
                if len(out) > 1_000:
                    break
            self.spend(len(out))
            if out == tokens:
                break
            tokens = out
        return detokenize([token for token in tokens if token not in {"{", "}"}]).strip()

    def skip_dimension(self) -> None:
        r"""Pass over a number or length: `= 3pt plus 1fil`, `=\textwidth`, `-0.5\baselineskip`."""
        stack = self.stack
        for _ in range(8):
            self.skip_spaces()
            if not stack:
                return
            token = stack[-1]
            if token[0] in "\\{}[]$&~^_*#\x00\x01\x02" or token == PAR:
                return
            if token in {"plus", "minus", "by", "to", "at", "scaled", "spread", "height", "width", "depth"}:
                stack.pop()
                continue
            match = _DIMENSION.match(token)
            end = match.end() if match else 0
            if not end:
                return
            stack.pop()
            if end < len(token):
                stack.append(token[end:])
                return
            if token[-1] in "=-":
                self.skip_spaces()
                if stack and stack[-1][0] == "\\" and stack[-1][1:2].isalpha():
                    stack.pop()
                    return
            elif token[-1] in "0123456789." and stack and stack[-1] in _LENGTHS:
                stack.pop()
                return

    # -- expansion ------------------------------------------------------------------------------

    def _delimited(self, delimiter: tuple[str, ...]) -> list[str]:
        """The tokens up to `delimiter`, which is taken; empty where it never comes."""
        stack = self.stack
        wanted = list(delimiter)
        taken: list[str] = []
        depth = 0
        while stack and len(taken) < 20_000:
            token = stack.pop()
            if token[0] == END_FILE or (depth == 0 and token == "}"):
                stack.append(token)
                break
            if token == "{":
                depth += 1
            elif token == "}":
                depth -= 1
            elif depth == 0 and token != wanted[0] and wanted[0] in token and token[0] not in _NO_RUN:
                # the delimiter is part of a run: cut it out
                before, _, after = token.partition(wanted[0])
                if after:
                    stack.append(after)
                if before:
                    taken.append(before)
                token = wanted[0]
                self.spend(2)
            if depth == 0 and token == wanted[0] and self._take(wanted[1:]):
                self.spend(len(taken))
                if len(taken) > 1 and taken[0] == "{" and taken[-1] == "}":
                    return taken[1:-1]
                return taken
            taken.append(token)
        self.push(taken)
        return []

    def _take(self, wanted: list[str]) -> bool:
        """Take these tokens where they come next; text runs are cut as far as needed."""
        stack = self.stack
        taken: list[str] = []
        for mark in wanted:
            if stack and stack[-1] != mark and stack[-1].startswith(mark) and mark[0] not in "\\ ":
                token = stack.pop()
                stack.extend((token[len(mark) :], mark))
            if not stack or stack[-1] != mark:
                stack.extend(reversed(taken))
                return False
            taken.append(stack.pop())
        return True

    def read_params(self, macro: Macro) -> list[list[str]]:
        """The arguments that a macro takes from the input."""
        if macro.prefix:
            self._take(list(macro.prefix))
        args: list[list[str]] = []
        for param in macro.params:
            if param.kind == "m":
                args.append(self.read_arg())
            elif param.kind == "o":
                found = self.read_optional()
                args.append(list(param.tokens) if found is None else found)
            elif param.kind == "s":
                args.append(["\\BooleanTrue" if self.read_star() else "\\BooleanFalse"])
            else:
                args.append(self._delimited(param.tokens))
        return args

    def substitute(self, body: tuple[str, ...], args: list[list[str]]) -> list[str]:
        """A body with its parameters replaced; `##1` becomes `#1`."""
        out: list[str] = []
        for token in body:
            if token[0] != "#":
                out.append(token)
            elif token[1:2] == "#":
                out.append(token[1:])
            elif len(token) == 2 and int(token[1]) <= len(args):
                out.extend(args[int(token[1]) - 1])
                if len(out) > self.max_tokens:
                    break
        return out

    def expand(self, name: str, macro: Macro) -> bool:
        """Replace a macro that was just read by its expansion; False where it was disabled instead."""
        size = len(self.stack)
        if size < self._low:
            self._low, self._burst = size, 0
        args = self.read_params(macro)
        has_marks = bool(macro.params) or any(token[0] == "#" for token in macro.body)
        tokens = self.substitute(macro.body, args) if has_marks else macro.body
        self._burst += len(tokens) + 1
        if self._burst > BURST:
            self._burst = 0
            self.macros[name] = Macro(())
            self.environments.pop(name, None)
            if len(self.notes) < 20:
                self.notes.append(Note(LatexReason.MACRO_DISABLED, f"{name[:60]} expands without end"))
            return False
        self.spend(1)
        self.push(tokens)
        return True
