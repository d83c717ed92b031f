r"""TeX's conditionals: which branch is read, and how the other is passed over.

Switches of the paper, comparisons of tokens and of numbers that are written out are decided as TeX
does; what depends on the state of TeX's engine counts as false.
"""

from __future__ import annotations

import re
from typing import Final

from components.crawl.latex.macros import Gullet
from components.crawl.latex.tokens import END_FILE, PAR
from components.crawl.latex.vocabulary import names

_IFS: Final = frozenset(
    names(
        r"\if \ifcat \ifx \ifnum \ifdim \ifodd \ifcase \iftrue \iffalse \ifmmode \ifvmode \ifhmode "
        r"\ifinner \ifdefined \ifcsname \ifeof \ifvoid \ifhbox \ifvbox \ifpdf \ifPDFTeX \ifxetex "
        r"\ifluatex \ifXeTeX \ifLuaTeX \ifCLASSOPTIONcaptionsoff \ifCLASSOPTIONcompsoc "
        r"\ifCLASSOPTIONonecolumn \ifCLASSINFOpdf"
    )
)
_ALWAYS: Final = frozenset([r"\iftrue", r"\ifpdf", r"\ifPDFTeX", r"\ifCLASSINFOpdf"])
_RELATION: Final = re.compile(r"\s*(-?\d+)\s*([<>=])\s*(-?\d+)")


def is_if(gullet: Gullet, token: str) -> bool:
    """Whether the token begins a conditional that ends with `\\fi`."""
    return token in _IFS or token in gullet.switches


def conditional(gullet: Gullet, token: str) -> None:
    """Decide the conditional that was just read and pass over the branch not taken."""
    if not _holds(gullet, token):
        skip_branch(gullet, to_else=True)


def skip_branch(gullet: Gullet, *, to_else: bool = False) -> None:
    r"""Pass over tokens up to the matching `\fi`, or `\else`; nothing happens where there is none."""
    stack = gullet.stack
    depth = 0
    index = len(stack)
    for index in range(len(stack) - 1, -1, -1):
        token = stack[index]
        if token[0] != "\\":
            if token[0] == END_FILE:
                break
            continue
        if token == "\\fi":
            if not depth:
                gullet.spend(len(stack) - index)
                del stack[index:]
                return
            depth -= 1
        elif token in {"\\else", "\\or"} and not depth and to_else:
            gullet.spend(len(stack) - index)
            del stack[index:]
            return
        elif token[1:3] == "if" and is_if(gullet, token):
            depth += 1
    gullet.spend(len(stack) - index)


def _holds(gullet: Gullet, token: str) -> bool:
    if token in gullet.switches:
        return gullet.switches[token]
    if token in _ALWAYS:
        return True
    if token == "\\ifmmode":
        return gullet.in_math()
    if token in {"\\ifx", "\\if", "\\ifcat"}:
        return _same(gullet)
    if token == "\\ifdefined":
        name = gullet.read_name()
        return name in gullet.macros or name in gullet.protected
    if token == "\\ifcsname":
        return gullet.read_csname() in gullet.macros
    if token in {"\\ifnum", "\\ifdim", "\\ifodd", "\\ifcase"}:
        return _compares(gullet, token)
    if token in {"\\ifeof", "\\ifvoid", "\\ifhbox", "\\ifvbox"}:
        gullet.read_name()
    return False


def _same(gullet: Gullet) -> bool:
    first, second = _one(gullet), _one(gullet)
    if first == second:
        return True
    one, two = gullet.macros.get(first), gullet.macros.get(second)
    return one is not None and one == two


def _one(gullet: Gullet) -> str:
    """One token, a text run cut to its first character."""
    stack = gullet.stack
    if not stack or stack[-1][0] == END_FILE:
        return ""
    token = stack.pop()
    if len(token) > 1 and token[0] not in "\\#\x01\x02" and token != PAR:
        stack.append(token[1:])
        return token[0]
    return token


def _compares(gullet: Gullet, token: str) -> bool:
    """Numbers that are written out are compared; anything else counts as false."""
    text = ""
    for _ in range(12):
        if not gullet.stack or gullet.stack[-1] == PAR or gullet.stack[-1][0] == END_FILE:
            break
        if gullet.stack[-1] in {"\\relax", "\\else", "\\fi", "{", "}"}:
            break
        if text and text[-1:] == " " and re.search(r"[<>=]\s*\S", text):
            break
        piece = gullet.stack.pop()
        macro = gullet.macros.get(piece)
        text += "".join(macro.body) if macro and not macro.params else piece
    match = _RELATION.match(text)
    if match:
        left, relation, right = int(match[1][:9]), match[2], int(match[3][:9])
        return {"<": left < right, ">": left > right, "=": left == right}[relation]
    number = re.match(r"\s*(-?\d{1,9})", text)
    if token == "\\ifodd" and number:
        return int(number[1]) % 2 == 1
    return token == "\\ifcase"
