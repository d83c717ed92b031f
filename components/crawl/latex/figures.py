"""Find the file of a figure in the source and make it an image that can be shown.

PNG, JPEG and the like are kept as they are. A page of a PDF is rendered by pypdfium2. PostScript is
converted by Ghostscript where `gs` is installed, else noted: Ghostscript is an optional program.
"""

from __future__ import annotations

import io
import math
import posixpath
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Final

import pypdfium2

from components.core.errors import BadRecord
from components.core.images import read_image
from components.core.records import Image
from components.crawl.latex.archive import SourceFiles
from components.crawl.latex.params import FigureParams
from components.crawl.latex.reasons import LatexReason

EXTENSIONS: Final = (".pdf", ".png", ".jpg", ".jpeg", ".eps", ".ps", ".gif", ".bmp", ".tif", ".tiff", ".webp")
"""Tried in this order where a figure is named without its extension (pdfTeX's order, then dvips')."""
_BOUNDING_BOX: Final = re.compile(
    rb"^%%(?:HiRes)?BoundingBox:\s*(-?[\d.]+)\s+(-?[\d.]+)\s+(-?[\d.]+)\s+(-?[\d.]+)", re.MULTILINE
)
_POINTS_PER_INCH: Final = 72


def candidates(path: str, folders: list[str]) -> list[str]:
    """Where a figure may be: each graphics path, as named and with every extension."""
    named = posixpath.normpath(path.replace("\\", "/").lstrip("/"))
    places = [posixpath.normpath(posixpath.join(folder, named)) for folder in ["", *folders]]
    endings = [""] if named.lower().endswith(EXTENSIONS) else [*EXTENSIONS, ""]
    stem, dot, _ = named.rpartition(".")
    found = [place + ending for place in places for ending in endings]
    if dot and endings == [""] and stem:  # an .eps that was converted and shipped as .pdf, say
        found += [posixpath.normpath(posixpath.join(f, stem + e)) for f in ["", *folders] for e in EXTENSIONS]
        found += [place[: -len(path) + path.rfind(".")] + "-eps-converted-to.pdf" for place in places]
    return found


class FigureReader:
    """Finds and converts the figures of one source.

    Args:
        files: the source.
        params: bounds.
        folders: `\\graphicspath` and the folder of the main file, in order.
    """

    def __init__(self, files: SourceFiles, params: FigureParams, folders: list[str]) -> None:
        self._files = files
        self._params = params
        self._folders = folders[:50]
        self._lower: dict[str, str] = {}
        for name in sorted(files.sizes):
            self._lower.setdefault(name.lower(), name)
        self._cache: dict[tuple[str, int], Image] = {}

    def find(self, path: str) -> str | None:
        """The archive member that a `\\includegraphics` names, or None."""
        options = candidates(path, self._folders)
        for name in options:
            if name in self._files:
                return name
        for name in options:
            if name.lower() in self._lower:
                return self._lower[name.lower()]
        return None

    def read(self, path: str, page: int = 1) -> Image:
        """The image that a figure shows.

        Raises:
            BadRecord: `figure_missing`, `figure_unreadable`, `figure_limit` or `converter_missing`.
        """
        name = self.find(path)
        if name is None:
            raise BadRecord(LatexReason.FIGURE_MISSING, f"{path[:150]} is not in the source")
        key = (name, page)
        if key not in self._cache:
            if len(self._cache) >= self._params.max_figures:
                raise BadRecord(LatexReason.FIGURE_LIMIT, f"more than {self._params.max_figures} figures")
            self._cache[key] = self._convert(name, self._files.read(name), page)
        return self._cache[key]

    def _convert(self, name: str, data: bytes, page: int) -> Image:
        try:
            if data[:2] == b"\x1f\x8b":
                unpacker = zlib.decompressobj(wbits=31)
                data = unpacker.decompress(data, 64 << 20)
            if b"%PDF" in data[:1024]:
                data = render_pdf(data, page, self._params)
            elif data[:2] == b"%!" or data[:4] == b"\xc5\xd0\xd3\xc6" or b"%!PS" in data[:256]:
                data = render_postscript(data, self._params)
            return read_image(data)
        except BadRecord as error:
            reason = error.reason if isinstance(error.reason, LatexReason) else LatexReason.FIGURE_UNREADABLE
            raise BadRecord(reason, f"{name[:150]}: {error.detail}") from None
        except zlib.error as error:
            raise BadRecord(LatexReason.FIGURE_UNREADABLE, f"{name[:150]}: {error}") from None


def _scale(width: float, height: float, params: FigureParams) -> float:
    """Pixels per point: the wanted resolution, less where that would be too many pixels."""
    scale = params.figure_dpi / _POINTS_PER_INCH
    pixels = max(width, 1.0) * max(height, 1.0) * scale * scale
    if pixels > params.max_figure_pixels:
        scale *= math.sqrt(params.max_figure_pixels / pixels)
    return min(scale, 19_000 / max(width, height, 1.0))


def render_pdf(data: bytes, page: int, params: FigureParams) -> bytes:
    """A page of a PDF as PNG bytes, on white; the first where there are fewer pages.

    Raises:
        BadRecord: `figure_unreadable`.
    """
    try:
        document = pypdfium2.PdfDocument(data)
        try:
            sheet = document[page - 1 if 0 < page <= len(document) else 0]
            width, height = sheet.get_size()
            bitmap = sheet.render(scale=_scale(width, height, params))
            picture = bitmap.to_pil().convert("RGB")
        finally:
            document.close()
    except (pypdfium2.PdfiumError, ValueError, IndexError, OverflowError) as error:
        raise BadRecord(LatexReason.FIGURE_UNREADABLE, f"pdf: {error}") from None
    out = io.BytesIO()
    picture.save(out, format="PNG", compress_level=6)
    return out.getvalue()


def _limit_child(seconds: float, max_bytes: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))


def render_postscript(data: bytes, params: FigureParams) -> bytes:
    """The first page of a PostScript file as PNG bytes, cut to its bounding box.

    Runs `gs -dSAFER` in a folder of its own with limits on time and on the size of its output.

    Raises:
        BadRecord: `converter_missing` or `figure_unreadable`.
    """
    program = shutil.which("gs")
    if program is None:
        raise BadRecord(LatexReason.CONVERTER_MISSING, "gs (Ghostscript) is not installed")
    box = _BOUNDING_BOX.search(data[:65_536]) or _BOUNDING_BOX.search(data[-8_192:])
    try:
        left, bottom, right, top = (float(value) for value in box.groups()) if box else (0, 0, 612, 792)
    except ValueError:
        raise BadRecord(LatexReason.FIGURE_UNREADABLE, "the bounding box is no numbers") from None
    dpi = _scale(right - left, top - bottom, params) * _POINTS_PER_INCH
    with tempfile.TemporaryDirectory(prefix="kalemint-gs-") as folder:
        source, target = Path(folder, "in.ps"), Path(folder, "out-%d.png")
        source.write_bytes(data)
        command = [
            program, "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dEPSCrop", "-dLastPage=1", "-sDEVICE=png16m",
            "-dTextAlphaBits=4", "-dGraphicsAlphaBits=4", f"-r{dpi:.2f}", f"-sOutputFile={target}",
            str(source),
        ]  # fmt: skip
        timeout = params.ghostscript_timeout_s
        limits = (lambda: _limit_child(timeout, 256 << 20)) if sys.platform == "linux" else None
        try:
            for _ in range(2):  # once more where it was killed from outside
                done = subprocess.run(
                    command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=timeout,
                    check=False,
                    preexec_fn=limits,
                )
                if done.returncode != -signal.SIGKILL:
                    break
        except (subprocess.TimeoutExpired, OSError) as error:
            raise BadRecord(LatexReason.FIGURE_UNREADABLE, f"gs: {type(error).__name__}") from None
        first = Path(folder, "out-1.png")
        if not first.is_file() or not first.stat().st_size:
            raise BadRecord(LatexReason.FIGURE_UNREADABLE, f"gs ended with {done.returncode}")
        return first.read_bytes()
