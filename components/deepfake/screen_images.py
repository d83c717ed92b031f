"""The `screen` step: scores of images that say whether they are declared, or look, forged."""

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

Scores = dict[str, float]
SCORES = ("synthetic_declared", "forged_probability", "forged_verdict")
"""Names of the scores that this stage sets; older ones of these names are taken out."""


class ScreenImagesStage(Stage[ScreenImagesParams]):
    """Adds to `scores` of every image what it declares and what calibrated detectors say; drops nothing.

    - `synthetic_declared`: 1 where the file declares that it is synthetic, else 0;
    - `forged_verdict`: 0 cannot tell, 1 likely real, 2 declared captured, 3 likely forged, 4 declared
      synthetic (`components.deepfake.verdict.WORDS`);
    - `forged_probability`: only where a verdict of 1 or 3 was given from pixels.

    What is done with them is decided later (`filter.decide.synthetic_images`, `caption.pairs`). An image
    whose pixels can't be examined has the first score only, and a `changed` line. Pixels are decoded only
    where a calibrated detector looks at them, so that metadata alone costs microseconds.
    """

    name = "screen"
    consumes = {"images": "images/1"}
    produces = {"images": "images/1"}
    reasons = DeepfakeReason
    grouping = "partition"
    sorted_by = {"images": "id"}

    def __init__(self, params: ScreenImagesParams) -> None:
        super().__init__(params)
        self._screener: Screener | None = None

    def run(self, unit: Unit, out: Output) -> None:
        """Score one partition of images; it is sorted by id.

        Raises:
            ConfigurationError: for detectors, weights or calibrations that can't be used.
        """
        images = unit.tables["images"]
        images = images.take(pc.sort_indices(images.column("id")))
        if not self.params.enabled:
            out.keep("images", images)
            return
        if self._screener is None:
            self._screener = Screener(self.params)
        ids, data = images.column("id").to_pylist(), images.column("bytes")
        found: list[Scores] = []
        for start in range(0, len(ids), self.params.batch):
            batch = ids[start : start + self.params.batch]
            found += self._batch(
                self._screener, batch, [data[start + n].as_py() for n in range(len(batch))], out
            )
        before = images.column("scores").to_pylist()
        merged = [_merged(old, new) for old, new in zip(before, found, strict=True)]
        index, field = images.schema.get_field_index("scores"), schemas.get("images/1").field("scores")
        out.keep("images", images.set_column(index, field, pa.array(merged, field.type)))

    def _batch(
        self, screener: Screener, ids: Sequence[str], files: Sequence[bytes], out: Output
    ) -> list[Scores]:
        """Scores of some images, in their order."""
        samples: list[Sample | None] = []
        for image_id, file in zip(ids, files, strict=True):
            samples.append(_sample(screener, image_id, file, out))
        seen = [sample for sample in samples if sample is not None]
        verdicts = iter(screener.verdicts(seen))
        return [
            {"synthetic_declared": 0.0} if sample is None else _scores(screener, next(verdicts), out)
            for sample in samples
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


def _scores(screener: Screener, verdict: Verdict, out: Output) -> Scores:
    """The scores of a verdict; counted by word and by detector."""
    out.count(f"verdict_{verdict.word}")
    for finding in verdict.findings:
        _count(screener, finding, out)
    scores = {
        "synthetic_declared": float(verdict.word == "declared_synthetic"),
        "forged_verdict": float(verdict.code),
    }
    if verdict.probability is not None and verdict.word in {"likely_forged", "likely_real"}:
        scores["forged_probability"] = verdict.probability
    return scores


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


def _merged(old: Any, new: Scores) -> list[tuple[str, float]]:
    kept = {name: value for name, value in dict(old or []).items() if name not in SCORES}
    return sorted({**kept, **new}.items())
