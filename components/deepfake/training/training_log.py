"""What a training says, as JSON lines; those after the checkpoint it goes on from are cut off."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any


class TrainingLog:
    """A file of JSON lines; the same training writes the same bytes, killed and resumed or not."""

    def __init__(self, path: Path, step: int) -> None:
        """Open the file and forget what was said after `step` finished steps."""
        self._path = path
        kept = [line for line in read_log(path) if line["step"] <= step]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in kept))

    def add(self, step: int, **values: Any) -> None:
        """Write one more line."""
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; one that was not finished is left out. Empty where there is no file."""
    lines: list[dict[str, Any]] = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def lr_factor(step: int, steps: int, warmup_share: float, final_share: float) -> float:
    """What peak rates are multiplied with in step `step`, from 0: linear warm-up, then a cosine."""
    warmup = round(steps * warmup_share)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * done))
