"""The truth layer: every claim of a caption is attributed, and what nothing supports is taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from components.caption.align import image_bytes
from components.caption.judges import Case, ClaimJudge, Judgement, LexicalJudge, ModelJudge, Unjudged
from components.caption.opened_engines import OpenedEngines
from components.caption.reasons import CaptionReason
from components.caption.stage_params import VerifyParams
from components.core import schemas
from components.core.claims import Claim, orphans, remove, split_claims
from components.core.prompts import load_prompt
from components.core.stage import Output, Stage, Unit

_REASONS = {
    "unsupported": CaptionReason.UNSUPPORTED_CLAIM,
    "contradicted": CaptionReason.CONTRADICTED_CLAIM,
    "supported": CaptionReason.ORPHANED_CLAIM,
}


class VerifyStage(Stage[VerifyParams]):
    """Says of every claim whether pixels, alternative text or page support it; removes or flags the others.

    Where nothing of a merged caption is left, the dense caption takes its place, judged in turn; where
    nothing of that is left either, the record is dropped. A caption that could not be judged is failed.
    """

    name = "verify"
    consumes = {"captions": "captions/1", "pairs": "pairs/1", "images": "images/1"}
    produces = {"captions": "captions/1"}
    reasons = CaptionReason
    sides = {"pairs": "aligned", "images": "aligned"}
    columns = {"pairs": ("id", "title", "before", "after"), "images": ("id", "bytes")}

    def __init__(self, params: VerifyParams) -> None:
        super().__init__(params)
        self.max_processes = 1 if params.judge == "vlm" else None
        self._engines = OpenedEngines()
        self._judge: ClaimJudge | None = None

    def run(self, unit: Unit, out: Output) -> None:
        """Verify one shard of captions.

        Raises:
            ConfigurationError: where a model or a prompt can't do this.
            RetryableError: where an engine is gone.
        """
        rows = unit.tables["captions"].to_pylist()
        if not rows:
            return
        pages = {pair["id"]: _page(pair) for pair in unit.tables["pairs"].to_pylist()}
        looks = self.params.judge == "vlm"
        images = image_bytes(unit.tables["images"], {row["id"] for row in rows} if looks else {})
        judge = self._opened()
        ready = []
        for row in rows:
            if looks and row["id"] not in images:
                detail = "its image is not in the shard"
                out.fail(row["id"], CaptionReason.IMAGE_MISSING, kind="image", detail=detail)
            else:
                ready.append(row)
        kept, emptied = self._round(ready, pages, images, out)
        again = [{**row, "text": row["dense"], "kind": "dense"} for row in emptied if _can_fall_back(row)]
        for row in emptied:
            if _can_fall_back(row):
                detail = f"the dense caption takes its place: {row['text']}"
                out.change(row["id"], CaptionReason.NOTHING_SUPPORTED, kind="image", detail=detail)
            else:
                self._drop(row, out)
        out.count("captions_fallen_back", len(again))
        more, lost = self._round(again, pages, images, out)
        for row in lost:
            self._drop(row, out)
        who = judge.identity()
        order = {row["id"]: place for place, row in enumerate(rows)}
        kept = sorted([*kept, *more], key=lambda row: order[row["id"]])
        made = [{**row, "judge": who, "words": len(row["text"].split())} for row in kept]
        out.keep("captions", pa.Table.from_pylist(made, schema=schemas.get("captions/1")))

    def _drop(self, row: Mapping[str, Any], out: Output) -> None:
        out.drop(row["id"], CaptionReason.NOTHING_SUPPORTED, kind="image", detail=row["text"])

    def _opened(self) -> ClaimJudge:
        params = self.params
        if self._judge is not None:
            return self._judge
        if params.judge == "lexical":
            self._judge = LexicalJudge(params.min_coverage)
            return self._judge
        assert params.teacher is not None
        claim_prompt = load_prompt(params.claim_prompt)
        entail_prompt = load_prompt(params.entail_prompt) if params.entail_prompt else None
        teacher = self._engines.get(params.teacher)
        self._judge = ModelJudge(
            teacher,
            claim_prompt,
            self._engines.get(params.fuser) if params.fuser and entail_prompt else None,
            entail_prompt,
            min_probability=params.min_probability,
            min_coverage=params.min_coverage,
        )
        return self._judge

    def _round(
        self,
        rows: Sequence[dict[str, Any]],
        pages: Mapping[str, str],
        images: Mapping[str, bytes],
        out: Output,
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Judge captions and act on it.

        Returns:
            Rows with the caption as it is to be, and rows of whose caption nothing is left.
        """
        cases = [
            Case(
                row["text"],
                split_claims(row["text"]),
                row["dense"],
                row["alt"],
                pages.get(row["id"]) or None,
                images.get(row["id"]),
            )
            for row in rows
        ]
        kept, emptied = [], []
        for row, case, judged in zip(rows, cases, self._opened().judge(cases), strict=True):
            if isinstance(judged, Unjudged):
                out.fail(row["id"], judged.reason, kind="image", detail=judged.detail)
                continue
            gone = self._unwanted(case, judged)
            self._count(case, judged, gone, out)
            row["claims"] = [*(row["claims"] or []), *_structs(case, judged, gone)]
            if gone:
                self._tell(row["id"], case, judged, gone, out)
            text = remove(case.caption, gone)
            if text or not case.claims:
                row["text"] = text or row["text"]
                kept.append(row)
            else:
                emptied.append(row)
        return kept, emptied

    def _unwanted(self, case: Case, judged: Sequence[Judgement]) -> set[Claim]:
        """The claims that are to go, those that can't stand without them included."""
        if self.params.policy == "flag":
            return set()
        bad = {
            claim
            for claim, said in zip(case.claims, judged, strict=True)
            if said.verdict != "supported" and self._sure(said)
        }
        return {*bad, *orphans(case.caption, bad)}

    def _sure(self, said: Judgement) -> bool:
        """Whether a claim that is not supported is denied with enough certainty to be removed."""
        return self.params.judge != "vlm" or said.score is None or said.score >= self.params.min_certainty

    def _count(self, case: Case, judged: Sequence[Judgement], gone: set[Claim], out: Output) -> None:
        """What the report makes rates of."""
        out.count("claims", len(judged))
        by_source = Counter(j.source for j in judged if j.verdict == "supported")
        for source in ("pixels", "alt_text", "page"):
            out.count(f"claims_{source}", by_source[source])
        by_verdict = Counter(j.verdict for j in judged)
        for verdict in ("unsupported", "contradicted"):
            out.count(f"claims_{verdict}", by_verdict[verdict])
        out.count("claims_removed", len(gone))
        if self._opened().judged_lexically:
            out.count("claims_judged_lexically", len(judged))
            believed = sum(j.verdict == "supported" and j.score is None for j in judged)
            out.count("claims_believed_unjudged", believed)
        out.count("captions_with_removals", bool(gone))

    def _tell(
        self, record_id: str, case: Case, judged: Sequence[Judgement], gone: set[Claim], out: Output
    ) -> None:
        for claim, judgement in zip(case.claims, judged, strict=True):
            if claim in gone:
                reason = _REASONS[judgement.verdict]
                out.change(record_id, reason, kind="image", detail=claim.text, score=judgement.score)

    def close(self) -> None:
        """Release the models."""
        self._engines.close()


def _page(pair: Mapping[str, Any]) -> str:
    return "\n".join(filter(None, (pair["title"], pair["before"], pair["after"])))


def _can_fall_back(row: Mapping[str, Any]) -> bool:
    return bool(row["dense"]) and row["dense"] != row["text"]


def _structs(case: Case, judged: Sequence[Judgement], gone: set[Claim]) -> list[dict[str, Any]]:
    return [
        {
            "text": claim.text,
            "source": judgement.source,
            "verdict": judgement.verdict,
            "score": judgement.score,
            "removed": claim in gone,
        }
        for claim, judgement in zip(case.claims, judged, strict=True)
    ]
