"""Croissant metadata of a release of captions: its files, and a record set for each configuration."""

from __future__ import annotations

from typing import Any

from components.publish.caption_release import CONFIGURATIONS
from components.publish.caption_summary import CaptionSummary
from components.publish.croissant import file_object, file_set, header, record_set
from components.publish.summary import RunSummary


def describe_captions(captions: CaptionSummary) -> str:
    """One or two sentences on a release of captions: its own, or its counts."""
    card = captions.release.params.card
    if card.description:
        return card.description
    found = captions.statistics
    return (
        f"{found.captions:,} image captions of {found.words.mean:.1f} words on average, in the manner of "
        "BLIP3-KALE: dense descriptions with the knowledge of the alternative texts."
    )


def build_caption_croissant(run: RunSummary, captions: CaptionSummary) -> dict[str, Any]:
    """The metadata as JSON-LD; every file of the release is listed with its SHA-256.

    Paths are relative to the file that holds this, `croissant.json` in the release's folder.
    """
    release = captions.release
    sets = {
        name: [file for folder in folders for file in release.of_set(folder)]
        for name, folders in CONFIGURATIONS.items()
    }
    document: dict[str, Any] = {
        **header(release.params.card, describe_captions(captions)),
        "inLanguage": "en",
        "keywords": ["image captions", "image-text", "multimodal", "blip3-kale"],
        "isLiveDataset": False,
        "rai:dataCollection": "Captions written by models on images collected by kalemint.",
        "rai:dataPreprocessingProtocol": [
            f"{step.name}: {step.rows_in} rows in, {step.kept} kept" for step in run.steps if step.conserves
        ],
        "rai:dataLimitations": (
            "Written by models and not reviewed by people: captions can be wrong. "
            "Images belong to their publishers."
        ),
        "distribution": [
            *map(file_object, release.files),
            *(
                file_set(f"{name}-files", f"Parquet files of the configuration {name}.", files)
                for name, files in sets.items()
            ),
        ],
        "recordSet": [
            record_set(name, f"Captions of {name}, one row an image.", release.schema, f"{name}-files")
            for name in sets
        ],
    }
    return {name: value for name, value in document.items() if value is not None}
