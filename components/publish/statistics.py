"""`statistics.json` of a release: its numbers for programs, with the removals of every step."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from components.publish.aggregates import Distribution, Tally
from components.publish.caption_statistics import caption_numbers
from components.publish.caption_summary import LEXICAL, CaptionSummary
from components.publish.removals import removal_rows
from components.publish.summary import RunSummary

_NAMES: Final = 1000
_QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_DUPLICATES: Final = {"exact_text", "near_text", "same_url", "repeated_text", "semantic_text"}
_CAPTION_FAMILIES: Final = ("caption", "distill", "publish")


def statistics(run: RunSummary) -> dict[str, Any]:
    """The numbers of a release. The same run gives the same numbers."""
    found = run.aggregates
    exported = next((step for step in run.steps if step.name == "export"), None)
    tokens = exported.counters.get("tokens") if exported else None
    return {
        "documents": found.documents,
        "words": found.words.sum,
        "tokens": None if tokens is None else int(tokens),
        "images_with_bytes": found.images,
        "image_bytes": found.image_bytes,
        "words_per_document": _spread(found.words),
        "images_per_document": _spread(found.images_per_document),
        "image_width": _spread(found.widths),
        "image_height": _spread(found.heights),
        "sources": _counts(found.sources),
        "languages": _counts(found.languages),
        "domains": {"distinct": len(found.domains.counts), "counts": _counts(found.domains)},
        "licenses": _counts(found.licenses),
        "image_formats": _counts(found.formats),
        "robots": _counts(found.robots),
        "duplicates": duplicate_rates(run),
        "topics": asdict(run.topics) if run.topics else None,
        "removals": removal_rows(run.steps),
    }


def duplicate_rates(run: RunSummary) -> dict[str, Any]:
    """Shares of the documents that entered deduplication and were dropped as copies, by kind of copy."""
    step = next((s for s in run.steps if s.name == "dedup"), None)
    if step is None or not step.rows_in:
        return {}
    counts = {reason: number for reason, number in step.dropped.items() if reason in _DUPLICATES}
    return {
        "documents_in": step.rows_in,
        "dropped": dict(sorted(counts.items())),
        "shares": {reason: round(number / step.rows_in, 6) for reason, number in sorted(counts.items())},
    }


def caption_statistics(run: RunSummary, captions: CaptionSummary) -> dict[str, Any]:
    """The numbers of a release of captions. The same run gives the same numbers."""
    audits = captions.audits
    audited = sum(row["rows"] for row in audits)
    agreement = sum(row["rows"] * row["agreement"] for row in audits) / audited if audited else None
    return {
        **caption_numbers(captions.statistics),
        "captions_by_kind": dict(sorted(captions.kinds.items())),
        "models": [
            {"role": use.role, "kind": use.kind, "captions": use.captions, **use.identity}
            for use in captions.models
        ],
        "judge_is_lexical": any(use.identity["engine"] == LEXICAL for use in captions.judges()),
        "decisions": {
            step.name: {
                "rows_in": step.rows_in,
                "kept": step.kept,
                "dropped": step.dropped,
                "failed": step.failed,
                "changed": step.changed,
            }
            for step in run.steps
            if step.family in _CAPTION_FAMILIES
        },
        "gate": captions.gate,
        "audit": {
            "shards": len(audits),
            "images": audited,
            "agreement": agreement if agreement is None else round(agreement, 6),
            "drifted_shards": [row["shard"] for row in audits if row["drifted"]],
        },
        "removals": removal_rows(run.steps),
    }


def _spread(values: Distribution) -> dict[str, Any]:
    return {
        "mean": round(values.mean, 4),
        "min": values.min,
        "max": values.max,
        "quantiles": {str(share): values.quantile(share) for share in _QUANTILES},
    }


def _counts(values: Tally) -> dict[str, int]:
    return dict(values.top(_NAMES))


def to_json(numbers: dict[str, Any]) -> bytes:
    """The file's content."""
    return (json.dumps(numbers, ensure_ascii=False, indent=1) + "\n").encode()
