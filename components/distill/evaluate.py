"""The student's captions of held-out images against the teacher's, a row an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from components.core import schemas
from components.core.alt_text_facts import facts, kept
from components.core.claims import normal, split_claims, words
from components.core.errors import BadShard
from components.core.stage import Output, Stage, Unit
from components.core.text_metrics import rouge_l, supported_share, tokens, word_overlap
from components.distill.evaluation_params import EvaluateParams
from components.distill.reasons import DistillReason

_SCHEMA: Final = "evaluations/1"
_MIN_NAMES_TAKEN: Final = 0.5
"""Share of the other alternative text's names that a caption must take for them to have changed."""


class EvaluateStage(Stage[EvaluateParams]):
    """Scores every prediction by itself; what needs all of them (CIDEr-D, BLEU) is the gate's.

    A degenerate prediction is scored as it was written, an empty one gets 0. A score that an image can't
    have, such as the recall of facts where the teacher took none, is left out of its row.
    """

    name = "evaluate"
    consumes = {"predictions": "predictions/1", "heldout": "training_pairs/1"}
    produces = {"evaluations": _SCHEMA}
    reasons = DistillReason
    sides = {"heldout": "aligned"}
    columns = {
        "predictions": ("id", "text", "problem", "other_alt", "other_text"),
        "heldout": ("id", "group", "alt", "target"),
    }

    def run(self, unit: Unit, out: Output) -> None:
        """Score the predictions of one shard.

        Raises:
            BadShard: where a prediction is of an image that is not held out in the shard of that number.
        """
        heldout = {row["id"]: row for row in unit.tables["heldout"].to_pylist()}
        repeated: dict[str, list[str]] = {}
        for row in heldout.values():
            if row["alt"]:
                repeated.setdefault(row["alt"], []).append(row["target"])
        made = []
        for row in unit.tables["predictions"].to_pylist():
            if row["id"] not in heldout:
                raise BadShard(
                    f"Prediction {row['id']} is of no image that is held out in the shard of that number."
                )
            example = heldout[row["id"]]
            other = frozenset().union(
                *(kept(facts(row["other_alt"]), target) for target in repeated.get(row["other_alt"], ()))
            )
            made.append(
                {
                    "id": row["id"],
                    "group": example["group"],
                    "alt": example["alt"],
                    "reference": example["target"],
                    "prediction": row["text"],
                    "other_alt": row["other_alt"],
                    "other_prediction": row["other_text"],
                    "problem": row["problem"],
                    "scores": sorted(self._scores(example, row, other).items()),
                }
            )
        out.keep("evaluations", pa.Table.from_pylist(made, schema=schemas.get(_SCHEMA)))

    def _scores(
        self, example: Mapping[str, Any], row: Mapping[str, Any], other: frozenset[str]
    ) -> dict[str, float]:
        scores = compare(row["text"] or "", example["target"], example["alt"], self.params.claim_support)
        scores["degenerate"] = float(row["problem"] is not None)
        if row["other_alt"] is not None:
            scores |= swapped(
                row["text"] or "",
                row["other_text"] or "",
                kept(facts(example["alt"]), example["target"]),
                other,
                self.params.min_visual_agreement,
            )
        return scores


def compare(prediction: str, reference: str, alt: str | None, claim_support: float) -> dict[str, float]:
    """Scores of one caption against the teacher's.

    Args:
        alt: the alternative text that both were given.
        claim_support: see `text_metrics.supported_share`.

    Returns:
        word_precision, word_recall, word_f1, exact_match, rouge_l, words, length_ratio; claim_precision and
        claim_recall where there are claims; where the alternative text has facts, alt_facts_kept (of all)
        and, where the teacher took some of them, fact_recall (of those).
    """
    said, wanted = tokens(prediction), tokens(reference)
    overlap = word_overlap(said, wanted)
    scores = {
        "word_precision": overlap.precision,
        "word_recall": overlap.recall,
        "word_f1": overlap.f1,
        "exact_match": float(prediction.split() == reference.split()),
        "rouge_l": rouge_l(said, wanted),
        "words": float(len(prediction.split())),
    }
    if wanted:
        scores["length_ratio"] = len(said) / len(wanted)
    mine = [claim.text for claim in split_claims(prediction)]
    theirs = [claim.text for claim in split_claims(reference)]
    if theirs:
        # a caption without claims has none that are wrong, and is not to profit from it
        scores["claim_precision"] = supported_share(mine, theirs, claim_support) or 0.0
        recall = supported_share(theirs, mine, claim_support)
        if recall is not None:
            scores["claim_recall"] = recall
    if known := facts(alt):
        scores["alt_facts_kept"] = len(kept(known, prediction)) / len(known)
        if taken := kept(known, reference):
            scores["fact_recall"] = len(kept(taken, prediction)) / len(taken)
    return scores


def swapped(
    caption: str, other_caption: str, own: frozenset[str], other: frozenset[str], min_agreement: float
) -> dict[str, float]:
    """Whether a caption follows the alternative text, and what is seen stays the same.

    Args:
        caption, other_caption: of one image, with its own alternative text and with another's.
        own, other: names and numbers that the teacher took from each.
        min_agreement: word F1 of what is left without them, from which on it counts as the same.

    Returns:
        names_follow (1 where the other's names are in the other caption and none of its own),
        visual_agreement (word F1 of the rest) and follows_alt_text (1 where both hold).
    """
    taken, left = kept(other, other_caption), kept(own - other, other_caption)
    follow = bool(other) and len(taken) >= _MIN_NAMES_TAKEN * len(other) and not left
    names = own | other
    rest = [
        [word for word in map(normal, words(text)) if word not in names] for text in (caption, other_caption)
    ]
    agreement = word_overlap(*rest).f1 if all(rest) else 0.0
    return {
        "names_follow": float(follow),
        "visual_agreement": agreement,
        "follows_alt_text": float(follow and agreement >= min_agreement),
    }
