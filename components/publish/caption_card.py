"""The data card of a release of captions: `README.md` as dataset hubs read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

from components.core import schemas
from components.core.report import number, percent, size
from components.publish.caption_croissant import describe_captions
from components.publish.caption_exhibits import STAGES
from components.publish.caption_release import CONFIGURATIONS
from components.publish.caption_statistics import PUBLISHED
from components.publish.caption_summary import CaptionSummary, ModelUse
from components.publish.card import MAX_SOURCES, columns, render, settings, shown_source, size_category
from components.publish.kale_report import claim_rows, gate_rows, judge_lines
from components.publish.removals import removals
from components.publish.summary import RunSummary

_FAMILIES: Final = ("caption", "distill", "publish")


def build_caption_card(run: RunSummary, captions: CaptionSummary) -> str:
    """The card. The same run gives the same card."""
    release = captions.release
    return render(
        "caption_card.md.j2",
        front=_front_matter(captions),
        run=run,
        release=release,
        card=release.params.card,
        description=describe_captions(captions),
        found=captions.statistics,
        glances=list(_glances(captions)),
        columns=list(columns(schemas.get(release.schema))),
        tars=release.of_kind("webdataset"),
        configurations=CONFIGURATIONS,
        models=[_model(use) for use in captions.models],
        judges=judge_lines(captions),
        claims=claim_rows(captions.statistics),
        gate=gate_rows(captions.gate),
        audits=captions.audits,
        trainings=captions.trainings,
        stages=STAGES,
        removals=removals(run.steps),
        parameters=[(s, settings(s)) for s in run.steps if s.params and s.family in _FAMILIES],
        sources=[shown_source(source) for source in run.sources[:MAX_SOURCES]],
        more_sources=max(0, len(run.sources) - MAX_SOURCES),
    )


def _front_matter(captions: CaptionSummary) -> str:
    card = captions.release.params.card
    matter: dict[str, Any] = {
        "pretty_name": card.title,
        "license": card.license.lower(),
        "language": ["en"],
        "task_categories": ["image-to-text", "text-to-image", "image-text-to-text"],
        "tags": ["captions", "image-text", "multimodal", "synthetic", "kalemint", "croissant"],
        "size_categories": [size_category(captions.statistics.captions)],
        "configs": [
            {
                "config_name": name,
                "default": name == "core",
                "data_files": [{"split": "train", "path": [f"{folder}/*.parquet" for folder in folders]}],
            }
            for name, folders in CONFIGURATIONS.items()
        ],
    }
    if card.license_url:
        matter["license_link"] = card.license_url
    filled = {name: value for name, value in matter.items() if value}
    front: str = yaml.safe_dump(filled, sort_keys=False, allow_unicode=True, width=1000)
    return front.strip()


def _glances(captions: CaptionSummary) -> Iterator[tuple[str, str]]:
    found, release = captions.statistics, captions.release
    yield "captions", number(found.captions)
    for stage, words in sorted(found.stages.items()):
        yield STAGES[stage], f"{number(words.total)}, {words.mean:.2f} words each"
    published = f"BLIP3-KALE: {PUBLISHED['words_per_caption']}"
    yield "words per caption", f"mean {found.words.mean:.2f} ({published}), {_spread(captions)}"
    about = "" if found.vocabulary.exact else " (estimated, within 0.4 %)"
    yield "vocabulary", f"{number(found.vocabulary.count)} distinct words{about}"
    judged = sum(found.judged.values())
    yield (
        "with knowledge",
        f"{percent(sum(found.knowledge.values()), judged)} of {number(judged)} judged captions",
    )
    if found.compared:
        yield (
            "words from alt text",
            f"{found.knowledge_words.mean:.2f} a caption that the caption of the pixels has not",
        )
    for kind in ("parquet", "webdataset"):
        if files := release.of_kind(kind):
            yield f"{kind} files", f"{number(len(files))}, {size(sum(file.bytes for file in files))}"


def _spread(captions: CaptionSummary) -> str:
    low, middle, high = (number(round(captions.statistics.words.quantile(q))) for q in (0.05, 0.5, 0.95))
    return f"median {middle}, 90 % from {low} to {high}"


def _model(use: ModelUse) -> list[str]:
    who = use.identity
    engine = " ".join(str(who[name]) for name in ("engine", "engine_version") if who[name])
    prompt = f"{who['prompt']} ({who['prompt_digest']})" if who["prompt"] else ""
    return [
        use.role,
        use.kind,
        number(use.captions),
        *(value or "-" for value in (who["model"], who["revision"], engine, prompt, who["sampling"])),
    ]
