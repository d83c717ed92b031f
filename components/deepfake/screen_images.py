"""The `screen` step: whether images are declared, or look, synthetic or forged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas
from components.core.errors import BadRecord
from components.core.stage import Output, Stage, Unit
from components.deepfake.detectors.base import Finding
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import Sample
from components.deepfake.screen_params import ScreenImagesParams
from components.deepfake.screener import Screener
from components.deepfake.verdict import Verdict


class ScreenImagesStage(Stage[ScreenImagesParams]):
    """Says of every image what it declares and what calibrated detectors find; drops nothing.

    One row an image, without its bytes, with a verdict, why, and scores:

    - `synthetic_declared`: 1 where the file declares that it is synthetic, else 0;
    - `forged_verdict`: 0 cannot tell, 1 likely real, 2 declared captured, 3 likely forged, 4 declared
      synthetic (`components.deepfake.verdict.WORDS`);
    - `forged_probability`: only where a verdict of 1 or 3 was given from pixels.

    What is done with them is decided later (`filter.decide.synthetic_images`, `caption.pairs`). An image
    whose pixels can't be examined has the first score only, `cannot_tell`, and a `changed` line. Pixels are
    decoded only where a calibrated detector looks at them; metadata alone costs about a millisecond.
    """

    name = "screen"
    consumes = {"images": "images/1"}
    produces = {"screenings": "screenings/1"}
    reasons = DeepfakeReason
    grouping = "partition"
    sorted_by = {"screenings": "id"}
    columns = {"images": ("id", "bytes")}
    skipped = "screen.enabled is false"

    def __init__(self, params: ScreenImagesParams) -> None:
        super().__init__(params)
        self._screener: Screener | None = None

    @property
    def enabled(self) -> bool:
        """Whether images are to be screened."""
        return self.params.enabled

    def run(self, unit: Unit, out: Output) -> None:
        """Screen one partition of images; it is sorted by id.

        Raises:
            ConfigurationError: for detectors, weights or calibrations that can't be used.
        """
        images = unit.tables["images"]
        images = images.take(pc.sort_indices(images.column("id")))
        if self._screener is None:
            self._screener = Screener(self.params)
        ids, data = images.column("id").to_pylist(), images.column("bytes")
        rows: list[dict[str, Any]] = []
        for start in range(0, len(ids), self.params.batch):
            batch = ids[start : start + self.params.batch]
            files = [data[start + n].as_py() for n in range(len(batch))]
            rows += self._batch(self._screener, batch, files, out)
        out.keep("screenings", pa.Table.from_pylist(rows, schema=schemas.get("screenings/1")))

    def _batch(
        self, screener: Screener, ids: Sequence[str], files: Sequence[bytes], out: Output
    ) -> list[dict[str, Any]]:
        """Rows of some images, in their order."""
        samples = [_sample(screener, image_id, file, out) for image_id, file in zip(ids, files, strict=True)]
        verdicts = iter(screener.verdicts([sample for sample in samples if sample is not None]))
        return [
            _row(screener, image_id, None if sample is None else next(verdicts), out)
            for image_id, sample in zip(ids, samples, strict=True)
        ]


def _sample(screener: Screener, image_id: str, file: bytes, out: Output) -> Sample | None:
    """What is seen of an image; None where it could not be examined, which is told."""
    provenance = screener.provenance(file)
    if provenance.verdict == "synthetic" or not screener.reads_pixels:
        return screener.unexamined(file, provenance)
    try:
        return screener.examined(file, provenance)
    except BadRecord as bad:
        out.change(image_id, bad.reason, kind="image", detail=f"its pixels were not screened: {bad.detail}")
        out.count("images_not_examined")
        return None


def _row(screener: Screener, image_id: str, verdict: Verdict | None, out: Output) -> dict[str, Any]:
    """A row of screenings/1; counted by word and by detector. None: the pixels could not be examined."""
    if verdict is None:
        why = "It is not declared synthetic, and its pixels could not be examined."
        return {"id": image_id, "verdict": "cannot_tell", "why": why, "scores": [("synthetic_declared", 0.0)]}
    out.count(f"verdict_{verdict.word}")
    for finding in verdict.findings:
        _count(screener, finding, out)
    scores = {
        "synthetic_declared": float(verdict.word == "declared_synthetic"),
        "forged_verdict": float(verdict.code),
    }
    if verdict.probability is not None and verdict.word in {"likely_forged", "likely_real"}:
        scores["forged_probability"] = verdict.probability
    return {
        "id": image_id,
        "verdict": verdict.word,
        "why": verdict.why,
        "scores": sorted(scores.items()),
    }


def _count(screener: Screener, finding: Finding, out: Output) -> None:
    """One more answer of a detector: forged, real or cannot_tell by its own calibration, or abstained."""
    said = "abstained"
    calibration = screener.calibrations.get(finding.detector)
    if finding.score is not None:
        if screener.families[finding.detector] == "provenance":
            said = "likely_forged" if finding.score > 0 else "likely_real"
        elif calibration is None or calibration.method == "none":
            said = "not_calibrated"
        else:
            said = calibration.answer(calibration.apply(finding.score))
    out.count(f"detector_{finding.detector}_{said}")
