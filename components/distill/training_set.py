"""Pairs of image and caption that the student learns from, and those that are held out."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from components.core import schemas
from components.core.errors import BadShard, ConfigurationError, Drop
from components.core.hash_share import hash_share
from components.core.prompts import load_prompt
from components.core.stage import Output, Stage, Unit
from components.distill.evaluation_params import TrainingSetParams
from components.distill.evaluation_set import EvaluationSet, load_evaluation_set
from components.distill.reasons import DistillReason

_SCHEMA: Final = "training_pairs/1"


class TrainingSetStage(Stage[TrainingSetParams]):
    """Splits the teacher's captions into training and held-out examples (KALE, section 2.2).

    - What is to be audited later, and what the evaluation set holds, is not used.
    - Clusters of near-duplicates are held out as a whole.
    - The student is given the alternative text of the pair as it is, even where the teacher refused it: so
      it learns to leave out what does not fit.
    """

    name = "training_set"
    consumes = {"captions": "captions/1", "pairs": "pairs/1", "images": "images/1"}
    produces = {"train": _SCHEMA, "heldout": _SCHEMA}
    reasons = DistillReason
    sides = {"pairs": "aligned", "images": "aligned"}
    columns = {
        "captions": ("id", "text", "dense"),
        "pairs": ("id", "alt", "group", "audit"),
        "images": ("id", "bytes", "phash"),
    }

    def __init__(self, params: TrainingSetParams) -> None:
        super().__init__(params)
        self._evaluation: EvaluationSet | None = None

    def run(self, unit: Unit, out: Output) -> None:
        """Make the examples of one shard of captions.

        Raises:
            ConfigurationError: where the prompt or the evaluation set can't be used.
            BadShard: where a caption has no pair or no image.
        """
        prompt = load_prompt(self.params.prompt)
        if not prompt.image:
            raise ConfigurationError(
                f"The prompt {prompt} has image: false; the student needs one with an image."
            )
        images = unit.tables["images"]
        places = {record_id: place for place, record_id in enumerate(images.column("id").to_pylist())}
        phashes = images.column("phash").to_pylist()
        pairs = {pair["id"]: pair for pair in unit.tables["pairs"].to_pylist()}
        made: dict[str, list[dict[str, Any]]] = {port: [] for port in self.produces}
        for caption in unit.tables["captions"].to_pylist():
            record = caption["id"]
            if record not in pairs or record not in places:
                missing = "image" if record in pairs else "pair"
                raise BadShard(f"Caption {record} has no {missing} in the shard of that number.")
            with out.record(record, kind="image"):
                port, alt, target = self._example(caption, pairs[record], phashes[places[record]])
                if port == "train" and alt is None and pairs[record]["alt"] and self.params.give_alt_text:
                    out.count("alt_texts_withheld")
                made[port].append(
                    {
                        "id": record,
                        "group": pairs[record]["group"],
                        "place": places[record],
                        "alt": alt,
                        "system": prompt.system,
                        "user": prompt.render(alt_text=alt),
                        "target": target,
                    }
                )
        for port, rows in made.items():
            out.keep(port, _with_images(rows, images))
        out.kept = sum(map(len, made.values()))

    def _example(
        self, caption: dict[str, Any], pair: dict[str, Any], phash: int | None
    ) -> tuple[str, str | None, str]:
        """Port, alternative text and target of an example.

        Raises:
            Drop: where it is not to be used.
        """
        params = self.params
        if pair["audit"]:
            raise Drop(DistillReason.KEPT_FOR_AUDIT, "teacher and student are compared on it later")
        target = self._target(caption, pair)
        self._decontaminate(pair, phash, target)
        port = "heldout" if hash_share(pair["group"], "heldout") < params.heldout_share else "train"
        alt = pair["alt"] if params.give_alt_text else None
        dense = caption["dense"]
        if (
            port == "train"
            and alt
            and dense
            and params.targets == "final"
            and hash_share(pair["id"], "alt_text_dropout") < params.alt_text_dropout
        ):
            alt, target = None, dense
        words = len(target.split())
        if words < params.min_words:
            raise Drop(DistillReason.CAPTION_TOO_SHORT, "words", words, params.min_words)
        if words > params.max_words:
            raise Drop(DistillReason.CAPTION_TOO_LONG, "words", words, params.max_words)
        return port, alt or None, target

    def _target(self, caption: dict[str, Any], pair: dict[str, Any]) -> str:
        if self.params.targets == "dense":
            if not caption["dense"]:
                raise Drop(DistillReason.NO_DENSE_CAPTION, "the teacher made no caption of the pixels alone")
            return str(caption["dense"])
        if self.params.targets == "alt":
            if not pair["alt"]:
                raise Drop(DistillReason.NO_ALT_TEXT, "the pair has no alternative text")
            return str(pair["alt"])
        return str(caption["text"])

    def _decontaminate(self, pair: dict[str, Any], phash: int | None, target: str) -> None:
        if self.params.evaluation_set is None:
            return
        if self._evaluation is None:
            self._evaluation = load_evaluation_set(
                self.params.evaluation_set,
                radius=self.params.evaluation_phash_radius,
                ngram=self.params.evaluation_ngram,
            )
        if found := self._evaluation.image_match(pair["id"], phash):
            raise Drop(DistillReason.CONTAMINATED_IMAGE, found)
        for text, name in ((target, "caption"), (pair["alt"], "alternative text")):
            if self._evaluation.text_match(text):
                raise Drop(
                    DistillReason.CONTAMINATED_TEXT,
                    f"its {name} shares {self.params.evaluation_ngram} words in a row with the evaluation "
                    "set",
                )


def _with_images(rows: list[dict[str, Any]], images: pa.Table) -> pa.Table:
    """Rows of `training_pairs/1`, the bytes taken over without becoming Python objects."""
    schema = schemas.get(_SCHEMA)
    places = pa.array([row["place"] for row in rows], pa.int64())
    columns = [
        images.column("bytes").take(places).cast(field.type)
        if field.name == "image"
        else pa.array([row[field.name] for row in rows], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
