"""The page of `kalemint screen --report`: every verdict, with pictures of the evidence."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import PIL.Image as PilImage

from components.core.report import (
    Block,
    Column,
    Columns,
    Figure,
    Gallery,
    Line,
    LineChart,
    Panel,
    Paragraph,
    Report,
    Section,
    Table,
    Tile,
    key_values,
    render,
)
from components.deepfake.detectors.base import Evidence, Finding
from components.deepfake.sample import Crop, Pixels, Sample
from components.deepfake.screen_params import ScreenParams
from components.deepfake.verdict import WORDS, Verdict

SHOWN: Final = 200
"""Files whose evidence is shown, a picture of 10 to 40 kB each; the table names all."""
_SIDE: Final = 256
_WARNING: Final = (
    "No verdict is a proof. Heat maps show what moved a detector, not what was forged; metadata is easily "
    "written and easily stripped; detectors know only forgeries like those they were trained on."
)


class ScreenReport:
    """Collects verdicts; holds drawn evidence, no samples."""

    def __init__(self, params: ScreenParams) -> None:
        self._params = params
        self._rows: list[tuple[str, str, str, str]] = []
        self._panels: list[Block] = []
        self._counts: dict[str, int] = {}

    def add(self, file: str, verdict: Verdict, sample: Sample, families: Mapping[str, str]) -> None:
        """One file that was judged."""
        self._counts[verdict.word] = self._counts.get(verdict.word, 0) + 1
        probability = "" if verdict.probability is None else f"{verdict.probability:.3f}"
        self._rows.append((file, verdict.word.replace("_", " "), probability, verdict.why))
        if len(self._panels) < SHOWN:
            self._panels.append(_panel(file, verdict, sample, families))

    def add_failure(self, file: str, reason: str, detail: str) -> None:
        """One file that could not be examined."""
        self._rows.append((file, "not examined", "", f"{reason}: {detail}"))
        self._counts["not examined"] = self._counts.get("not examined", 0) + 1

    def render(self) -> str:
        """The page; the same verdicts give the same bytes."""
        tiles = [
            Tile(word.replace("_", " "), str(self._counts[word]))
            for word in (*reversed(WORDS), "not examined")
            if word in self._counts
        ]
        columns = [Column("file", "code"), Column("verdict"), Column("probability", "number"), Column("why")]
        intro = "" if len(self._panels) < SHOWN else f"Of the first {SHOWN} files."
        sections = [
            Section("Verdicts", [Table(columns, self._rows)], intro=_WARNING),
            Section("Evidence", self._panels or [Paragraph("No file could be examined.")], intro=intro),
            Section("Parameters", [key_values(self._params.model_dump(mode="json"))]),
        ]
        subtitle = f"{len(self._rows)} files, prior {self._params.verdict.prior:g}"
        return render(Report("Screening", subtitle, sections, tiles=tiles))


def _panel(file: str, verdict: Verdict, sample: Sample, families: Mapping[str, str]) -> Block:
    """What is shown of one file."""
    blocks: list[Block] = [Paragraph(verdict.why)]
    figures = [_figure(crop.image, _where(crop, number)) for number, crop in _looked_at(sample)]
    charts: list[Block] = []
    rows = []
    for finding in verdict.findings:
        maps, lines, texts = _evidence(finding, sample)
        figures += maps
        charts += lines
        score = "" if finding.score is None else f"{finding.score:+.2f}"
        silent = "" if finding.abstained is None else f"no answer: {str(finding.abstained).replace('_', ' ')}"
        rows.append((finding.detector, families[finding.detector], score, " ".join([silent, *texts]).strip()))
    columns = [Column("detector"), Column("family"), Column("score", "number"), Column("what it says")]
    blocks.append(Table(columns, rows, caption="Scores are log-odds before calibration."))
    if figures:
        blocks.append(Gallery(figures))
    if charts:
        blocks.append(Columns(charts))
    return Panel(file, blocks, note=verdict.word.replace("_", " "))


def _looked_at(sample: Sample) -> Iterator[tuple[int, Crop]]:
    """The first crop of each of the first faces; where there is none, the first patch."""
    for track in sample.faces[:4]:
        yield track.number, track.crops[0]
    if not sample.faces and sample.patches:
        yield -1, sample.patches[0]


def _evidence(finding: Finding, sample: Sample) -> tuple[list[Figure], list[LineChart], list[str]]:
    """Heat maps, charts and sentences of one detector; what can't be drawn is told."""
    maps: list[Figure] = []
    charts: list[LineChart] = []
    texts: list[str] = []
    for evidence in finding.evidence:
        if evidence.kind == "heat_map" and (figure := heat_figure(evidence, sample)) is not None:
            maps.append(figure)
        elif evidence.kind in {"spectrum", "series"} and evidence.values is not None:
            points = [(float(x), float(y)) for x, y in evidence.values]
            line = Line(evidence.labels[1] or evidence.name, points)
            title = f"{finding.detector}: {evidence.name}"
            charts.append(LineChart(title, [line], evidence.labels[0], note=evidence.text, zero=False))
        else:
            texts.append(evidence.text)
    return maps, charts, texts


def heat_figure(evidence: Evidence, sample: Sample) -> Figure | None:
    """A heat map over the crop that it is about; None where that crop is not in the sample."""
    crop = _crop_of(evidence, sample)
    if crop is None or evidence.values is None:
        return None
    return _figure(overlay(crop.image, evidence.values), f"{evidence.name}: {evidence.text}")


def _crop_of(evidence: Evidence, sample: Sample) -> Crop | None:
    tracks = [track for track in (*sample.faces, *sample.dense) if track.number == evidence.track]
    crops = [crop for track in tracks for crop in track.crops] if evidence.track >= 0 else [*sample.patches]
    same = [crop for crop in crops if abs(crop.seconds - evidence.seconds) < 1e-6]
    shaped = [
        crop for crop in same if evidence.values is not None and crop.image.shape[:2] == evidence.values.shape
    ]
    return next(iter(shaped or same), None)


def overlay(image: Pixels, heat: np.ndarray) -> Pixels:
    """A picture in grey, warmer where the map is hotter.

    Args:
        image: (height, width, 3).
        heat: (h, w), 0 to 1; of another size it is stretched to the picture.
    """
    height, width = image.shape[:2]
    hot = np.nan_to_num(np.clip(heat.astype(np.float32), 0, 1))
    if hot.shape != (height, width):
        stretched = PilImage.fromarray(np.round(hot * 255).astype(np.uint8))
        wide = stretched.resize((width, height), PilImage.Resampling.BILINEAR)
        hot = np.asarray(wide, np.float32) / np.float32(255)
    grey = image.mean(axis=2, keepdims=True)
    # black, red, yellow: brightness rises with heat, so that it reads without colour
    colours = np.stack([np.minimum(2 * hot, 1), np.clip(2 * hot - 1, 0, 1), np.zeros_like(hot)], axis=2) * 255
    share = 0.65 * hot[..., None]
    return np.asarray(np.round(grey * (1 - share) + colours * share), np.uint8)


def _figure(image: Pixels, caption: str) -> Figure:
    picture = PilImage.fromarray(image)
    picture.thumbnail((_SIDE, _SIDE), PilImage.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=80, method=4)
    uri = "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
    return Figure(uri, caption.partition(":")[0], caption, picture.width, picture.height)


def _where(crop: Crop, number: int) -> str:
    what = "patch" if number < 0 else f"face {number}, {crop.face_pixels:.0f} pixels wide"
    return f"{what}, frame {crop.frame} at {crop.seconds:.2f} s"
