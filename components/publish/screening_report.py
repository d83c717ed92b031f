"""The section of a run's report on where images come from: what they declare, what detectors answered."""

from __future__ import annotations

from typing import Final

from components.core import report as kit
from components.core.report import number
from components.publish.pictures import Pictures
from components.publish.screening_summary import ANSWERS, VERDICTS, ScreeningSummary

_SIDE: Final = 240
_MEANINGS: Final = {
    "declared_synthetic": "the file says so itself",
    "likely_forged": "by calibrated detectors; they err",
    "cannot_tell": "the usual answer",
    "likely_real": "by calibrated detectors; they err",
    "declared_captured": "signed by a trusted device",
}
_ANSWERS: Final = {
    "not_calibrated": "a score that decides nothing",
    "abstained": "no face, too little, or not meant for it",
}


def screening_sections(found: ScreeningSummary, pictures: Pictures) -> list[kit.Section]:
    """The section "Where images come from"."""
    return [
        kit.Section(
            "Where images come from",
            [
                kit.Columns([_verdicts(found), *_detectors(found)]),
                *_policy(found),
                *_gallery(found, pictures),
            ],
            "What image files declare of their own origin, and what detectors found in them. A declaration "
            "can be removed or forged. Detectors are weak, and worst on generators they have not seen: to "
            "abstain is the norm, a verdict is a hint for a person, and a heat map is no proof.",
        )
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _verdicts(found: ScreeningSummary) -> kit.Bars:
    bars = [
        kit.Bar(_words(name), found.verdicts[name], _MEANINGS[name])
        for name in VERDICTS
        if found.verdicts[name]
    ]
    total = found.verdicts.total()
    return kit.Bars(bars, f"Verdicts on {number(total)} images", total=total)


def _detectors(found: ScreeningSummary) -> list[kit.Block]:
    return [
        kit.Bars(
            [
                kit.Bar(_words(answer), counts[answer], _ANSWERS.get(answer, ""))
                for answer in ANSWERS
                if counts[answer]
            ],
            f"Answers of {_words(name)}",
            total=counts.total(),
        )
        for name, counts in sorted(found.detectors.items())
    ]


def _policy(found: ScreeningSummary) -> list[kit.Block]:
    said = []
    if found.not_examined:
        said.append(
            f"The pixels of {number(found.not_examined)} images could not be examined; they count as "
            "cannot tell."
        )
    if not found.removals:
        said.append("Nothing was removed for what screening found: verdicts were written down only.")
        return [kit.Paragraph(" ".join(said))]
    columns = [kit.Column("step"), kit.Column("reason"), kit.Column("what was done")]
    done = {"dropped": "the record was dropped", "changed": "the image was taken out of its document"}
    rows = [[one.step, one.reason, done[one.action], number(one.records)] for one in found.removals]
    table = kit.Table([*columns, kit.Column("records", "number")], rows, "Removed for what screening found")
    return [*map(kit.Paragraph, said), table]


def _gallery(found: ScreeningSummary, pictures: Pictures) -> list[kit.Block]:
    figures = []
    for row in found.shown:
        figure = pictures.of(row["id"], f"image {row['id'][:12]}", side=_SIDE)
        if figure is not None:
            caption = f"{_words(row['verdict'])}: {row['why']}"
            figures.append(kit.Figure(figure.src, figure.alt, caption, figure.width, figure.height))
    if not figures:
        return []
    missing = len(found.shown) - len(figures)
    said = "Chosen by a hash, those declared synthetic and likely forged ones first."
    if missing:
        said += f" {number(missing)} more could not be drawn here."
    return [kit.Paragraph(said), kit.Gallery(figures)]
