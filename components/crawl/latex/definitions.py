r"""Commands that change how later tokens are read: definitions, switches, conditionals, `\csname`.

Each is a function of the `Gullet`; `DEFINITIONS` maps the command to it. They work alike in text,
in formulas and in the preamble.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from components.crawl.latex import conditionals
from components.crawl.latex.macros import NO_VALUE, Gullet, Macro, Param
from components.crawl.latex.tokens import END_FILE, PAR

_MAX_PARAMETER_TEXT: Final = 60


def _newcommand(gullet: Gullet, *, provide: bool = False) -> None:
    r"""`\newcommand*{\name}[count][default]{body}`."""
    gullet.read_star()
    name = gullet.read_name()
    params = _classic_params(gullet)
    body = gullet.read_arg()
    if not (provide and name in gullet.macros):
        gullet.define(name, Macro(tuple(body), params))


def _classic_params(gullet: Gullet) -> tuple[Param, ...]:
    count = "".join(gullet.read_optional() or []).strip()
    if not count.isdecimal() or not 0 < int(count[:2]) <= 9:
        return ()
    default = gullet.read_optional()
    first = Param("m") if default is None else Param("o", tuple(default))
    return (first, *(Param("m") for _ in range(int(count[:2]) - 1)))


def _xparse_params(spec: list[str]) -> tuple[Param, ...]:
    """Parameters of `\\NewDocumentCommand`: m, o, O{default}, s, +, and d as if it were o."""
    params: list[Param] = []
    tokens = iter([part for token in spec for part in (token if token[0].isalpha() else [token])])
    for token in tokens:
        if token == "m":
            params.append(Param("m"))
        elif token in {"o", "d", "r", "g"}:
            params.append(Param("o", (NO_VALUE,)))
        elif token in {"O", "D", "G"}:
            default: list[str] = []
            if next(tokens, "") == "{":
                for inner in tokens:
                    if inner == "}":
                        break
                    default.append(inner)
            params.append(Param("o", tuple(default)))
        elif token in {"s", "t"}:
            params.append(Param("s"))
    return tuple(params[:9])


def _document_command(gullet: Gullet) -> None:
    name = gullet.read_name()
    params = _xparse_params(gullet.read_arg())
    gullet.define(name, Macro(tuple(gullet.read_arg()), params))


def _document_environment(gullet: Gullet) -> None:
    name = gullet.read_text()
    params = _xparse_params(gullet.read_arg())
    begin, end = gullet.read_arg(), gullet.read_arg()
    _environment(gullet, name, Macro(tuple(begin), params), end)


def _environment(gullet: Gullet, name: str, begin: Macro, end: list[str]) -> None:
    inner = gullet.packages_open and any("@" in token and token[0] == "\\" for token in begin.body)
    if name and not inner and f"\\begin{{{name}}}" not in gullet.protected:
        gullet.environments[name] = (begin, tuple(end))


def _newenvironment(gullet: Gullet) -> None:
    r"""`\newenvironment{name}[count][default]{begin}{end}`."""
    gullet.read_star()
    name = gullet.read_text()
    params = _classic_params(gullet)
    begin, end = gullet.read_arg(), gullet.read_arg()
    _environment(gullet, name, Macro(tuple(begin), params), end)


def _def(gullet: Gullet, *, everywhere: bool = False) -> None:
    r"""`\def\name<parameter text>{body}`."""
    name = gullet.read_name()
    text: list[str] = []
    stack = gullet.stack
    while stack and stack[-1] not in {"{", "}", PAR} and len(text) < _MAX_PARAMETER_TEXT:
        if stack[-1][0] == END_FILE:
            return
        text.append(stack.pop())
    if not stack or stack[-1] != "{":
        return
    body = gullet.read_arg()
    prefix: list[str] = []
    params: list[Param] = []
    delimiter: list[str] = []
    for token in text:
        if len(token) == 2 and token[0] == "#":
            if params:
                params[-1] = Param("d", tuple(delimiter)) if delimiter else Param("m")
            else:
                prefix = delimiter
            delimiter = []
            params.append(Param("m"))
        elif token != "#":
            delimiter.append(token)
    if params:
        params[-1] = Param("d", tuple(delimiter)) if delimiter else Param("m")
    else:
        prefix = delimiter
    gullet.define(name, Macro(tuple(body), tuple(params[:9]), tuple(prefix)), everywhere=everywhere)


def _let(gullet: Gullet) -> None:
    r"""`\let\new=\old`."""
    name = gullet.read_name()
    gullet.skip_spaces()
    stack = gullet.stack
    if stack and stack[-1][0] == "=":
        rest = stack.pop()[1:]
        if rest:
            stack.append(rest)
    gullet.skip_spaces()
    if not stack or stack[-1] in {"}", PAR} or stack[-1][0] == END_FILE:
        return
    old = stack.pop()
    if old == "\\csname":
        old = gullet.read_csname()
    if old == name:
        return
    macro = gullet.macros.get(old)
    if macro is None:
        # the token itself, not what a later definition makes of it
        macro = Macro(()) if old in {"\\relax", "\\undefined"} else Macro((old,))
        if gullet.packages_open and "@" in old:
            return
    gullet.define(name, macro)


def _math_operator(gullet: Gullet) -> None:
    starred = gullet.read_star()
    name = gullet.read_name()
    body = gullet.read_arg()
    star = ["*"] if starred else []
    gullet.define(name, Macro(("\\operatorname", *star, "{", *body, "}")))


def _paired_delimiter(gullet: Gullet) -> None:
    name = gullet.read_name()
    left, right = gullet.read_arg(), gullet.read_arg()
    gullet.define(name, Macro((*left, "#3", *right), (Param("s"), Param("o"), Param("m"))))


def _newif(gullet: Gullet) -> None:
    r"""`\newif\ifdraft`: `\drafttrue` and `\draftfalse` come with it."""
    name = gullet.read_name()
    if name.startswith("\\if"):
        gullet.switches.setdefault(name, False)


def _switch(gullet: Gullet, name: str) -> bool:
    r"""Whether `name` is a `\footrue` or `\foofalse` of a known switch; if so it is set."""
    for ending, value in (("true", True), ("false", False)):
        if name.endswith(ending):
            switch = "\\if" + name[1 : -len(ending)]
            if switch in gullet.switches:
                gullet.switches[switch] = value
                return True
    return False


def _toggle(value: bool) -> Callable[[Gullet], None]:
    def set_toggle(gullet: Gullet) -> None:
        gullet.switches["toggle:" + gullet.read_text()] = value

    return set_toggle


def _boolean(gullet: Gullet) -> None:
    r"""`\setboolean{name}{true}`."""
    name = gullet.read_text()
    gullet.switches["\\if" + name] = gullet.read_text() == "true"


def _choose(gullet: Gullet, condition: bool) -> None:
    """Keep the first of two arguments, or the second."""
    first, second = gullet.read_arg(), gullet.read_arg()
    gullet.push(first if condition else second)


def _ifthenelse(gullet: Gullet) -> None:
    condition = gullet.read_arg()
    word = condition[0] if condition else ""
    holds = False
    if word == "\\boolean":
        holds = gullet.switches.get("\\if" + gullet.flatten(condition[1:]), False)
    elif word == "\\equal":
        gullet.push(condition[1:])
        holds = gullet.read_text() == gullet.read_text()
    _choose(gullet, holds)


def _if_no_value(negate: bool) -> Callable[[Gullet], None]:
    def decide(gullet: Gullet) -> None:
        _choose(gullet, (gullet.read_arg() == [NO_VALUE]) != negate)

    return decide


def _if_boolean(gullet: Gullet) -> None:
    _choose(gullet, gullet.read_arg() == ["\\BooleanTrue"])


def _csname(gullet: Gullet) -> None:
    gullet.push([gullet.read_csname()])


def _first_of_two(gullet: Gullet) -> None:
    _choose(gullet, True)


def _second_of_two(gullet: Gullet) -> None:
    _choose(gullet, False)


def _two_arguments(gullet: Gullet) -> None:
    gullet.read_arg()
    gullet.read_arg()


DEFINITIONS: Final[dict[str, Callable[[Gullet], None]]] = {
    **dict.fromkeys(
        [r"\newcommand", r"\renewcommand", r"\DeclareRobustCommand", r"\newrobustcmd", r"\renewrobustcmd"],
        _newcommand,
    ),
    "\\providecommand": lambda gullet: _newcommand(gullet, provide=True),
    **dict.fromkeys(
        [
            r"\NewDocumentCommand",
            r"\RenewDocumentCommand",
            r"\ProvideDocumentCommand",
            r"\DeclareDocumentCommand",
        ],
        _document_command,
    ),
    **dict.fromkeys(
        [r"\NewDocumentEnvironment", r"\RenewDocumentEnvironment", r"\DeclareDocumentEnvironment"],
        _document_environment,
    ),
    **dict.fromkeys([r"\newenvironment", r"\renewenvironment", r"\provideenvironment"], _newenvironment),
    **dict.fromkeys([r"\def", r"\edef"], _def),
    **dict.fromkeys([r"\gdef", r"\xdef"], lambda gullet: _def(gullet, everywhere=True)),
    "\\let": _let,
    "\\DeclareMathOperator": _math_operator,
    "\\DeclarePairedDelimiter": _paired_delimiter,
    "\\newif": _newif,
    "\\newtoggle": _toggle(False),
    "\\providetoggle": _toggle(False),
    "\\toggletrue": _toggle(True),
    "\\togglefalse": _toggle(False),
    "\\setboolean": _boolean,
    "\\newboolean": lambda gullet: gullet.switches.__setitem__("\\if" + gullet.read_text(), False),
    "\\iftoggle": lambda gullet: _choose(gullet, gullet.switches.get("toggle:" + gullet.read_text(), False)),
    "\\ifbool": lambda gullet: _choose(gullet, gullet.switches.get("\\if" + gullet.read_text(), False)),
    "\\ifthenelse": _ifthenelse,
    "\\IfNoValueTF": _if_no_value(False),
    "\\IfValueTF": _if_no_value(True),
    "\\IfBooleanTF": _if_boolean,
    "\\ifstrequal": lambda gullet: _choose(gullet, gullet.read_text() == gullet.read_text()),
    "\\ifdefempty": lambda gullet: _choose(gullet, gullet.read_text() == ""),
    "\\ifblank": lambda gullet: _choose(gullet, gullet.read_text() == ""),
    "\\ifempty": lambda gullet: _choose(gullet, gullet.read_text() == ""),
    "\\texorpdfstring": _first_of_two,
    "\\@firstoftwo": _first_of_two,
    "\\@secondoftwo": _second_of_two,
    "\\csname": _csname,
    "\\@namedef": lambda gullet: gullet.define("\\" + gullet.read_text(), Macro(tuple(gullet.read_arg()))),
    "\\SetKwFunction": _two_arguments,
}


def run(gullet: Gullet, token: str) -> bool:
    """Deal with a control word that defines or decides something; False where it does neither.

    `\\else`, `\\or` and `\\fi` that show up belong to a branch that was taken.
    """
    action = DEFINITIONS.get(token)
    if action is not None:
        action(gullet)
        return True
    if token[1:3] == "if" and conditionals.is_if(gullet, token):
        conditionals.conditional(gullet, token)
        return True
    if token in {"\\else", "\\or"}:
        conditionals.skip_branch(gullet)
        return True
    if token == "\\fi":
        return True
    return token.endswith(("true", "false")) and _switch(gullet, token)
