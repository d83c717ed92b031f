r"""Algorithms: the lines of `algorithmic`, `algpseudocode` and `algorithm2e` as one block of code."""

from __future__ import annotations

from typing import Final

from components.core.records import Item
from components.crawl.latex import vocabulary as words
from components.crawl.latex.floats import MAX_NESTING, figure
from components.crawl.latex.render import Renderer
from components.crawl.latex.state import Action, EnvironmentAction
from components.crawl.latex.text import tidy

_ALGORITHM: Final = {
    "\\STATE": "\x03", "\\State": "\x03", "\\Statex": "\x03", "\\STATEX": "\x03", "\\ELSE": "\x03else",
    "\\Else": "\x03else", "\\ENDIF": "\x03end if", "\\EndIf": "\x03end if", "\\ENDFOR": "\x03end for",
    "\\EndFor": "\x03end for", "\\ENDWHILE": "\x03end while", "\\EndWhile": "\x03end while",
    "\\REPEAT": "\x03repeat", "\\Repeat": "\x03repeat", "\\ENDLOOP": "\x03end loop",
    "\\EndLoop": "\x03end loop",
    "\\LOOP": "\x03loop", "\\Loop": "\x03loop", "\\RETURN": "\x03return ", "\\Return": "return ",
    "\\REQUIRE": "\x03Require: ", "\\Require": "\x03Require: ", "\\ENSURE": "\x03Ensure: ",
    "\\Ensure": "\x03Ensure: ", "\\INPUT": "\x03Input: ", "\\OUTPUT": "\x03Output: ", "\\AND": " and ",
    "\\OR": " or ", "\\NOT": "not ", "\\TO": " to ", "\\TRUE": "true", "\\FALSE": "false",
    "\\PRINT": "\x03print ",
    "\\EndFunction": "\x03end function", "\\EndProcedure": "\x03end procedure",
    "\\ENDFUNCTION": "\x03end function",
    "\\KwData": "\x03Data: ", "\\KwResult": "\x03Result: ", "\\KwIn": "\x03Input: ",
    "\\KwOut": "\x03Output: ",
    "\\KwRet": "\x03return ", "\\KwTo": " to ", "\\;": "\x03", "\\BlankLine": "\x03",
    "\\Input": "\x03Input: ",
    "\\Output": "\x03Output: ", "\\lnl": "", "\\DontPrintSemicolon": "", "\\LinesNumbered": "",
}  # fmt: skip
_ALGORITHM_CLAUSES: Final = {
    "\\IF": ("if ", " then"), "\\If": ("if ", " then"), "\\ELSIF": ("else if ", " then"),
    "\\ElsIf": ("else if ", " then"), "\\ElseIf": ("else if ", " then"), "\\FOR": ("for ", " do"),
    "\\For": ("for ", " do"), "\\FORALL": ("for all ", " do"), "\\ForAll": ("for all ", " do"),
    "\\ForEach": ("for each ", " do"), "\\WHILE": ("while ", " do"), "\\While": ("while ", " do"),
    "\\UNTIL": ("until ", ""), "\\Until": ("until ", ""), "\\eIf": ("if ", " then"),
    "\\uIf": ("if ", " then"),
    "\\uElseIf": ("else if ", " then"), "\\lIf": ("if ", " then"),
}  # fmt: skip


def algorithm(renderer: Renderer, name: str) -> None:
    """The lines of an algorithm, as one block of code."""
    renderer.gullet.read_optional()
    if name == "algorithm2e" or (name in {"algorithm", "algorithm*"} and not renderer.figures):
        _algorithm_float(renderer, name)
        return
    if renderer.inline >= MAX_NESTING:
        renderer.begin(name)
        return
    renderer.end_paragraph()
    buf, inline, commands = renderer.buf, renderer.inline, dict(renderer.commands)
    renderer.buf, renderer.inline = [], renderer.inline + 1
    renderer.commands.update(ALGORITHM_COMMANDS)

    def finish(ended: Renderer, _: list[Item]) -> None:
        lines = tidy("".join(ended.buf), lines=True)
        ended.buf, ended.inline = buf, inline
        ended.commands.clear()
        ended.commands.update(commands)
        ended.block(lines, "code")

    renderer.begin(name, finish)


def _algorithm_float(renderer: Renderer, name: str) -> None:
    """The float around an algorithm; algorithm2e's holds the lines themselves."""
    figure("algorithm", "")(renderer, name)


def _printed(text: str) -> Action:
    return lambda renderer: renderer.buf.append(text)


def _clause(before: str, after: str) -> Action:
    def action(renderer: Renderer) -> None:
        renderer.buf.append("\x03" + before)
        renderer.capture(lambda text: renderer.buf.append(text + after))

    return action


def _comment(renderer: Renderer) -> None:
    renderer.gullet.read_star()
    renderer.capture(lambda text: renderer.buf.append(f" // {text}"))


def _procedure(word: str) -> Action:
    def action(renderer: Renderer) -> None:
        def arguments(text: str) -> None:
            renderer.buf.append(f"({text})")

        def name(text: str) -> None:
            renderer.buf.append(text)
            renderer.capture(arguments)

        renderer.buf.append(f"\x03{word} ")
        renderer.capture(name)

    return action


def _call(renderer: Renderer) -> None:
    renderer.capture(renderer.buf.append)


ALGORITHM_COMMANDS: Final[dict[str, Action]] = {
    **{name: _printed(text) for name, text in _ALGORITHM.items()},
    **{name: _clause(before, after) for name, (before, after) in _ALGORITHM_CLAUSES.items()},
    **dict.fromkeys([r"\Comment", r"\COMMENT", r"\tcp", r"\tcc"], _comment),
    "\\Function": _procedure("function"),
    "\\Procedure": _procedure("procedure"),
    "\\Call": _call,
}

ENVIRONMENTS: Final[dict[str, EnvironmentAction]] = {
    **dict.fromkeys(
        words.names(
            "algorithmic algorithmic* algorithm algorithm* algorithm2e algpseudocode algomathdisplay "
            "pseudocode"
        ),
        algorithm,
    ),
}
