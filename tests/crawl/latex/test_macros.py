"""Tests of macros, definitions and conditionals, as a paper shows them."""

from __future__ import annotations

import pytest

from components.crawl.latex.extractor import extract_latex


def read(latex: str, preamble: str = "") -> str:
    source = f"\\documentclass{{article}}{preamble}\\begin{{document}}{latex}\\end{{document}}"
    return "\n".join(item.text or "" for item in extract_latex(source.encode()).items)


@pytest.mark.parametrize(
    ("definition", "use", "shown"),
    [
        (r"\newcommand{\x}{yes}", r"\x", "yes"),
        (r"\newcommand\x[2]{#2#1}", r"\x{a}b", "ba"),
        (r"\newcommand*{\x}[2][d]{#1-#2}", r"\x{a} \x[e]{a}", "d-a e-a"),
        (r"\newcommand{\x}{a}\renewcommand{\x}{b}", r"\x", "b"),
        (r"\newcommand{\x}{a}\providecommand{\x}{b}", r"\x", "a"),
        (r"\def\x#1#2{#2#1}", r"\x ab", "ba"),
        (r"\def\x#1.#2;{<#2|#1>}", r"\x one.two; three", "<two|one> three"),
        (r"\def\x[#1]{(#1)}", r"\x[a]", "(a)"),
        (r"\def\x#1end;{(#1)}", r"\x ab cend; d", "(ab c) d"),
        (r"\def\x{\def\y##1{[##1]}}", r"\x\y{a}", "[a]"),
        (r"\let\x=\emph", r"\x{a}", "a"),
        (r"\newcommand{\x}{a}\let\y\x\renewcommand{\x}{b}", r"\y\x", "ab"),
        (r"\expandafter\def\csname x\endcsname{a}", r"\x", "a"),
        (r"\newcommand{\x}{outer}", r"{\def\x{inner}\x} \x", "inner outer"),
        (r"\NewDocumentCommand{\x}{s m O{d}}{\IfBooleanTF{#1}{star}{plain} #2#3}", r"\x*{a} \x{b}[c]",
         "star ad plain bc"),
        (r"\newcommand{\R}{\mathbb{R}}", r"$x\in\R^2$", r"$x\in\mathbb{R}^2$"),
        (r"\DeclareMathOperator{\rank}{rank}", r"$\rank A$", r"$\operatorname{rank}A$"),
        (r"\newcommand{\x}{word\xspace}", r"\x and \x.", "word and word."),
        (r"\def\l{\lambda}", r"$\l$ Pawe\l", r"$\lambda$ Paweλ"),
        ("", r"Pawe\l{} \'Eric na\"\i ve \c{C}a \v{s} \AA", "Paweł Éric naïve Ça š Å"),
    ],
)  # fmt: skip
def test_definitions(definition: str, use: str, shown: str) -> None:
    assert read(use, definition) == shown


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"\iffalse a\else b\fi", "b"),
        (r"\iftrue a\iffalse b\else c\fi\else d\fi e", "ace"),
        (r"\newif\ifdraft \ifdraft a\else b\fi \drafttrue \ifdraft c\fi", "bc"),
        (r"\def\a{x}\def\b{x}\ifx\a\b same\else other\fi", "same"),
        (r"\ifnum 3<4 less\else more\fi", "less"),
        (r"\newboolean{long}\setboolean{long}{true}\ifthenelse{\boolean{long}}{long}{short}", "long"),
        (r"\ifthenelse{\equal{a}{b}}{same}{other}", "other"),
        (r"\newtoggle{t}\toggletrue{t}\iftoggle{t}{on}{off}", "on"),
        (r"\ifundefinedthing a", "a"),
        (r"$a \iff b$ c", r"$a \iff b$ c"),
    ],
)
def test_conditionals(latex: str, shown: str) -> None:
    assert " ".join(read(latex).split()) == shown


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"a\vskip 3pt plus 1fil b\hskip-2em c", "a\nb c"),
        (r"\hsize=6truein\parindent 0pt text", "text"),
        (r"\setlength{\parskip}{2pt}\vspace*{1cm}\hspace{2em}text", "text"),
        (r"\looseness=-1 text", "text"),
        (r"\textcolor{red}{kept} \href{http://x}{link} \footnotemark[1]", "kept link"),
        (r"\unknown[opt]{text} \cite[p.~3]{k} (see \cite{k}), \cite{a}, \cite{b}.", "text."),
        (r"\replaced{new}{old} \deleted{old} \added{more}", "new more"),
    ],
)
def test_layout_commands_leave_no_trace(latex: str, shown: str) -> None:
    assert read(latex) == shown


def test_a_package_does_not_replace_what_the_reader_knows() -> None:
    assert read(r"\section{A}b", r"\renewcommand{\section}[1]{broken}") == "A\nb"
