"""Logs of a training as JSON lines, for the report.

`loss.jsonl` holds what a step learnt, one line a step, the same on every run of the same training. Times lie
apart, in `throughput.jsonl`; sample captions in `samples.jsonl`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class LineLog:
    """A file of JSON lines with a `step` each; those after the checkpoint of a killed training are cut off.

    Args:
        path: the file.
        writes: False for processes other than the first: nothing is written.
    """

    def __init__(self, path: Path, writes: bool) -> None:
        self.path, self._writes = path, writes
        self._waiting: list[str] = []

    def cut(self, step: int) -> None:
        """Forget lines of steps after `step`, and a last line that was not finished."""
        if not self._writes:
            return
        kept = [json.dumps(line) + "\n" for line in read_lines(self.path) if line["step"] <= step]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        partial.write_text("".join(kept))
        partial.replace(self.path)

    def add(self, step: int, **values: Any) -> None:
        """One more line; on disk after `flush`."""
        if self._writes:
            self._waiting.append(json.dumps({"step": step, **values}) + "\n")

    def flush(self) -> None:
        """Write the lines that wait."""
        if self._waiting:
            with self.path.open("a") as file:
                file.write("".join(self._waiting))
            self._waiting.clear()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; one that was not finished is left out. Empty where there is no file."""
    lines: list[dict[str, Any]] = []
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
    return lines
