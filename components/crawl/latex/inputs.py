r"""Read a paper from its main file on: `\input` and its like, packages, graphics paths, language."""

from __future__ import annotations

import posixpath
import re
from typing import Final

from components.crawl.latex import references
from components.crawl.latex.macros import Gullet
from components.crawl.latex.project import Project
from components.crawl.latex.reasons import LatexReason
from components.crawl.latex.render import Renderer
from components.crawl.latex.state import Action, Vocabulary
from components.crawl.latex.tokens import CODE, END_FILE, PAR
from components.crawl.latex.vocabulary import names

_MAX_OPEN: Final = 30
_NO_TEXT: Final = re.compile(r"\.(?:sty|cls|bst|bib|bbl|eps|ps|pdf|def|cfg|fd|clo)$", re.IGNORECASE)
_PLAIN_PACKAGES: Final = frozenset(names("amssym amstex epsf psfig harvmac lanlmac phyzzx jnl tables"))
_LANGUAGES: Final = {
    "english": "en", "american": "en", "usenglish": "en", "british": "en", "ukenglish": "en", "german": "de",
    "ngerman": "de", "austrian": "de", "naustrian": "de", "french": "fr", "francais": "fr", "frenchb": "fr",
    "spanish": "es", "italian": "it", "portuguese": "pt", "brazil": "pt", "brazilian": "pt", "russian": "ru",
    "ukrainian": "uk", "polish": "pl", "czech": "cs", "dutch": "nl", "swedish": "sv", "danish": "da",
    "finnish": "fi", "norsk": "nb", "greek": "el", "turkish": "tr", "hungarian": "hu", "romanian": "ro",
    "catalan": "ca",
}  # fmt: skip


class PaperReader(Renderer):
    """A renderer that knows the files of the paper.

    Attributes:
        graphics_folders: what `\\graphicspath` and `\\import` name, in order.
        language: BCP 47 tag of babel's main language, where one is declared.
    """

    def __init__(self, project: Project, gullet: Gullet, vocabulary: Vocabulary) -> None:
        super().__init__(gullet, vocabulary)
        self.project = project
        self.graphics_folders: list[str] = []
        self.language: str | None = None
        self._open_files: list[str] = []
        self._import_folders: list[str] = [""]
        self.commands.update(COMMANDS)

    def read(self) -> Renderer:
        """Read the whole paper; the items are in `items`."""
        project = self.project
        main = project.tokens(project.main)
        text = project.text(project.main)
        self.preamble = any(
            token == "\\begin" and main[at + 1 : at + 4] == ["{", "document", "}"]
            for at, token in enumerate(main)
        )
        sources = [name for name in sorted(project.files.sizes) if name.lower().endswith((".tex", ".bbl"))]
        for name in {project.main: 0, **dict.fromkeys(sources)}:
            references.read_bibliography(self, project.text(name))
        self.chapters = any(
            "\\chapter" in project.text(name) for name in sources if name.lower().endswith(".tex")
        ) or bool(re.search(r"\\documentclass[^\n]*\{(?:book|report|memoir|scrbook|scrreprt)\}", text))
        self.labels.within.update(
            {"subsection": "section", "subsubsection": "subsection", "paragraph": "subsubsection"}
        )
        if self.chapters:
            self.labels.within.update(dict.fromkeys(["section", "figure", "table", "equation"], "chapter"))
        self.open_file(project.main)
        self.run()
        return self

    def open_file(self, name: str, folder: str = "", *, package: bool = False) -> None:
        """Read a file now, unless it is open already."""
        if name in self._open_files or len(self._open_files) >= _MAX_OPEN:
            self.note(LatexReason.INPUT_LOOP, f"{name} includes itself")
            return
        self._open_files.append(name)
        self._import_folders.append(folder)
        self.gullet.packages_open += package
        self.gullet.push_file(self.project.tokens(name, package=package), name)

    def end_file(self, name: str) -> None:
        """The end of a file was read."""
        if name in self._open_files:
            while self._open_files:
                closed = self._open_files.pop()
                self._import_folders.pop()
                if closed.lower().endswith((".sty", ".cls")):
                    self.gullet.packages_open -= 1
                if closed == name:
                    return

    def end_input(self) -> None:
        r"""`\endinput`: pass over the rest of the file."""
        stack = self.gullet.stack
        while stack and stack[-1][0] != END_FILE:
            stack.pop()

    @property
    def folder(self) -> str:
        """The folder that the innermost `\\import` named."""
        return self._import_folders[-1]


def _paper(renderer: Renderer) -> PaperReader:
    assert isinstance(renderer, PaperReader)
    return renderer


def _file_name(renderer: Renderer) -> str:
    r"""The name after `\input`, in braces or up to a space."""
    gullet = renderer.gullet
    gullet.skip_spaces()
    stack = gullet.stack
    if stack and stack[-1] == "{":
        return gullet.read_text()
    name = ""
    while (
        stack
        and len(name) < 200
        and stack[-1] not in {" ", PAR, "{", "}"}
        and stack[-1][0] not in "\\\x00\x02"
    ):
        name += stack.pop()
    return name


def _input(renderer: Renderer) -> None:
    r"""`\input`, `\include`, `\subfile`, `\subfileinclude`."""
    paper = _paper(renderer)
    path = _file_name(renderer)
    name = paper.project.resolve(path, paper.folder)
    if name is None:
        stem = posixpath.basename(path)
        if path and not _NO_TEXT.search(path) and stem.lower() not in _PLAIN_PACKAGES:
            renderer.note(LatexReason.INPUT_MISSING, f"{path[:150]} is not in the source")
    elif not _NO_TEXT.search(name) or name.lower().endswith(".bbl"):
        paper.open_file(name, paper.folder)


def _import(renderer: Renderer) -> None:
    r"""`\import{folder/}{file}` and `\subimport`."""
    paper = _paper(renderer)
    folder = posixpath.normpath(renderer.gullet.read_text() or ".")
    path = renderer.gullet.read_text()
    folder = "" if folder.startswith("..") or folder == "." else folder.lstrip("/")
    inner = posixpath.join(paper.folder, folder)
    for base in (inner, folder):
        name = paper.project.resolve(path, base)
        if name is not None:
            if base not in paper.graphics_folders:
                paper.graphics_folders.append(posixpath.join(paper.project.folder, base))
            paper.open_file(name, base)
            return
    renderer.note(LatexReason.INPUT_MISSING, f"{path[:150]} is not in the source")


def _if_file_exists(renderer: Renderer) -> None:
    r"""`\IfFileExists{file}{yes}{no}`; with `\InputIfFileExists` the file is read too."""
    paper = _paper(renderer)
    known = paper.project.resolve(renderer.gullet.read_text(), paper.folder)
    yes, no = renderer.gullet.read_arg(), renderer.gullet.read_arg()
    renderer.gullet.push(no if known is None else yes)


def _use_package(renderer: Renderer) -> None:
    r"""`\usepackage[options]{a,b}`: babel's language, and definitions of the paper's own styles."""
    paper = _paper(renderer)
    gullet = renderer.gullet
    options = gullet.flatten(gullet.read_optional() or [])
    names = [name.strip() for name in gullet.read_text().split(",")]
    gullet.read_optional()
    if "babel" in names:
        _languages(paper, options)
    for name in reversed(names[:50]):
        if name in {"german", "ngerman"}:
            paper.german, paper.language = True, "de"
        found = paper.project.resolve(name, paper.folder, ".sty")
        if found is not None and found.lower().endswith(".sty") and found not in paper._open_files:
            paper.open_file(found, paper.folder, package=True)


def _document_class(renderer: Renderer) -> None:
    r"""`\documentclass[options]{name}`."""
    paper = _paper(renderer)
    options = renderer.gullet.flatten(renderer.gullet.read_optional() or [])
    name = renderer.gullet.read_text()
    renderer.gullet.read_optional()
    _languages(paper, options)
    if name in {"german", "ngerman"} or "german" in options.split(","):
        paper.german = True


def _languages(paper: PaperReader, options: str) -> None:
    known = [
        _LANGUAGES[one] for option in options.split(",") if (one := option.strip().lower()) in _LANGUAGES
    ]
    main = re.search(r"main\s*=\s*(\w+)", options)
    if main and main[1].lower() in _LANGUAGES:
        known.append(_LANGUAGES[main[1].lower()])
    if known:
        paper.language = known[-1]
        paper.german = paper.german or "de" in known


def _graphics_path(renderer: Renderer) -> None:
    r"""`\graphicspath{{figures/}{plots/}}`."""
    paper = _paper(renderer)
    folder: list[str] = []
    for token in renderer.gullet.read_arg():
        if token == "{":
            folder = []
        elif token == "}":
            path = posixpath.normpath("".join(folder).strip() or ".")
            paper.graphics_folders.append(posixpath.normpath(posixpath.join(paper.project.folder, path)))
        else:
            folder.append(token)


def _code_file(spec: str) -> Action:
    r"""`\lstinputlisting[options]{file}` and its like."""

    def action(renderer: Renderer) -> None:
        paper = _paper(renderer)
        renderer.skip_arguments(spec)
        path = renderer.gullet.read_text()
        name = paper.project.resolve(path, paper.folder, "")
        if name is None:
            renderer.note(LatexReason.INPUT_MISSING, f"{path[:150]} is not in the source")
        else:
            renderer.gullet.push([CODE + paper.project.text(name)])

    return action


COMMANDS: Final[dict[str, Action]] = {
    **dict.fromkeys([r"\input", r"\include", r"\subfile", r"\subfileinclude", r"\@input"], _input),
    **dict.fromkeys([r"\import", r"\subimport", r"\inputfrom", r"\includefrom"], _import),
    **dict.fromkeys([r"\IfFileExists", r"\InputIfFileExists"], _if_file_exists),
    **dict.fromkeys([r"\usepackage", r"\RequirePackage"], _use_package),
    **dict.fromkeys([r"\documentclass", r"\documentstyle"], _document_class),
    "\\graphicspath": _graphics_path,
    "\\endinput": lambda renderer: _paper(renderer).end_input(),
    "\\lstinputlisting": _code_file("o"),
    "\\verbatiminput": _code_file(""),
    "\\VerbatimInput": _code_file("o"),
    "\\inputminted": _code_file("om"),
}
