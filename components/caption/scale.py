"""Stage 2b of BLIP3-KALE: the student captions the rest, watched by an audit slice that the teacher "
"captioned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from components.caption.drift import Audit, audit, expected
from components.caption.engines.base import Completion
from components.caption.outputs import same_captions
from components.caption.reasons import CaptionReason
from components.caption.scale_params import ScaleParams
from components.caption.student import Student
from components.core import schemas
from components.core.errors import BadShard, GateFailed
from components.core.progress import emit
from components.core.stage import Output, Stage, Unit
from components.core.text_metrics import tokens, word_overlap

_SCHEMA: Final = "captions/1"


class ScaleStage(Stage[ScaleParams]):
    """Captions one shard of the rest and, beside it, the audit slice of the shard of pairs of its number.

    The student is given an alternative text where the pair has one. Captions of audited images are compared
    with the teacher's final ones and not released: those are the teacher's. The alarm (`drift`) looks at one
    shard at a time, so that it does not depend on the order in which shards are done.
    """

    name = "scale"
    version = "1"
    consumes = {
        "rest": "pairs/1",
        "pairs": "pairs/1",
        "images": "images/1",
        "captions": _SCHEMA,
        "model": "model_files/1",
        "gate": "gate/1",
    }
    produces = {"captions": _SCHEMA, "audits": "audits/1"}
    reasons = CaptionReason
    sides = {"pairs": "aligned", "images": "aligned", "captions": "aligned", "model": "all", "gate": "all"}
    columns = {
        "rest": ("id", "url", "alt", "group"),
        "pairs": ("id", "alt", "audit"),
        "images": ("id", "bytes"),
        "captions": ("id", "text"),
        "gate": ("metric", "value", "low", "high"),
    }
    max_processes = 1

    def __init__(self, params: ScaleParams) -> None:
        super().__init__(params)
        self._student: Student | None = None

    def run(self, unit: Unit, out: Output) -> None:
        """Caption one shard.

        Raises:
            GateFailed: where the student drifted and `on_drift` is stop.
            BadShard: where a pair has no image in the shard of its number.
        """
        rest, audited = unit.tables["rest"].to_pylist(), self._audited(unit)
        if not rest and not audited:
            return
        if self._student is None:
            self._student = Student(self.params)
        student = self._student
        student.open(unit.tables["model"], unit.stores)
        images = unit.tables["images"]
        places = {record: place for place, record in enumerate(images.column("id").to_pylist())}
        pixels = images.column("bytes")
        requests = []
        for pair in [*rest, *audited]:
            if pair["id"] not in places:
                raise BadShard(f"Pair {pair['id']} has no image in the shard of that number.")
            requests.append(student.request(pixels[places[pair["id"]]].as_py(), pair["alt"]))
        answers = student.answer(requests)
        problems = self._captions(rest, answers[: len(rest)], student, out)
        if audited:
            self._audit(unit, audited, answers[len(rest) :], problems, student, out)

    def _audited(self, unit: Unit) -> list[dict[str, Any]]:
        """The pairs of the audit slice that the teacher captioned, `text` being its caption.

        None on a retry of single records: the shard was audited when it was first done.
        """
        if unit.only is not None:
            return []
        final = unit.tables["captions"]
        by_teacher = dict(zip(*(final.column(name).to_pylist() for name in ("id", "text")), strict=True))
        pairs = unit.tables["pairs"].filter(pc.field("audit")).to_pylist()
        return [{**pair, "text": by_teacher[pair["id"]]} for pair in pairs if pair["id"] in by_teacher]

    def _captions(
        self, rest: Sequence[Mapping[str, Any]], answers: Sequence[Completion], student: Student, out: Output
    ) -> list[bool]:
        """Keep the captions that are fit to be released.

        Returns:
            Of every answer that came, whether it was degenerate.
        """
        identity, made = student.identity(), []
        read = [None if answer.error else student.read(answer) for answer in answers]
        fit = [found[0] if found and found[1] is None else None for found in read]
        repeated = same_captions(fit, [pair["group"] for pair in rest], self.params.max_same_caption)
        for place, (pair, answer, found) in enumerate(zip(rest, answers, read, strict=True)):
            if found is None:
                out.fail(pair["id"], answer.error or "", kind="image", detail=answer.detail)
                continue
            text, problem = found
            if place in repeated:
                problem = CaptionReason.SAME_CAPTION
            if problem is not None:
                out.drop(pair["id"], problem, kind="image", detail=text)
                continue
            made.append(
                {
                    "id": pair["id"],
                    "kind": "student",
                    "text": text,
                    "alt": pair["alt"],
                    "url": pair["url"],
                    "captioner": identity,
                    "tokens_in": answer.tokens_in,
                    "tokens_out": answer.tokens_out,
                    "words": len(text.split()),
                }
            )
        out.count("student_tokens", sum(answer.tokens_out for answer in answers))
        out.keep("captions", pa.Table.from_pylist(made, schema=schemas.get(_SCHEMA)))
        return [found[1] is not None for found in read if found]

    def _audit(
        self,
        unit: Unit,
        audited: Sequence[Mapping[str, Any]],
        answers: Sequence[Completion],
        problems: Sequence[bool],
        student: Student,
        out: Output,
    ) -> None:
        agreements, degenerates = [], list(problems)
        for pair, answer in zip(audited, answers, strict=True):
            if answer.error:
                out.count("audits_failed")
                continue
            text, problem = student.read(answer)
            degenerates.append(problem is not None)
            agreements.append(word_overlap(tokens(text), tokens(pair["text"])).f1)
        if not agreements:
            return
        found = audit(agreements, degenerates, expected(unit.tables["gate"]), self.params)
        out.count("audited", len(agreements))
        out.count("drifted_shards", found.sentence is not None)
        self._tell(unit.index, found)
        row = {
            "shard": unit.index,
            "rows": len(agreements),
            "agreement": found.agreement,
            "expected": found.expected,
            "degenerate": found.degenerate,
            "drifted": found.sentence is not None,
        }
        out.keep("audits", pa.Table.from_pylist([row], schema=schemas.get("audits/1")))

    def _tell(self, shard: int, found: Audit) -> None:
        if found.sentence is None:
            return
        if self.params.on_drift == "stop":
            raise GateFailed(
                f"The student drifted in shard {shard}: {found.sentence} Look at what is new in this shard, "
                "train on it, or set caption.scale.on_drift to warn."
            )
        emit("drift", step=self.name, shard=shard, line=f"{self.name}: shard {shard}: {found.sentence}")

    def close(self) -> None:
        if self._student is not None:
            self._student.close()
