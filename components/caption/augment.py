"""Stage 1b of BLIP3-KALE: dense captions merged with what alternative texts know (CapsFusion)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from components.caption.align import gate
from components.caption.artefacts import without_artefacts
from components.caption.engines.base import Completion, Request, captioner
from components.caption.opened_engines import OpenedEngines
from components.caption.outputs import degenerate, tidy
from components.caption.reasons import CaptionReason
from components.caption.stage_params import AugmentParams
from components.core import schemas
from components.core.prompts import load_prompt
from components.core.stage import Output, Stage, Unit


class AugmentStage(Stage[AugmentParams]):
    """Merges a dense caption with the alternative text, where that was found to fit the image.

    Where there is none, it does not fit, or the merged caption is degenerate or nothing but artefacts, the
    dense caption stays, and a `changed` line says why. Sentences copied from the prompt are removed (KALE
    section 2.3), also from one-pass captions, which are not merged again.
    """

    name = "augment"
    consumes = {"captions": "captions/1", "pairs": "pairs/1", "alignments": "alignments/1"}
    produces = {"captions": "captions/1"}
    reasons = CaptionReason
    sides = {"pairs": "aligned", "alignments": "aligned"}
    columns = {"pairs": ("id", "alt")}
    max_processes = 1

    def __init__(self, params: AugmentParams) -> None:
        super().__init__(params)
        self._engines = OpenedEngines()

    def run(self, unit: Unit, out: Output) -> None:
        """Merge one shard.

        Raises:
            ConfigurationError: where the model or the prompt can't do this.
            RetryableError: where the engine is gone.
        """
        alts = dict(zip(*(unit.tables["pairs"].column(c).to_pylist() for c in ("id", "alt")), strict=True))
        alignments = {row["id"]: row for row in unit.tables["alignments"].to_pylist()}
        rows = unit.tables["captions"].to_pylist()
        merge: dict[str, str] = {}
        for row in rows:
            if row["kind"] != "dense":
                continue
            found = gate(alts.get(row["id"]), alignments.get(row["id"]), self.params.min_alignment)
            if found.alt is not None:
                merge[row["id"]] = found.alt
                continue
            assert found.reason is not None
            out.change(
                row["id"],
                found.reason,
                kind="image",
                detail=alts.get(row["id"]) or "",
                score=found.score,
                threshold=found.threshold,
            )
        merged = self._merged([row for row in rows if row["id"] in merge], merge, out)
        kept = []
        for row in rows:
            answer = merged.get(row["id"])
            if answer is not None:
                if answer.error is not None:
                    out.fail(row["id"], answer.error, kind="image", detail=answer.detail)
                    continue
                self._take(row, answer, merge[row["id"]], out)
            elif row["kind"] == "one_pass" and not self._clean_one_pass(row, out):
                continue
            kept.append(row)
        for kind in ("fused", "dense", "one_pass"):
            out.count(kind, sum(row["kind"] == kind for row in kept))
        out.count("words", sum(row["words"] for row in kept))
        out.keep("captions", pa.Table.from_pylist(kept, schema=schemas.get("captions/1")))

    def _merged(
        self, rows: Sequence[Mapping[str, Any]], alts: Mapping[str, str], out: Output
    ) -> dict[str, Completion]:
        """What the fuser makes of each caption, by id."""
        if not rows:
            return {}
        prompt = load_prompt(self.params.prompt)
        requests = [
            Request.of(prompt, None, alt_text=alts[row["id"]], dense_caption=row["text"]) for row in rows
        ]
        if self.params.max_tokens is not None:
            most = self.params.max_tokens
            requests = [dataclasses.replace(request, max_tokens=most) for request in requests]
        answers = self._engine.generate(requests)
        out.count("tokens_in", sum(answer.tokens_in for answer in answers))
        out.count("tokens_out", sum(answer.tokens_out for answer in answers))
        return {row["id"]: answer for row, answer in zip(rows, answers, strict=True)}

    @property
    def _engine(self) -> Any:
        assert self.params.fuser is not None  # the parameters put the teacher there
        return self._engines.get(self.params.fuser)

    def _take(self, row: dict[str, Any], answer: Completion, alt: str, out: Output) -> None:
        """Make the row's caption the merged one, where that is worth it."""
        prompt = load_prompt(self.params.prompt)
        dense, text = row["text"], tidy(answer.text)
        problem = degenerate(text, answer.finish, prompt, self.params.output)
        # a copied sentence costs the sentence: the filter below looks for it
        if problem not in (None, CaptionReason.LEAKED_PROMPT):
            out.change(row["id"], problem, kind="image", detail=f"the dense caption stays: {text}")
            return
        text = self._without_artefacts(row["id"], text, (alt, dense), out)
        if not text:
            out.change(
                row["id"], CaptionReason.ONLY_ARTEFACTS, kind="image", detail="the dense caption stays"
            )
            return
        row.update(
            kind="fused",
            text=text,
            alt=alt,
            fuser=captioner(self._engine, prompt),
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            words=len(text.split()),
        )

    def _clean_one_pass(self, row: dict[str, Any], out: Output) -> bool:
        """False where nothing but artefacts was there, and the row was dropped."""
        text = self._without_artefacts(row["id"], row["text"], (row["alt"],), out)
        if not text:
            out.drop(row["id"], CaptionReason.ONLY_ARTEFACTS, kind="image", detail=row["text"])
            return False
        row.update(text=text, words=len(text.split()))
        return True

    def _without_artefacts(self, record_id: str, text: str, known: Sequence[str | None], out: Output) -> str:
        cleaned = without_artefacts(text, self.params.artefact_keywords, known)
        for sentence, keyword in cleaned.removed:
            detail = f"{keyword!r} in: {sentence}"
            out.change(record_id, CaptionReason.ARTEFACT_SENTENCE, kind="image", detail=detail)
        out.count("artefact_sentences", len(cleaned.removed))
        return cleaned.text

    def close(self) -> None:
        """Release the model."""
        self._engines.close()
