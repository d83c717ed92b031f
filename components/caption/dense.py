"""Stage 1a of BLIP3-KALE: the teacher's caption of every image, all of a shard asked for at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from components.caption.align import Gated, gate, image_bytes
from components.caption.engines.base import Completion, Request, captioner
from components.caption.opened_engines import OpenedEngines
from components.caption.outputs import degenerate, same_captions, tidy
from components.caption.reasons import CaptionReason
from components.caption.stage_params import DenseParams
from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.prompts import load_prompt
from components.core.stage import Output, Stage, Unit


class DenseStage(Stage[DenseParams]):
    """Has the teacher describe every image; in one-pass mode with alternative text and page before it.

    Images that can't be decoded and questions that the engine could not answer are failed; degenerate
    answers are dropped, the same caption for too many images among them.
    """

    name = "dense"
    consumes = {"pairs": "pairs/1", "images": "images/1", "alignments": "alignments/1"}
    produces = {"captions": "captions/1"}
    reasons = CaptionReason
    sides = {"images": "aligned", "alignments": "aligned"}
    columns = {"images": ("id", "bytes")}
    max_processes = 1

    def __init__(self, params: DenseParams) -> None:
        super().__init__(params)
        self._engines = OpenedEngines()
        self._one_pass = params.mode == "one_pass"

    def run(self, unit: Unit, out: Output) -> None:
        """Caption one shard.

        Raises:
            ConfigurationError: where the model or the prompt can't do this.
            RetryableError: where the engine is gone.
        """
        pairs = unit.tables["pairs"].to_pylist()
        images = image_bytes(unit.tables["images"], {pair["id"] for pair in pairs})
        alignments = {row["id"]: row for row in unit.tables["alignments"].to_pylist()}
        asked: list[tuple[dict[str, Any], str | None]] = []
        requests: list[Request] = []
        for pair in pairs:
            if pair["id"] not in images:
                detail = "its image is not in the shard"
                out.fail(pair["id"], CaptionReason.IMAGE_MISSING, kind="image", detail=detail)
                continue
            alt = self._alt(pair, alignments.get(pair["id"]), out)
            asked.append((pair, alt))
            requests.append(self._request(pair, alt, images[pair["id"]]))
        if not requests:
            return
        engine = self._engines.get(self.params.teacher)
        answers = engine.generate(requests)
        who = captioner(engine, self._prompt)
        texts = [self._accept(pair, answer, out) for (pair, _), answer in zip(asked, answers, strict=True)]
        limit = self.params.max_same_caption
        repeated = same_captions(texts, [pair["group"] for pair, _ in asked], limit)
        rows = []
        for at, ((pair, alt), answer, text) in enumerate(zip(asked, answers, texts, strict=True)):
            if at in repeated:
                out.drop(
                    pair["id"],
                    CaptionReason.SAME_CAPTION,
                    kind="image",
                    detail=text or "",
                    score=repeated[at],
                    threshold=limit,
                )
            elif text is not None:
                rows.append(self._row(pair, alt, text, answer, who))
        out.count("images", len(asked))
        out.count("tokens_in", sum(answer.tokens_in for answer in answers))
        out.count("tokens_out", sum(answer.tokens_out for answer in answers))
        out.count("words", sum(row["words"] for row in rows))
        out.keep("captions", pa.Table.from_pylist(rows, schema=schemas.get("captions/1")))

    @property
    def _prompt(self) -> Any:
        prompt = load_prompt(self.params.one_pass_prompt if self._one_pass else self.params.prompt)
        if not prompt.image:
            raise ConfigurationError(f"Prompt {prompt} shows no image: set image: true in its file.")
        return prompt

    def _alt(self, pair: Mapping[str, Any], alignment: Mapping[str, Any] | None, out: Output) -> str | None:
        """The alternative text that the model is shown, in one-pass mode; says which ones are not."""
        if not self._one_pass:
            return None
        found: Gated = gate(pair["alt"], alignment, self.params.min_alignment)
        if found.reason is not None:
            out.count("one_pass_without_alt_text")
        if found.reason not in (None, CaptionReason.NO_ALT_TEXT):
            out.change(
                pair["id"],
                found.reason,
                kind="image",
                detail=f"not shown to the model: {pair['alt']}",
                score=found.score,
                threshold=found.threshold,
            )
        return found.alt

    def _request(self, pair: Mapping[str, Any], alt: str | None, image: bytes) -> Request:
        around = " … ".join(filter(None, (pair["before"], pair["after"])))
        fields = (
            {"alt_text": alt, "title": pair["title"], "context": around or None} if self._one_pass else {}
        )
        request = Request.of(self._prompt, image, **fields)
        most = self.params.max_tokens
        return request if most is None else dataclasses.replace(request, max_tokens=most)

    def _accept(self, pair: Mapping[str, Any], answer: Completion, out: Output) -> str | None:
        """The caption, or None where its ledger line was written."""
        if answer.error is not None:
            out.fail(pair["id"], answer.error, kind="image", detail=answer.detail)
            return None
        text = tidy(answer.text)
        if problem := degenerate(text, answer.finish, self._prompt, self.params.output):
            out.drop(pair["id"], problem, kind="image", detail=text)
            return None
        return text

    def _row(
        self, pair: Mapping[str, Any], alt: str | None, text: str, answer: Completion, who: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "id": pair["id"],
            "kind": "one_pass" if self._one_pass else "dense",
            "text": text,
            "dense": None if self._one_pass else text,
            "alt": alt,
            "url": pair["url"],
            "captioner": who,
            "fuser": None,
            "judge": None,
            "claims": None,
            "tokens_in": answer.tokens_in,
            "tokens_out": answer.tokens_out,
            "words": len(text.split()),
        }

    def close(self) -> None:
        """Release the model."""
        self._engines.close()
