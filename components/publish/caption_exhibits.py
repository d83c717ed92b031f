"""Captions to look at in a report: samples with their claims marked, and a blind comparison."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.core import report as kit
from components.core.report import number
from components.publish.caption_summary import CaptionSummary, student_is_first
from components.publish.pictures import Pictures

SOURCE_NAMES: Final = {"pixels": "pixels", "alt_text": "alt text", "page": "page", "none": "no source"}
STAGES: Final = {1: "teacher and fusion (stage 1)", 2: "distilled student (stage 2)"}
_MARKS: Final = re.compile(r"[.,;:!?]+\s*")


def caption_samples(captions: CaptionSummary, pictures: Pictures) -> list[kit.Section]:
    """A few released captions with their image, what they were made of and what was taken out."""
    exhibits = [_exhibit(row, pictures) for row in captions.samples]
    intro = (
        "Chosen by a hash: with parts removed, with knowledge, by the student, and others. What supports a "
        "part is written after it; what the truth layer took out is struck through and is not in the release."
    )
    return [kit.Section("Caption samples", exhibits, intro)] if exhibits else []


def _exhibit(row: Mapping[str, Any], pictures: Pictures) -> kit.Exhibit:
    judged = row["claims"] is not None
    return kit.Exhibit(
        [
            kit.Passage("alt text", _plain(row["alt_text"]), "none used"),
            kit.Passage("dense caption", _plain(row["cogvlm_caption"]), "none made"),
            kit.Passage("released caption", marked(row["caption"], row["claims"] or [])),
        ],
        pictures.of(row["sha256"], row["alt_text"] or ""),
        facts=[
            f"{number(row['words'])} words",
            f"by {row['captioner']}",
            STAGES[row["stage"]],
            *([] if judged else ["claims not judged"]),
        ],
        url=row["url"] or "",
        identifier=row["sha256"],
    )


def marked(caption: str, claims: Sequence[Mapping[str, Any]]) -> list[kit.Span]:
    """The caption with each claim labelled by its source, and what was taken out of it in its place.

    A claim that the caption does not hold word for word (it was reworded when another was taken out)
    leaves its place plain.
    """
    spans: list[kit.Span] = []
    at = 0
    for claim in claims:
        source, verdict = claim["source"], claim["verdict"]
        if claim["removed"]:
            if at and (mark := _MARKS.match(caption, at)):  # it ends the claim before
                spans.append(kit.Span(mark[0]))
                at = mark.end()
            why = "leans on what was removed" if verdict == "supported" else verdict
            spans.append(kit.Span(claim["text"], f"removed: {why}", "none", removed=True))
            continue
        found = caption.find(claim["text"], at)
        if found < 0:
            continue
        if caption[at:found]:
            spans.append(kit.Span(caption[at:found]))
        label = SOURCE_NAMES.get(source, source) if verdict == "supported" else f"{verdict}, kept"
        spans.append(kit.Span(claim["text"], label, source if verdict == "supported" else "none"))
        at = found + len(claim["text"])
    if caption[at:]:
        spans.append(kit.Span(caption[at:]))
    return spans


def blind_comparison(captions: CaptionSummary, pictures: Pictures) -> list[kit.Section]:
    """Teacher and student side by side without their names; a fold says which is which."""
    exhibits = [_blind(row, pictures) for row in captions.compared]
    intro = (
        "One of A and B is by the teacher, the other by the student; a hash decides which and what is shown. "
        "Judge first, then look."
    )
    return [kit.Section("Blind comparison", exhibits, intro)] if exhibits else []


def _blind(row: Mapping[str, Any], pictures: Pictures) -> kit.Exhibit:
    sides = [("teacher", row["reference"]), ("student", row["prediction"])]
    if student_is_first(row["id"]):
        sides.reverse()
    answer = "; ".join(f"{letter} is the {who}" for letter, (who, _) in zip("AB", sides, strict=True))
    folded = [kit.Passage("answer", [kit.Span(answer)])]
    if row["problem"]:
        folded.append(kit.Passage("problem found", [kit.Span(row["problem"])]))
    if row["other_prediction"]:
        folded += [
            kit.Passage("alt text of another image", _plain(row["other_alt"])),
            kit.Passage("student with that", _plain(row["other_prediction"])),
        ]
    folded.append(
        kit.Passage("scores", [kit.Span(", ".join(f"{name} {value:.3g}" for name, value in row["scores"]))])
    )
    return kit.Exhibit(
        [
            kit.Passage("alt text given", _plain(row["alt"])),
            *(kit.Passage(letter, _plain(text)) for letter, (_, text) in zip("AB", sides, strict=True)),
        ],
        pictures.of(row["id"], row["alt"] or ""),
        facts=["both wrote the same"] if row["reference"] == row["prediction"] else [],
        folded=folded,
        fold="Which is which",
        identifier=row["id"],
    )


def _plain(text: str | None) -> list[kit.Span]:
    return [kit.Span(text)] if text else []
