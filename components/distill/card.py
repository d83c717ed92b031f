"""The model card: what a student is made of, what it was trained on, how, and its limits."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import Environment, StrictUndefined

from components import __version__
from components.distill.model import Student, parts
from components.distill.rows import TrainingRows
from components.distill.train_params import StudentParams, TrainParams

if TYPE_CHECKING:
    from components.distill.train import TrainResult

_SMALL = 100_000_000
"""Weights below which a card says what a small model can't do."""


def model_card(
    student: Student, params: TrainParams, rows: TrainingRows, result: TrainResult, last_steps: int
) -> str:
    """Markdown with the front matter that the Hugging Face hub reads.

    Args:
        last_steps: steps that the final loss is averaged over.
    """
    weights = {name: sum(p.numel() for p in part.parameters()) for name, part in parts(student.model).items()}
    values = params.model_dump(mode="json")
    for name in ("start", "vision", "language"):
        values["student"][name] = _named(values["student"][name])
    given = StudentParams.model_validate(values["student"])
    whats = {
        "vision": given.start
        or (given.vision if isinstance(given.vision, str) else "SigLIP, random at first"),
        "projector": given.start or "two layers, random at first",
        "language": given.start
        or (given.language if isinstance(given.language, str) else "Qwen3, random at first"),
    }
    lines: list[dict[str, Any]] = [
        {
            "name": name,
            "what": what,
            "weights": f"{weights[name]:,}",
            "train": getattr(params, name).train,
            "lr": getattr(params, name).lr,
        }
        for name, what in whats.items()
    ]
    text = resources.files("components.distill").joinpath("model_card.md.j2").read_text()
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(text).render(
        name="kalemint student",
        version=__version__,
        parts=lines,
        image_size=student.image_size,
        image_tokens=student.image_tokens,
        rows=f"{len(rows):,}",
        shards=len(rows.shards),
        digest=rows.digest,
        seen=f"{result.rows_seen:,}",
        steps=result.steps,
        skipped=result.skipped,
        first_loss=result.first_loss,
        last_loss=result.last_loss,
        last_steps=last_steps,
        ema=params.ema,
        params=yaml.safe_dump(values, sort_keys=False),
        small=sum(weights.values()) < _SMALL,
    )


def _named(model: Any) -> Any:
    """A local folder by its name alone: where it lay on the machine that trained says nothing elsewhere."""
    return Path(model).resolve().name if isinstance(model, str) and Path(model).is_dir() else model
