"""What PDFium says of each character, asked for in compiled loops.

PDFium answers one question about one character a call. Through ctypes a call costs more than the answer;
here the calls are made by the functions' addresses from compiled code. The addresses are arguments,
because compiled code is kept on disk and they differ from process to process.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pypdfium2.raw as pdfium
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_POINTER, _INT = ir.IntType(64), ir.IntType(32)


def _calling(result: ir.Type, *arguments: ir.Type) -> Any:
    """Code for `call(address, *arguments)`, all of them int64 where it is called."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(result, arguments)
        given = [
            value if argument == _POINTER else builder.trunc(value, argument)
            for value, argument in zip(values[1:], arguments, strict=True)
        ]
        return builder.call(builder.inttoptr(values[0], kind.as_pointer()), given)

    return generate


def _code(context: Any, address: Any, page: Any, index: Any) -> Any:
    return types.uint32(types.int64, types.int64, types.int64), _calling(_INT, _POINTER, _INT)


def _single(context: Any, address: Any, page: Any, index: Any) -> Any:
    return types.float32(types.int64, types.int64, types.int64), _calling(ir.FloatType(), _POINTER, _INT)


def _double(context: Any, address: Any, page: Any, index: Any) -> Any:
    return types.float64(types.int64, types.int64, types.int64), _calling(ir.DoubleType(), _POINTER, _INT)


def _handle(context: Any, address: Any, page: Any, index: Any) -> Any:
    return types.int64(types.int64, types.int64, types.int64), _calling(_POINTER, _POINTER, _INT)


def _handle_of(context: Any, address: Any, handle: Any) -> Any:
    return types.int64(types.int64, types.int64), _calling(_POINTER, _POINTER)


def _fill(context: Any, address: Any, page: Any, index: Any, out: Any) -> Any:
    return types.int32(*[types.int64] * 4), _calling(_INT, _POINTER, _INT, _POINTER)


_ask_code: Any = intrinsic(_code)
_ask_single: Any = intrinsic(_single)
_ask_double: Any = intrinsic(_double)
_ask_handle: Any = intrinsic(_handle)
_ask_handle_of: Any = intrinsic(_handle_of)
_ask_fill: Any = intrinsic(_fill)


def _address(function: Any) -> int:
    found = ctypes.cast(function, ctypes.c_void_p).value
    if found is None:
        raise ImportError(f"PDFium lacks {function}")
    return found


_OF_CHARACTERS: Final = np.array(
    [
        _address(f)
        for f in (pdfium.FPDFText_GetLooseCharBox, pdfium.FPDFText_GetUnicode, pdfium.FPDFText_GetCharAngle)
    ],
    np.int64,
)
_OF_RUNS: Final = np.array(
    [
        _address(f)
        for f in (
            pdfium.FPDFText_GetFontSize,
            pdfium.FPDFText_GetMatrix,
            pdfium.FPDFText_GetTextObject,
            pdfium.FPDFTextObj_GetFont,
        )
    ],
    np.int64,
)


@njit("void(int64[::1], int64, float32[:, ::1], uint32[::1], float32[::1])", cache=True, nogil=True)
def _characters(functions: Any, page: Any, boxes: Any, codes: Any, angles: Any) -> None:
    start = boxes.ctypes.data
    for index in range(len(codes)):
        _ask_fill(functions[0], page, index, start + 16 * index)
        codes[index] = _ask_code(functions[1], page, index)
        angles[index] = _ask_single(functions[2], page, index)


def characters(page: int, count: int) -> tuple[npt.NDArray[np.uint32], Floats, Floats]:
    """Of the first `count` characters of a text page: code points, loose boxes, angles.

    Args:
        page: address of a loaded FPDF_TEXTPAGE.

    Returns:
        codes (n,); boxes (n, 4) of left, top, right, bottom in page space; clockwise angles (n,) in radians.
    """
    boxes, codes = np.zeros((count, 4), np.float32), np.zeros(count, np.uint32)
    angles = np.zeros(count, np.float32)
    _characters(_OF_CHARACTERS, page, boxes, codes, angles)
    return codes, boxes, angles


@njit(
    "void(int64[::1], int64, float64[:, ::1], int64[::1], int64[::1], int64[::1], float64[:, ::1], "
    "float32[:, ::1], int64[:, ::1])",
    cache=True,
    nogil=True,
)
def _runs(
    functions: Any,
    page: Any,
    boxes: Any,
    numbers: Any,
    starts: Any,
    stops: Any,
    places: Any,
    matrices: Any,
    fonts: Any,
) -> None:
    start_of = matrices.ctypes.data
    for run in range(len(starts)):
        start, stop = starts[run], stops[run]
        order = np.argsort(boxes[start:stop, 3], kind="mergesort")
        typical = start + order[(stop - start) // 2]
        places[run, 0] = boxes[start:stop, 0].min()
        places[run, 1] = boxes[typical, 1]
        places[run, 2] = boxes[start:stop, 2].max()
        places[run, 3] = boxes[typical, 3]
        places[run, 4] = _ask_double(functions[0], page, numbers[typical])
        # no answer leaves a matrix of zeros
        _ask_fill(functions[1], page, numbers[typical], start_of + 24 * run)
        sampled = (start, typical, stop - 1)
        for sample in range(3):
            drawn = _ask_handle(functions[2], page, numbers[sampled[sample]])
            fonts[run, 2 * sample] = numbers[sampled[sample]]
            fonts[run, 2 * sample + 1] = _ask_handle_of(functions[3], drawn) if drawn else 0


def measure_runs(
    page: int, boxes: npt.NDArray[np.float64], numbers: Integers, starts: Integers, stops: Integers
) -> tuple[npt.NDArray[np.float64], Floats, Integers]:
    """Boxes, sizes and fonts of runs of characters.

    The character of median baseline stands for its run: an index or exponent may be anywhere.

    Args:
        page: address of a loaded FPDF_TEXTPAGE.
        boxes: (n, 4) of the characters, upright.
        numbers: (n,) PDFium's numbers of them.
        starts, stops: (m,) the characters of each run.

    Returns:
        (m, 5): least x0, typical y0, greatest x1, typical y1, font size as set;
        (m, 6): the typical character's matrix, zeros where it has none;
        (m, 6): PDFium's numbers of the first, typical and last character, each followed by its font's handle.
    """
    count = len(starts)
    places, matrices = np.zeros((count, 5)), np.zeros((count, 6), np.float32)
    fonts = np.zeros((count, 6), np.int64)
    _runs(_OF_RUNS, page, np.ascontiguousarray(boxes), numbers, starts, stops, places, matrices, fonts)
    return places, matrices, fonts
