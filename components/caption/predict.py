"""The student captions the images that were held out, some of them with another's alternative text, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from components.caption.reasons import CaptionReason
from components.caption.scale_params import PredictParams
from components.caption.student import Student
from components.core import schemas
from components.core.alt_text_facts import facts, kept
from components.core.errors import ConfigurationError
from components.core.hash_share import hash_share
from components.core.stage import Output, Stage, Unit

_SCHEMA: Final = "predictions/1"


class PredictStage(Stage[PredictParams]):
    """Predictions of one shard of held-out examples.

    A degenerate caption is kept, with what is wrong with it: the gate counts them. Images that the engine
    could not answer fail.
    """

    name = "predict"
    consumes = {"heldout": "training_pairs/1", "model": "model_files/1"}
    produces = {"predictions": _SCHEMA}
    reasons = CaptionReason
    sides = {"model": "all"}
    columns = {"heldout": ("id", "image", "alt", "user", "target")}
    max_processes = 1

    def __init__(self, params: PredictParams) -> None:
        super().__init__(params)
        self._student: Student | None = None

    def run(self, unit: Unit, out: Output) -> None:
        """Caption the images of one shard.

        Raises:
            ConfigurationError: where the examples were made with another prompt, or there is no student.
        """
        examples = unit.tables["heldout"].to_pylist()
        if not examples:
            return
        if self._student is None:
            self._student = Student(self.params)
        student = self._student
        student.open(unit.tables["model"], unit.stores)
        requests = [student.request(example["image"], example["alt"]) for example in examples]
        if wrong := next((e for e, r in zip(examples, requests, strict=True) if e["user"] != r.user), None):
            raise ConfigurationError(
                f"The held-out example {wrong['id']} was made with another prompt than {student.prompt}: set "
                "caption.predict.prompt to distill.training_set.prompt."
            )
        others = other_alts(examples, self.params.other_alt_share)
        swapped = [student.request(examples[row]["image"], alt) for row, alt in others.items()]
        answers = student.answer([*requests, *swapped])
        again = dict(zip(others, answers[len(requests) :], strict=True))
        identity = student.identity()
        made = []
        for row, (example, answer) in enumerate(zip(examples, answers[: len(requests)], strict=True)):
            if answer.error:
                out.fail(example["id"], answer.error, kind="image", detail=answer.detail)
                continue
            text, problem = student.read(answer)
            out.count("degenerate", problem is not None)
            other = again.get(row)
            if other is not None and other.error:
                out.count("other_alt_failed")
                other = None
            made.append(
                {
                    "id": example["id"],
                    "text": text or None,
                    "problem": problem,
                    "other_alt": others[row] if other else None,
                    "other_text": (student.read(other)[0] or None) if other else None,
                    "captioner": identity,
                    "tokens_out": answer.tokens_out,
                }
            )
        out.count("with_other_alt", sum(row["other_alt"] is not None for row in made))
        out.keep("predictions", pa.Table.from_pylist(made, schema=schemas.get(_SCHEMA)))

    def close(self) -> None:
        if self._student is not None:
            self._student.close()


def other_alts(examples: Sequence[Mapping[str, Any]], share: float) -> dict[int, str]:
    """For a share of the examples, by the hash of their ids, an alternative text of another one.

    Only examples whose teacher took a name or a number from the alternative text, and only texts of which
    this holds, too, and that share no name or number with the first: else nothing could be seen to change.

    Returns:
        Place of the example → the other's alternative text.
    """
    names = [facts(example["alt"]) for example in examples]
    useful = [row for row, example in enumerate(examples) if kept(names[row], example["target"])]
    useful.sort(key=lambda row: hash_share(examples[row]["id"], "other_alt"))
    found: dict[int, str] = {}
    for place, row in enumerate(useful):
        if hash_share(examples[row]["id"], "other_alt") >= share:
            break
        rotated = (useful[(place + step) % len(useful)] for step in range(1, len(useful)))
        other = next((one for one in rotated if names[one].isdisjoint(names[row])), None)
        if other is not None:
            found[row] = examples[other]["alt"]
    return dict(sorted(found.items()))
