"""The card of a folder of detectors: what they were trained on, how well they do, where they fail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from components import __version__
from components.deepfake.onnx_models import OnnxClassifier

UNKNOWN: Final = "not known"
CHANCE: Final = "chance_level"


def detector_card(
    name: str, folder: Path, calibrations: Sequence[dict[str, Any]], benchmark: Sequence[dict[str, Any]]
) -> str:
    """Markdown.

    Args:
        folder: the files of weights.
        calibrations: rows of calibrations/1.
        benchmark: rows of benchmark/1.

    Raises:
        ConfigurationError: where a file of weights can't be read.
    """
    from jinja2 import Environment, StrictUndefined

    rows = sorted(
        (row for row in benchmark if _is_shown(row)),
        key=lambda row: (row["detector"], row["family"], row["dataset"], row["protocol"]),
    )
    text = resources.files("components.deepfake").joinpath("detector_card.md.j2").read_text()
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(text).render(
        name=name,
        version=__version__,
        files=[_about(path) for path in sorted(folder.iterdir()) if path.suffix in (".onnx", ".json")],
        figures=[_figure(row) for row in rows],
        chance=[
            f"{row['detector']} on {row['family']} of {row['dataset']}"
            for row in rows
            if CHANCE in (row["remark"] or "")
        ],
        calibrations=[
            {
                "detector": row["detector"],
                "method": row["method"],
                "threshold": f"{row['threshold']:.3f}",
                "band": f"{row['low']:.3f} and {row['high']:.3f}",
                "rows": row["rows"],
                "log_loss": _number(row["log_loss"]),
                "ece": _number(row["ece"]),
            }
            for row in sorted(calibrations, key=lambda row: row["detector"])
        ],
    )


def _is_shown(row: dict[str, Any]) -> bool:
    return (
        row["metric"] == "auc"
        and row["level"] == "media"
        and row["variant"] == "clean"
        and row["slice"] is None
        and row["method"] is None
    )


def _figure(row: dict[str, Any]) -> dict[str, Any]:
    if row["value"] is None:
        value = "not defined"
    elif row["low"] is None:
        value = f"{row['value']:.3f} (no interval)"
    else:
        value = f"{row['value']:.3f} [{row['low']:.3f}-{row['high']:.3f}]"
    return {
        **{field: row[field] for field in ("detector", "dataset", "family", "protocol", "lost")},
        "value": value,
        "numbers": f"{row['forged']} / {row['real']} / {row['groups']}",
        "remark": (row["remark"] or "").replace("_", " "),
    }


def _about(path: Path) -> dict[str, Any]:
    network = path.suffix == ".onnx"
    card = OnnxClassifier(path).card.model_dump() if network else json.loads(path.read_text())
    return {
        "name": path.name,
        "bytes": path.stat().st_size,
        "licence": card.get("licence") or UNKNOWN,
        "trained_on": card.get("trained_on") or UNKNOWN,
    }


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"
