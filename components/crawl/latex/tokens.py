r"""Cut LaTeX into tokens: one pass, linear, never fails.

A token is a plain string; what it is shows in its first character:

| token | is |
| --- | --- |
| `\name`, `\%` | control word (spaces after it are gone, as in TeX) or control symbol |
| `{` `}` `$` `&` `~` `^` `_` `[` `]` `*` | itself |
| `#1`, `##1` | a macro's parameter |
| `PAR` | a blank line |
| `" "` | any other white space |
| `RAW…` | text of `\verb`, `\url`: to be shown as it is |
| `CODE…` | the body of a verbatim environment |
| anything else | a run of ordinary characters without white space |

Comments are gone. Input must not hold the control characters U+0000 to U+0008, which serve as marks.
"""

from __future__ import annotations

import re
from typing import Final

from components.crawl.latex.vocabulary import names

PAR: Final = "\n\n"
RAW: Final = "\x01"
CODE: Final = "\x02"
END_FILE: Final = "\x00"
"""Followed by a name: an input file ends here. Put on the stack by the reader, never in a source."""
END_ENVIRONMENT: Final = "\x06"
"""Followed by a name: an environment that the paper defines ends here."""

VERBATIM: Final = frozenset(
    names(
        "verbatim verbatim* Verbatim Verbatim* BVerbatim LVerbatim SaveVerbatim lstlisting "
        "lstlisting* minted alltt listing spverbatim code"
    )
)
"""Environments whose body is code."""
SKIPPED: Final = frozenset(names("comment filecontents filecontents* CCSXML luacode luacode* asy gnuplot"))
"""Environments whose body is read by no one."""

_MAX_INLINE_CODE: Final = 1_000

_TEMPLATE: Final = r"""
(?P<text>[^\\{}$&~^_\#%\s\[\]*\x00-\x08]+)(?P<gap>[ ](?!\s))?
|(?P<space>\s+)
|\\begin[ \t]*\{(?P<begin>[A-Za-z]+\*?)\}
|(?P<verb>\\(?:verb\*?|lstinline|mintinline|Verb)(?![A-Za-z]))
|\\(?P<url>url|path|nolinkurl|burl|href)[ \t]*\{(?P<address>[^{}\n]*)\}
|(?P<word>\\[A-Za-z<at>]+)[ \t]*(?:\n(?![ \t]*\n)[ \t]*)?
|(?P<symbol>\\(?:.|\n))
|(?P<single>[{}$&~^_\[\]*])
|%[^\n]*(?:\n[ \t]*(?P<blank>\n\s*)?)?
|(?P<parameter>\#+[1-9]?)
|(?P<mark>[\x00-\x08\\])
"""
_BODY: Final = re.compile(_TEMPLATE.replace("<at>", ""), re.VERBOSE)
_PACKAGE: Final = re.compile(_TEMPLATE.replace("<at>", "@"), re.VERBOSE)
_AT_LETTER: Final = {"\\makeatletter": _PACKAGE, "\\makeatother": _BODY}
_ENV_PARTS: Final = re.compile(r"[A-Za-z]+|\*")
_CODE_OPTIONS: Final = re.compile(r"(?:[ \t]*\[[^\]\n]*\])?(?:[ \t]*\{[A-Za-z0-9+# -]*\})?[ \t]*\n?")
_DECLARED: Final = re.compile(
    r"\\(?P<kind>lstnewenvironment|DefineVerbatimEnvironment|newverbatim|excludecomment|newminted)"
    r"\s*(?:\[(?P<alias>[^\]\n]*)\])?\s*\{(?P<name>[^{}\n]*)\}"
)


def declared_environments(text: str) -> tuple[set[str], set[str]]:
    """Names of the environments that `text` declares to be (verbatim, comments)."""
    verbatim: set[str] = set()
    skipped: set[str] = set()
    for match in _DECLARED.finditer(text):
        name = match["name"].strip()
        if match["kind"] == "excludecomment":
            skipped.add(name)
        elif match["kind"] == "newminted":
            verbatim.add(match["alias"] or f"{name}code")
        else:
            verbatim.add(name)
    return verbatim, skipped


def _inline_code(text: str, position: int) -> tuple[str, int] | None:
    r"""The code after `\verb` and where it ends; options of `\lstinline` are passed over."""
    option = re.compile(r"\[[^\]\n]*\]").match(text, position)
    if option:
        position = option.end()
    if position >= len(text):
        return None
    delimiter = text[position]
    if delimiter.isspace() or delimiter.isalpha():
        return None
    line_end = text.find("\n", position, position + _MAX_INLINE_CODE)
    line_end = position + _MAX_INLINE_CODE if line_end < 0 else line_end
    stop = text.find("}" if delimiter == "{" else delimiter, position + 1, line_end)
    return (text[position + 1 : stop], stop + 1) if stop >= 0 else None


def _address(match: re.Match[str], package: bool) -> list[str]:
    r"""The tokens of `\url{...}` and its like."""
    address = match["address"]
    inside: list[str] = []
    if re.search(r"#[1-9]|\\[A-Za-z]{2}", address):  # a macro's body: the address is yet to come
        inside = tokenize(address, package=package)
    elif address:
        inside = [RAW + re.sub(r"\\([%#&_~^{}$])", r"\1", address)]
    return ["\\" + match["url"], "{", *inside, "}"]


def tokenize(
    text: str,
    *,
    package: bool = False,
    verbatim: frozenset[str] = VERBATIM,
    skipped: frozenset[str] = SKIPPED,
) -> list[str]:
    r"""Cut `text` into tokens.

    Args:
        text: LaTeX with `\n` line ends and without U+0000 to U+0008.
        package: whether `@` is a letter from the start, as in style files.
        verbatim: names of the environments whose body becomes one `CODE` token.
        skipped: names of the environments that vanish.
    """
    tokens: list[str] = []
    append = tokens.append
    pattern = _PACKAGE if package else _BODY
    endless: set[str] = set()  # environments without an end: searching again would be quadratic
    position, length = 0, len(text)
    while position < length:
        # the frequent kinds first: this loop takes a quarter of the time of a paper
        for match in pattern.finditer(text, position):
            kind = match.lastgroup
            if kind == "gap":
                tokens += (match[1], " ")
            elif kind == "text":
                append(match[0])
            elif kind == "space":
                space = match[0]
                append(" " if space == " " or space.count("\n") < 2 else PAR)
            elif kind == "word":
                token = match["word"]
                append(token)
                if token in _AT_LETTER:
                    pattern, position = _AT_LETTER[token], match.end()
                    break
            elif kind in {"single", "parameter"}:
                append(match[0])
            elif kind == "symbol":
                symbol = match["symbol"]
                append("\\ " if symbol[1].isspace() else symbol)
            elif kind == "begin":
                name, position = match["begin"], match.end()
                if (name in verbatim or name in skipped) and name not in endless:
                    stop = text.find(f"\\end{{{name}}}", position)
                    if stop >= 0:
                        if name in verbatim:
                            options = _CODE_OPTIONS.match(text, position, stop)
                            start = options.end() if options else position
                            append(CODE + text[start:stop])
                        position = stop + len(name) + 6
                        break
                    endless.add(name)
                tokens += ["\\begin", "{", *_ENV_PARTS.findall(name), "}"]
            elif kind == "verb":
                code = _inline_code(text, match.end())
                if code is not None:
                    append(RAW + code[0])
                    position = code[1]
                    break
            elif kind in {"address", "url"}:
                tokens += _address(match, package)
            elif kind == "blank":
                append(PAR)
        else:
            break
    return tokens


def detokenize(tokens: list[str]) -> str:
    """Tokens as LaTeX text again, with a space where a control word meets a letter."""
    out: list[str] = []
    after_word = False
    for token in tokens:
        if after_word and (token[0].isalpha()):
            out.append(" ")
        out.append(token[1:] if token[0] in {RAW, CODE} else token)
        after_word = token[0] == "\\" and len(token) > 1 and token[-1].isalpha()
    return "".join(out)
