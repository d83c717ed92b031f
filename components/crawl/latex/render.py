r"""Turn a stream of tokens into the items of a document.

`Renderer.run` is the one loop: it takes the next token, expands it where it is a user's macro, and
else has the function of that command act. Open groups, environments and arguments are frames on a
list, so that no depth of nesting recurses. The commands themselves are in the `latex_*` modules that
register them in `Vocabulary`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final

from components.core.records import Item, Note, Role
from components.crawl.latex import definitions
from components.crawl.latex import vocabulary as words
from components.crawl.latex.macros import Gullet
from components.crawl.latex.math import Math
from components.crawl.latex.state import Frame, FrontMatter, ListState, Vocabulary
from components.crawl.latex.text import LINE, Labels, ligatures, tidy
from components.crawl.latex.tokens import CODE, END_ENVIRONMENT, END_FILE, PAR, RAW

_MAX_NOTES: Final = 200
_ASSIGNMENT: Final = re.compile(r"=?-?\d*\.?\d+(?:true)?(?:pt|cm|mm|in|em|ex|sp|pc|bp|dd)\b|=-?\d+$")
_MAX_INLINE: Final = 20
"""Arguments within arguments whose text is set apart; deeper ones stay where they are, or it costs n^2."""
_SHORTHAND: Final = re.compile('"(.)')


class Renderer:
    """Reads tokens from a `Gullet` and collects items.

    Attributes that commands work with:
        buf: the pieces of the text that is being set.
        items: where finished blocks go.
        inline: how many captures are open; blocks inside them become plain text.
        role: role of a finished paragraph.
        preamble: true before `\\begin{document}`: nothing is emitted.
    """

    def __init__(self, gullet: Gullet, vocabulary: Vocabulary) -> None:
        self.gullet = gullet
        self.commands = vocabulary.commands
        self.environments = vocabulary.environments
        self.labels = Labels()
        self.items: list[Item] = []
        self.buf: list[str] = []
        self.inline = 0
        self.role: Role = "paragraph"
        self.lists: list[ListState] = []
        self.frames: list[Frame] = []
        self.math: Math | None = None
        self.preamble = False
        self.ended = False
        self.front = FrontMatter()
        self.footnotes: list[str] = []
        self.floats: list[Item] = []
        self.theorems: dict[str, tuple[str, str]] = {}
        self.tables: list[Any] = []
        self.figures: list[Any] = []
        self.acronyms: dict[str, tuple[str, str]] = {}
        self.cited_as: dict[str, tuple[str, str]] = {}
        self.chapters = False
        self.german = False
        self.notes: list[Note] = []
        self._noted: set[tuple[str, str]] = set()
        self._open: dict[str, int] = {}
        gullet.in_math = lambda: self.math is not None

    # -- the loop -------------------------------------------------------------------------------

    def run(self) -> None:
        """Read everything that is on the stack."""
        gullet = self.gullet
        stack, macros, commands = gullet.stack, gullet.macros, self.commands
        while stack and not self.ended:
            token = stack.pop()
            first = token[0]
            if first == "\\":
                macro = macros.get(token)
                if macro is not None:
                    gullet.expand(token, macro)
                elif self.math is not None:
                    self.math.command(self, token)
                else:
                    action = commands.get(token)
                    if action is not None:
                        action(self)
                    elif not definitions.run(gullet, token):
                        self.other(token)
            elif self.math is not None:
                self.math.token(self, token)
            elif token == " ":
                self.buf.append(" ")
            elif first in "{}$&~#\n" or first < "\x08":
                self._special(token)
            elif token.isalnum():  # most of a text: nothing in it to be joined
                self.buf.append(token)
            elif self.german and '"' in token:
                self.buf.append(_german(token))
            else:
                self.buf.append(ligatures(token))
        self.ended = True
        while self.math is not None:
            self.math.close(self)
        while self.frames:
            self._close(self.frames.pop())
        self.end_block()

    def _special(self, token: str) -> None:
        first = token[0]
        if token == "{":
            self.frames.append(Frame("group"))
            self.gullet.open_scope()
        elif token == "}":
            self.close_brace()
        elif token == PAR:
            self.paragraph()
        elif token == "$":
            self._open_dollar()
        elif token == "&":
            self.separate()
        elif token == "~":
            self.buf.append("\u00a0")
        elif first == RAW:
            self.buf.append(token[1:])
        elif first == CODE:
            self.code(token[1:])
        elif first == END_FILE:
            self.end_file(token[1:])
        elif first == END_ENVIRONMENT:
            self.end(token[1:])
        elif first == "#":
            self.buf.append("#")

    def _open_dollar(self) -> None:
        stack = self.gullet.stack
        display = bool(stack) and stack[-1] == "$"
        if display:
            stack.pop()
        Math.open(self, closer="$$" if display else "$", display=display)

    def end_file(self, name: str) -> None:
        """The end of an input file; replaced by the reader of a project."""

    # -- frames ---------------------------------------------------------------------------------

    def _save(self) -> tuple[Any, ...]:
        return self.buf, self.items, self.inline, self.role, self.lists

    def _restore(self, saved: tuple[Any, ...]) -> None:
        self.buf, self.items, self.inline, self.role, self.lists = saved

    def capture(self, finish: Callable[[str], None], *, lines: bool = False, short: bool = False) -> None:
        """Set the next argument on its own and give its text to `finish`.

        Args:
            finish: called with the text when the argument closes.
            lines: keep forced line ends.
            short: a blank line closes the argument too.
        """
        gullet = self.gullet
        gullet.skip_spaces()
        stack = gullet.stack
        if not stack or stack[-1] in {"}", PAR} or stack[-1][0] == END_FILE:
            return
        if stack[-1] == "{":
            stack.pop()
        else:
            argument = gullet.read_arg()
            stack.append("}")
            gullet.push(argument)
        gullet.open_scope()
        if self.inline >= _MAX_INLINE:
            self.frames.append(Frame("group"))
            return
        self._open_capture(lambda buf: finish(tidy("".join(buf), lines=lines)), short)

    def capture_tokens(self, tokens: list[str], finish: Callable[[str], None]) -> None:
        """Set `tokens` on their own and give their text to `finish`."""
        self.gullet.stack.append("}")
        self.gullet.push(tokens)
        self.gullet.open_scope()
        self._open_capture(lambda buf: finish(tidy("".join(buf))), False)

    def _open_capture(self, on_end: Callable[[list[str]], None], short: bool) -> None:
        self.frames.append(Frame("capture", on_end=on_end, saved=self._save(), short=short))
        self.buf, self.inline = [], self.inline + 1

    def begin(
        self,
        name: str,
        on_end: Callable[[Renderer, list[Item]], None] | None = None,
        *,
        isolate: bool = False,
    ) -> None:
        """Open an environment; an isolated one has its own text, items and lists until it ends.

        `on_end` is called when it closes, with the items of an isolated one.
        """
        self.frames.append(Frame("env", name, on_end, self._save() if isolate else None))
        self._open[name] = self._open.get(name, 0) + 1
        self.gullet.open_scope()
        if isolate:
            self.buf, self.items, self.lists, self.inline = [], [], [], 0

    def end(self, name: str) -> None:
        """Close the innermost environment of that name and all that is open in it."""
        if not self._open.get(name):
            return
        while self.frames:
            frame = self.frames.pop()
            self._close(frame)
            if frame.kind == "env" and frame.name == name:
                return

    def is_open(self, name: str) -> bool:
        """Whether an environment of that name is open."""
        return self._open.get(name, 0) > 0

    def close_brace(self) -> None:
        """Close what the last `{` opened; a stray `}` is ignored."""
        if self.frames and self.frames[-1].kind != "env":
            self._close(self.frames.pop())

    def _close(self, frame: Frame) -> None:
        self.gullet.close_scope()
        if frame.kind == "capture":
            buf = self.buf
            if frame.saved is not None:
                self._restore(frame.saved)
            if frame.on_end is not None:
                frame.on_end(buf)
        elif frame.kind == "env":
            self._open[frame.name] -= 1
            inner: list[Item] = []
            if frame.saved is not None:
                self.end_block()
                inner = self.items
                self._restore(frame.saved)
            if frame.on_end is not None:
                frame.on_end(self, inner)

    def begin_environment(self, name: str) -> None:
        r"""Act on `\begin{name}`: the paper's own definition first, then what is known of the name."""
        gullet = self.gullet
        custom = gullet.environments.get(name)
        if custom is not None:
            self.begin(name)
            gullet.expand(name, custom[0])
            return
        action = self.environments.get(name)
        if action is not None:
            action(self, name)
        elif name in self.theorems or name in words.THEOREMS:
            self.environments["theorem"](self, name)
        else:
            self.skip_arguments(words.ENVIRONMENT_ARGUMENTS.get(name, "o"))
            self.begin(name)

    def end_environment(self, name: str) -> None:
        r"""Act on `\end{name}`."""
        custom = self.gullet.environments.get(name)
        if custom is not None:
            self.gullet.push([*custom[1], END_ENVIRONMENT + name])
        else:
            self.end(name)

    def skip_environment(self, name: str) -> bool:
        r"""Pass over everything up to the matching `\end{name}`; False where there is none."""
        stack = self.gullet.stack
        depth = 1
        index = len(stack)
        for index in range(len(stack) - 1, -1, -1):
            token = stack[index]
            if token in {"\\begin", "\\end"}:
                named = "".join(reversed(stack[max(0, index - 4) : index])).startswith("{" + name + "}")
                if named:
                    depth += 1 if token == "\\begin" else -1
                    if not depth:
                        self.gullet.spend(len(stack) - index)
                        del stack[index:]
                        while stack.pop() != "}":
                            pass
                        return True
            elif token[0] == END_FILE:
                break
        self.gullet.spend(len(stack) - index)
        return False

    # -- blocks ---------------------------------------------------------------------------------

    def note(self, reason: str, detail: str) -> None:
        """Record once what was lost."""
        key = (str(reason), detail)
        if key not in self._noted and len(self.notes) < _MAX_NOTES:
            self._noted.add(key)
            self.notes.append(Note(str(reason), detail[:300]))

    def paragraph(self) -> None:
        """A blank line or `\\par`."""
        while self.frames and self.frames[-1].kind == "capture" and self.frames[-1].short:
            self._close(self.frames.pop())
        if self.inline:
            self.buf.append(LINE if self.buf else "")
        else:
            self.end_paragraph()

    def take(self) -> str:
        """The text set so far; the buffer starts afresh."""
        text = tidy("".join(self.buf), lines=True)
        self.buf.clear()
        return text

    def end_paragraph(self) -> None:
        """Finish the paragraph that is being set."""
        if not self.buf:
            return
        text = self.take()
        if not text:
            return
        if self.lists:
            self.lists[-1].add(text)
        else:
            self.emit(Item("text", self.role, text))
            self._settle()

    def _settle(self) -> None:
        """Emit what waited for the paragraph or list to end: footnotes, then floats."""
        if self.footnotes:
            notes, self.footnotes = self.footnotes, []
            for text in notes:
                self.emit(Item("text", "paragraph", text))
        if self.floats:
            floats, self.floats = self.floats, []
            for item in floats:
                self.emit(item)

    def end_block(self) -> None:
        """Finish the paragraph and what waited for it, within a list or not."""
        self.end_paragraph()
        if not self.lists:
            self._settle()

    def emit(self, item: Item) -> None:
        """Add a finished item."""
        if not self.preamble:
            self.items.append(item)

    def place(self, items: list[Item]) -> None:
        """Add a float: now, or after the paragraph or list that it would cut in two."""
        waiting = any(not piece.isspace() for piece in self.buf)
        if self.inline or self.lists or waiting:
            self.floats.extend(items)
        else:
            for item in items:
                self.emit(item)

    def break_lists(self) -> None:
        """Emit the list so far, because something that is no text comes."""
        self.end_paragraph()
        if self.lists and self.lists[0].lines:
            self.emit(Item("text", "list", "\n".join(self.lists[0].lines)))
            self.lists[0].lines.clear()

    def block(self, text: str, role: Role) -> None:
        """Add a block of its own: a formula, code, a table."""
        if not text:
            return
        if self.inline:
            self.buf += [" ", text, " "]
            return
        self.end_paragraph()
        if self.lists:
            self.lists[-1].add(text)
        else:
            self.emit(Item("text", role, text))

    def code(self, text: str) -> None:
        """Add a block of code as it is, without the empty lines around it."""
        lines = [line.rstrip() for line in text.expandtabs(4).split("\n")]
        self.block("\n".join(lines).strip("\n"), "code")

    def separate(self) -> None:
        """A `&`: the next cell of a table, or a mere space."""
        if self.tables:
            self.tables[-1].next_cell(self)
        else:
            self.buf.append(" ")

    # -- commands that no table names -----------------------------------------------------------

    def other(self, token: str) -> None:
        """A command without an action of its own: a symbol, an accent, a layout command, an unknown one."""
        gullet = self.gullet
        symbol = words.SYMBOLS.get(token)
        if symbol is not None:
            self.buf.append(symbol)
            return
        mark = words.ACCENTS.get(token)
        if mark is not None:
            self.accent(mark)
            return
        spec = words.SKIPPED_ARGUMENTS.get(token)
        if spec is not None:
            self.skip_arguments(spec)
            return
        if token in words.REGISTERS:
            gullet.skip_dimension()
            if token == "\\hskip":
                self.buf.append(" ")
            elif token == "\\vskip":
                self.paragraph()
            return
        if token in words.STYLE_WORDS:
            return
        stack = gullet.stack
        gullet.read_star()
        if stack and stack[-1] == "[":
            gullet.read_optional(200)
        elif stack and _ASSIGNMENT.match(stack[-1]):
            gullet.skip_dimension()

    def skip_arguments(self, spec: str) -> None:
        """Pass over arguments: `s` star, `o` optional, `m` mandatory, `p` in parentheses."""
        gullet = self.gullet
        for kind in spec:
            if kind == "s":
                gullet.read_star()
            elif kind == "o":
                gullet.read_optional()
            elif kind == "m":
                gullet.read_arg()
            else:
                gullet.read_paren()

    def accent(self, mark: str) -> None:
        """Put a combining mark on the next letter."""
        letters = [token for token in self.gullet.read_arg() if token not in {"{", "}", " "}]
        base = letters[0] if letters else ""
        if base[:1] == "\\":
            base = {"\\i": "i", "\\j": "j"}.get(base) or words.SYMBOLS.get(base, "")
        if not base or not base[0].isalnum():
            self.gullet.push(letters)
            return
        self.buf.append(unicodedata.normalize("NFC", base[0] + mark) + base[1:])
        if len(letters) > 1:
            self.gullet.push(letters[1:])


_GERMAN: Final = {
    "a": "ä", "o": "ö", "u": "ü", "A": "Ä", "O": "Ö", "U": "Ü", "s": "ß", "z": "ß", "`": "„", "'": "“",
    "<": "«", ">": "»", "-": "", "=": "-", "~": "-",
}  # fmt: skip


def _german(run: str) -> str:
    r"""A run with babel's German shorthands, as in `"a`."""
    return ligatures(_SHORTHAND.sub(lambda match: _GERMAN.get(match[1], match[0]), run))
