r"""The files of a paper as text: which is the main one, what `\input` names, how they are decoded."""

from __future__ import annotations

import json
import posixpath
import re
from typing import Final

from components.core.errors import BadRecord, Drop
from components.core.records import Note
from components.crawl.latex.archive import SINGLE_FILE, SourceFiles, printable
from components.crawl.latex.reasons import LatexReason
from components.crawl.latex.tokens import SKIPPED, VERBATIM, declared_environments, tokenize

_CLASS: Final = re.compile(r"^[^%\n]*\\document(?:class|style)\b", re.MULTILINE)
_BODY: Final = re.compile(r"^[^%\n]*\\begin\s*\{document\}", re.MULTILINE)
_STANDALONE: Final = re.compile(
    r"^[^%\n]*\\documentclass\s*(?:\[[^\]]*\])?\s*\{(?:standalone|subfiles)\}", re.MULTILINE
)
_PLAIN: Final = re.compile(
    r"\\(?:bye|end)\b(?!\s*\{)|\\(?:magnification|centerline|beginsection|input|section|par)\b"
)
_INCLUDED: Final = re.compile(r"\\(?:input|include|subfile|(?:sub)?import\s*\{[^{}]*\})\s*\{([^{}\n]+)\}")
_MAX_INPUTS: Final = 500
_ENCODING: Final = re.compile(r"\\usepackage\s*\[([A-Za-z0-9_-]+)\]\s*\{inputenc\}")
_ENCODINGS: Final = {
    "latin1": "cp1252", "ansinew": "cp1252", "cp1252": "cp1252", "latin2": "iso8859-2", "latin5": "iso8859-9",
    "latin9": "iso8859-15", "cp1250": "cp1250", "cp1251": "cp1251", "koi8-r": "koi8-r",
    "applemac": "mac-roman",
    "cp437": "cp437", "cp850": "cp850",
}  # fmt: skip
_MARKS: Final = re.compile(r"[\x00-\x08\x7f]")
_TEX: Final = (".tex", ".ltx", ".latex", ".txt")
_PREFERRED: Final = ("main", "ms", "paper", "article", "manuscript", "arxiv", "root", "template")
_WITHDRAWN: Final = re.compile(r"auto-ignore|paper\s+has\s+been\s+withdrawn", re.IGNORECASE)


def decode(data: bytes, encoding: str | None = None) -> str:
    """Bytes of a TeX file as text with `\\n` line ends and without the characters that serve as marks.

    UTF-8 where it is valid; else the encoding the paper declares; else Windows-1252.
    """
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            codec = _ENCODINGS.get((encoding or "").lower(), "cp1252")
            text = data.decode(codec, "replace") if codec != "cp1252" else _western(data)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _MARKS.sub("", text)


def _is_part(text: str) -> bool:
    """Whether a file of its own class is made to be read by another."""
    return ("standalone}" in text or "subfiles}" in text) and bool(_STANDALONE.search(text))


def _inputs(text: str) -> list[str]:
    """What a file reads, the first of each line outside comments, 500 at most."""
    paths: list[str] = []
    done = -1  # end of the line looked at last
    for match in _INCLUDED.finditer(text):
        start = match.start()
        if start <= done:
            continue
        if "%" not in text[text.rfind("\n", 0, start) + 1 : start]:
            paths.append(match[1])
            if len(paths) == _MAX_INPUTS:
                break
            end = text.find("\n", match.end())
            done = end if end >= 0 else len(text)
    return paths


def _western(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


class Project:
    """The text files of one source and the choice of the main one.

    Raises:
        Drop: `no_latex` where the source holds no TeX (a PDF, a withdrawn paper).
    """

    def __init__(self, files: SourceFiles, max_file_bytes: int) -> None:
        self.files = files
        self.notes: list[Note] = []
        self._max_file_bytes = max_file_bytes
        self._lower = {name.lower(): name for name in sorted(files.sizes, reverse=True)}
        self._texts: dict[str, str] = {}
        self._tokens: dict[tuple[str, bool], list[str]] = {}
        self._encoding: str | None = None
        self._verbatim, self._skipped = VERBATIM, SKIPPED
        self.main = self._choose()
        self.folder = posixpath.dirname(self.main)
        self._declare()

    # -- files ----------------------------------------------------------------------------------

    def text(self, name: str) -> str:
        """A file as text; a file that is too large or can't be unpacked is empty."""
        if name not in self._texts:
            text = ""
            if self.files.sizes[name] <= self._max_file_bytes:
                try:
                    text = decode(self.files.read(name), self._encoding)
                except BadRecord as error:
                    self.notes.append(Note(LatexReason.INPUT_MISSING, f"{printable(name)}: {error.detail}"))
            self._texts[name] = text
        return self._texts[name]

    def tokens(self, name: str, *, package: bool = False) -> list[str]:
        """The tokens of a file; of an included one with a preamble only the body."""
        key = (name, package)
        if key not in self._tokens:
            text = self.text(name)
            if name != self.main and not package:
                body = _BODY.search(text)
                if body:
                    stop = text.find("\\end{document}", body.end())
                    text = text[body.end() : stop if stop >= 0 else len(text)]
            self._tokens[key] = tokenize(
                text, package=package, verbatim=self._verbatim, skipped=self._skipped
            )
        return self._tokens[key]

    def resolve(self, path: str, folder: str = "", ending: str = ".tex") -> str | None:
        r"""The file that `\input{path}` reads, looked for beside the main file, then by `folder`."""
        path = path.strip().strip('"').replace("\\", "/")
        if not path:
            return None
        for base in (posixpath.join(self.folder, folder), self.folder, ""):
            place = posixpath.normpath(posixpath.join(base, path)).lstrip("/")
            for name in (place + ending, place):
                if name in self.files:
                    return name
                if name.lower() in self._lower:
                    return self._lower[name.lower()]
        return None

    # -- the main file --------------------------------------------------------------------------

    def _choose(self) -> str:
        names = sorted(self.files.sizes)
        readme, ignored = self._readme(names)
        if readme:
            return readme
        candidates = [name for name in names if name.lower().endswith(_TEX) and name not in ignored]
        if not any(name.lower().endswith(_TEX[:3]) for name in candidates):
            candidates += [name for name in names if "." not in posixpath.basename(name)]
        if list(self.files.sizes) == [SINGLE_FILE]:
            self._refuse_other_kinds(self.files.read(SINGLE_FILE))
        texts = {name: self.text(name) for name in candidates}
        whole = [name for name in candidates if _CLASS.search(texts[name]) and _BODY.search(texts[name])]
        whole = [name for name in whole if not _is_part(texts[name])] or whole
        included = {
            found for name in candidates for path in _inputs(texts[name])
            if (found := self._included(name, path, texts)) and found != name
        }  # fmt: skip
        mains = [name for name in whole if name not in included] or whole
        if not mains:
            mains = [name for name in candidates if _PLAIN.search(texts[name])]
            mains = [name for name in mains if name not in included] or mains
        if not mains:
            withdrawn = any(_WITHDRAWN.search(text[:2_000]) for text in texts.values())
            detail = "the paper was withdrawn" if withdrawn else f"no TeX among {len(names)} files"
            raise Drop(LatexReason.NO_LATEX, detail)
        mains.sort(key=lambda name: self._rank(name, texts[name]))
        if len(mains) > 1:
            others = ", ".join(mains[1:6])
            self.notes.append(Note(LatexReason.OTHER_MAIN_FILE, f"{mains[0]} was read, not {others}"[:300]))
        return mains[0]

    @staticmethod
    def _included(name: str, path: str, texts: dict[str, str]) -> str | None:
        place = posixpath.normpath(posixpath.join(posixpath.dirname(name), path.strip()))
        return next((found for found in (place + ".tex", place) if found in texts), None)

    @staticmethod
    def _rank(name: str, text: str) -> tuple[int, int, int, str]:
        stem = posixpath.splitext(posixpath.basename(name))[0].lower()
        known = _PREFERRED.index(stem) if stem in _PREFERRED else len(_PREFERRED)
        if re.search(r"supp|appendix|response|rebuttal|cover|letter", stem):
            known += len(_PREFERRED)
        return name.count("/"), known, -len(text), name

    def _readme(self, names: list[str]) -> tuple[str | None, set[str]]:
        """What ArXiv's own 00README says: (the top-level file, files to ignore)."""
        top: list[str] = []
        ignored: set[str] = set()
        for name in names:
            base = posixpath.basename(name).lower()
            if "/" in name or self.files.sizes[name] > 1_000_000:
                continue
            if base == "00readme.json":
                try:
                    sources = json.loads(self.text(name)).get("sources", [])
                    uses = [(str(one.get("filename", "")), str(one.get("usage", ""))) for one in sources]
                except (ValueError, AttributeError, TypeError, RecursionError):
                    continue
            elif base in {"00readme.xxx", "00readme"}:
                uses = [
                    (parts[0], parts[1])
                    for line in self.text(name).split("\n")
                    if len(parts := line.split()) == 2
                ]
            else:
                continue
            top += [file for file, use in uses if use.lower() in {"toplevel", "toplevelfile"}]
            ignored |= {file for file, use in uses if use.lower() == "ignore"}
        known = [file for file in top if file in self.files and file.lower().endswith(_TEX)]
        if len(known) > 1:
            detail = f"{known[0]} was read, not {', '.join(known[1:6])}"
            self.notes.append(Note(LatexReason.OTHER_MAIN_FILE, detail[:300]))
        return (known[0] if known else None), ignored

    @staticmethod
    def _refuse_other_kinds(data: bytes) -> None:
        head = data[:1024].lstrip()
        for magic, kind in (
            (b"%PDF", "a PDF"),
            (b"%!PS", "PostScript"),
            (b"<", "HTML or XML"),
            (b"\x89PNG", "PNG"),
        ):
            if head.startswith(magic):
                raise Drop(LatexReason.NO_LATEX, f"the source is {kind}")
        if _WITHDRAWN.search(data[:2_000].decode("latin-1")) and b"\\begin" not in data:
            raise Drop(LatexReason.NO_LATEX, "the paper was withdrawn")
        if b"\\" not in data or b"\x00" in data[:1024].rstrip(b"\x00"):
            raise Drop(LatexReason.NO_LATEX, "the source is no TeX")

    def _declare(self) -> None:
        """What the files say about themselves before any is cut into tokens."""
        verbatim: set[str] = set()
        skipped: set[str] = set()
        match = _ENCODING.search(self.text(self.main))
        if match:
            self._encoding = match[1]
            self._texts.clear()
        for name in sorted(self.files.sizes):
            if name.lower().endswith((".tex", ".sty")):
                more, less = declared_environments(self.text(name))
                verbatim |= more
                skipped |= less
        self._verbatim, self._skipped = VERBATIM | verbatim, SKIPPED | skipped
