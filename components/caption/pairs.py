"""The `pairs` step: one row an image, with its alternative text and who captions it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from components.caption.alt_texts import clean, ranked, usable
from components.caption.pairs_params import PairsParams
from components.caption.reasons import CaptionReason
from components.core import schemas
from components.core.errors import Drop
from components.core.hash_share import hash_share
from components.core.stage import Output, Stage, Unit

_CONTEXT: Final = ("url", "page_url", "document_id", "title", "before", "after")
_SPLIT: Final = "kale split 1"
_AUDIT: Final = "kale audit 1"


class PairsStage(Stage[PairsParams]):
    """Choose each image's alternative text, and the teacher or the student to caption it.

    Works on a partition of images by id; shard *i* of both outputs is partition *i*, sorted by id, as
    are the shards of `images`. An image goes to `pairs` (the teacher) or to `rest` (the student):

        rows in = rows of pairs + rows of rest + dropped

    Which it is depends on the name of its cluster of near-duplicates alone, so that near-duplicates
    are on one side and more data moves no image, unless it brings a near-duplicate with a lesser id,
    which gives the cluster another name. Some clusters of the student's side are captioned by the
    teacher, too: their rows are in `pairs`, with `audit`, and not in `rest`.

    The text is chosen among all alternative texts and captions of the image's contexts and its own
    (`components.caption.alt_texts`); page, title and nearest texts are those of the context that has it,
    the least by address where several have.
    """

    name = "pairs"
    consumes = {
        "images": "images/1",
        "contexts": "image_contexts/1",
        "groups": "image_groups/1",
        "screenings": "screenings/1",
    }
    produces = {"pairs": "pairs/1", "rest": "pairs/1"}
    reasons = CaptionReason
    grouping = "partition"
    sorted_by = {"pairs": "id", "rest": "id"}
    columns = {
        "images": ("id", "width", "height", "url", "alts"),
        "groups": ("image_id", "group"),
        "screenings": ("id", "scores"),
    }

    def run(self, unit: Unit, out: Output) -> None:
        """Make the pairs of one partition."""
        contexts = _by_image(unit.tables["contexts"])
        groups = dict(
            zip(*(unit.tables["groups"].column(n).to_pylist() for n in ("image_id", "group")), strict=True)
        )
        screened = {row["id"]: dict(row["scores"]) for row in unit.tables["screenings"].to_pylist()}
        images = unit.tables["images"]
        images = images.take(pc.sort_indices(images.column("id")))
        rows: dict[str, list[dict[str, Any]]] = {"pairs": [], "rest": []}
        for image in images.to_pylist():
            with out.record(image["id"], kind="image", locator=image["url"]):
                shown = contexts.get(image["id"], [])
                self._judge(image, shown)
                self._judge_origin(screened.get(image["id"], {}))
                row = self._row(image, shown, out)
                group = row["group"] = groups.get(image["id"], image["id"])
                teacher = hash_share(group, _SPLIT) < self.params.teacher_share
                row["audit"] = not teacher and hash_share(group, _AUDIT) < self.params.audit_share
                rows["pairs" if teacher or row["audit"] else "rest"].append(row)
        out.kept = sum(map(len, rows.values()))
        for port, made in rows.items():
            out.keep(port, pa.Table.from_pylist(made, schema=schemas.get("pairs/1")))
        out.count("audit_pairs", sum(row["audit"] for row in rows["pairs"]))
        out.count("pairs_with_alt", sum(row["alt"] is not None for made in rows.values() for row in made))

    def _judge(self, image: dict[str, Any], shown: Sequence[dict[str, Any]]) -> None:
        """Raises `Drop` where the image is not to be captioned."""
        params = self.params
        if params.require_context and not shown:
            raise Drop(CaptionReason.NOT_SHOWN, "no document or pair that was kept shows it")
        short, long = sorted((image["width"], image["height"]))
        size = f"{image['width']}x{image['height']} pixels"
        if short < params.min_side:
            raise Drop(CaptionReason.IMAGE_TOO_SMALL, size, float(short), float(params.min_side))
        if params.max_aspect and long > params.max_aspect * short:
            raise Drop(CaptionReason.IMAGE_ASPECT, size, round(long / max(1, short), 4), params.max_aspect)

    def _judge_origin(self, scores: Mapping[str, float]) -> None:
        """Raises `Drop` where the image is synthetic or forged and such ones are not wanted."""
        if self.params.synthetic_images == "drop" and scores.get("synthetic_declared", 0) > 0:
            raise Drop(CaptionReason.IMAGE_SYNTHETIC, "the file declares that it is synthetic")
        forged, most = scores.get("forged_probability"), self.params.max_forged_probability
        if most is not None and forged is not None and forged > most:
            raise Drop(CaptionReason.IMAGE_FORGED, "", forged, most)

    def _row(self, image: dict[str, Any], shown: Sequence[dict[str, Any]], out: Output) -> dict[str, Any]:
        """A row of pairs/1, but for its group and who captions it.

        Raises:
            Drop: where it has no alternative text and must have one.
        """
        texts = [text for row in shown for text in (row["alt"], row["caption"])] + (image["alts"] or [])
        best = ranked(texts, self.params.max_alt_characters, self.params.min_alt_words)
        alt = best[0] if best else None
        if alt is None:
            self._without_alt(image, texts, out)
        context = min(_with_text(shown, alt, self.params) or shown, key=_order, default=None) or {}
        alts = self._recorded(texts, best, out)
        return {
            "id": image["id"],
            "url": context.get("url") or image["url"],
            "page_url": context.get("page_url"),
            "alt": alt,
            "alts": alts,
            "title": clean(context.get("title")) or None,
            "before": context.get("before"),
            "after": context.get("after"),
            "width": image["width"],
            "height": image["height"],
        }

    def _without_alt(self, image: dict[str, Any], texts: Sequence[str | None], out: Output) -> None:
        params = self.params
        given = sorted({clean(text) for text in texts} - {""})
        short = ranked(texts, params.max_alt_characters)
        if params.require_alt:
            if short:
                detail = f"the longest is {short[0]!r}"
                raise Drop(CaptionReason.ALT_TOO_SHORT, detail, None, float(params.min_alt_words))
            raise Drop(CaptionReason.NO_ALT, f"given were {given[:5]!r}" if given else "none was given")
        if given:
            reason = CaptionReason.ALT_TOO_SHORT if short else CaptionReason.UNINFORMATIVE_ALT
            out.change(
                image["id"], reason, kind="image", detail=f"not used: {given[:5]!r}", locator=image["url"]
            )

    def _recorded(self, texts: Iterable[str | None], best: Sequence[str], out: Output) -> list[str]:
        """All texts, clean and sorted; the best ones only, where there are too many."""
        every = {clean(text) for text in texts} - {""}
        if len(every) <= self.params.max_alts:
            return sorted(every)
        kept = list(dict.fromkeys([*best, *sorted(every)]))[: self.params.max_alts]
        out.count("alts_left_out", len(every) - len(kept))
        return sorted(kept)


def _by_image(contexts: pa.Table) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in contexts.to_pylist():
        found.setdefault(row["image_id"], []).append(row)
    return found


def _with_text(shown: Sequence[dict[str, Any]], alt: str | None, params: PairsParams) -> list[dict[str, Any]]:
    """The contexts that have the chosen text."""

    def has(text: str | None) -> bool:
        form = usable(text, params.max_alt_characters, params.min_alt_words)
        return form is not None and form[2] == alt

    return [row for row in shown if has(row["alt"]) or has(row["caption"])]


def _order(context: dict[str, Any]) -> tuple[tuple[bool, str], ...]:
    """Sorts contexts by address, missing values last; equal ones have equal texts."""
    return tuple((context[name] is None, context[name] or "") for name in _CONTEXT)
