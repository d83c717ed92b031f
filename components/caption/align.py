"""How well alternative texts fit their images: scored here, held against a threshold by the next steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from components.caption.alt_score import informativeness
from components.caption.engines.base import Request
from components.caption.judges import Unjudged, check_choices, choice
from components.caption.opened_engines import OpenedEngines
from components.caption.reasons import CaptionReason
from components.caption.stage_params import AlignParams, MinAlignment
from components.core import schemas
from components.core.dual_encoder import DualEncoder
from components.core.errors import BadRecord
from components.core.prompts import load_prompt
from components.core.rgb_images import rgb_image
from components.core.stage import Output, Stage, Unit

_DIGITS: Final = 4
"""Decimal places of a score: what processors and batches change lies below."""
_SIDE: Final = 1024
"""Longest side in pixels of what an encoder's processor gets; encoders see 224 to 512."""

Score = float | None | Unjudged
"""A score; None without an alternative text; why there is none."""


class AlignStage(Stage[AlignParams]):
    """Scores the alternative text of every pair against its image and decides nothing.

    A pair without an alternative text has the score null. One that can't be scored (a broken image, an engine
    that is gone) is failed and has no row: the next steps then take its alternative text for unrelated.
    """

    name = "align"
    consumes = {"pairs": "pairs/1", "images": "images/1"}
    produces = {"alignments": "alignments/1"}
    reasons = CaptionReason
    sides = {"images": "aligned"}
    columns = {"pairs": ("id", "alt"), "images": ("id", "bytes")}

    def __init__(self, params: AlignParams) -> None:
        super().__init__(params)
        self.max_processes = None if params.chosen == "lexical" else 1
        self._engines = OpenedEngines()
        self._encoder: DualEncoder | None = None

    def run(self, unit: Unit, out: Output) -> None:
        """Score one shard of pairs.

        Raises:
            ConfigurationError: where the model can't do this, or its packages are not installed.
        """
        method = self.params.chosen
        pairs = unit.tables["pairs"].to_pylist()
        texts = {pair["id"]: pair["alt"] for pair in pairs if pair["alt"]}
        if method == "lexical":
            scores: Mapping[str, Score] = {key: informativeness(alt) for key, alt in texts.items()}
        else:
            images = image_bytes(unit.tables["images"], texts)
            missing = Unjudged(CaptionReason.IMAGE_MISSING, "its image is not in the shard")
            scores = dict.fromkeys(texts, missing)
            known = [key for key in texts if key in images]
            how = self._by_encoder if method == "encoder" else self._by_judge
            scores |= how(known, texts, images)
        rows: list[dict[str, Any]] = []
        for pair in pairs:
            score = scores.get(pair["id"])
            if isinstance(score, Unjudged):
                out.fail(pair["id"], score.reason, kind="image", detail=score.detail)
                continue
            rows.append({"id": pair["id"], "score": score, "method": method})
        out.count(f"scored_by_{method}", sum(row["score"] is not None for row in rows))
        out.count("without_alt_text", sum(row["score"] is None for row in rows))
        out.keep("alignments", pa.Table.from_pylist(rows, schema=schemas.get("alignments/1")))

    def _by_encoder(
        self, ids: Sequence[str], texts: Mapping[str, str], images: Mapping[str, bytes]
    ) -> dict[str, Score]:
        """Cosines of the embeddings; a batch of pixels in memory at a time."""
        if self._encoder is None:
            assert self.params.model is not None
            self._encoder = DualEncoder(self.params.model, self.params.revision, "caption.align.model")
        scores: dict[str, Score] = {}
        for at in range(0, len(ids), self.params.batch):
            decoded: dict[str, Any] = {}
            for key in ids[at : at + self.params.batch]:
                try:
                    picture = rgb_image(images[key], _SIDE)
                except BadRecord as error:
                    scores[key] = Unjudged(CaptionReason.IMAGE_UNDECODABLE, error.detail)
                else:
                    decoded[key] = np.asarray(picture)[:, :, ::-1]
            if not decoded:
                continue
            pictures = self._encoder.images(list(decoded.values()))
            phrases = self._encoder.texts([" ".join(texts[key].split()) for key in decoded])
            cosines = (pictures * phrases).sum(axis=1)
            scores |= {key: round(float(c), _DIGITS) for key, c in zip(decoded, cosines, strict=True)}
        return scores

    def _by_judge(
        self, ids: Sequence[str], texts: Mapping[str, str], images: Mapping[str, bytes]
    ) -> dict[str, Score]:
        """Probability of yes; 1 or 0 where the engine tells none."""
        assert self.params.teacher is not None
        prompt = load_prompt(self.params.prompt)
        check_choices(prompt)
        engine = self._engines.get(self.params.teacher)
        answers = engine.generate([Request.of(prompt, images[key], alt_text=texts[key]) for key in ids])
        scores: dict[str, Score] = {}
        for key, completion in zip(ids, answers, strict=True):
            answer = choice(completion)
            if isinstance(answer, Unjudged):
                scores[key] = answer
                continue
            said, probability = answer
            sure = 1.0 if probability is None else probability
            scores[key] = round(sure if said == "yes" else 1 - sure, _DIGITS)
        return scores

    def close(self) -> None:
        """Release the model."""
        self._engines.close()


def image_bytes(images: pa.Table, wanted: Mapping[str, Any] | set[str]) -> dict[str, bytes]:
    """The encoded images of the wanted ids that a table of images has."""
    ids, data = images.column("id").to_pylist(), images.column("bytes")
    return {key: data[row].as_py() for row, key in enumerate(ids) if key in wanted}


@dataclass(frozen=True, slots=True)
class Gated:
    """An alternative text after the gate.

    Attributes:
        alt: the text; null where it may not be used.
        reason: why it may not; null where it may.
        score, threshold: what decided, where something was compared.
    """

    alt: str | None
    reason: CaptionReason | None = None
    score: float | None = None
    threshold: float | None = None


def gate(alt: str | None, alignment: Mapping[str, Any] | None, least: MinAlignment) -> Gated:
    """Whether an alternative text may be used: only one that was found to fit its image.

    Args:
        alignment: its row of `alignments/1`; None where it could not be scored.
        least: the thresholds of the methods.
    """
    if not alt:
        return Gated(None, CaptionReason.NO_ALT_TEXT)
    if alignment is None or alignment["score"] is None:
        return Gated(None, CaptionReason.ALIGNMENT_UNKNOWN)
    threshold = least.of(alignment["method"])
    # thresholds are decimal, scores 32-bit floats: 0.6 must pass 0.6
    if round(alignment["score"], _DIGITS) < threshold:
        return Gated(None, CaptionReason.ALT_TEXT_UNRELATED, alignment["score"], threshold)
    return Gated(alt)
