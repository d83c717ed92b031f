"""The peer of filter_speed.py: datatrove's filters over a file of texts, in an environment of its own.

    python benchmarks/datatrove_filters.py TEXTS.jsonl [--reasons]

Every line of TEXTS.jsonl is a JSON string. Prints one JSON object: the processor seconds of the chain
that FineWeb uses, start-up and imports apart; with --reasons also, for each filter alone, the chain and
C4 in full, `null` where a text passes or the reason why it does not. The chain short-cuts as datatrove
does: a text that a filter drops is not shown to the next one.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)


def judge(filters, text: str) -> str | None:
    """The first reason why a filter drops the text."""
    document = Document(text=text, id="0")
    for step in filters:
        verdict = step.filter(document)
        passed, reason = verdict if isinstance(verdict, tuple) else (verdict, "")
        if not passed:
            return f"{step.__class__.__name__}: {reason}"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description="datatrove's filters over texts.")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--reasons", action="store_true")
    arguments = parser.parse_args()
    texts = [json.loads(line) for line in arguments.texts.read_text().splitlines()]
    repetition, quality = GopherRepetitionFilter(), GopherQualityFilter()
    c4 = C4QualityFilter(filter_no_terminal_punct=False)
    fineweb = FineWebQualityFilter()
    sets = {
        "GopherRepetition": [repetition],
        "GopherQuality": [quality],
        "C4 but terminal punctuation": [c4],
        "C4": [C4QualityFilter()],
        "FineWebQuality": [fineweb],
        "chain": [repetition, quality, c4, fineweb],
    }
    judge(sets["chain"], "Loads the tokenizer. " * 30)
    start = time.process_time()
    for text in texts:
        judge(sets["chain"], text)
    result = {"seconds": time.process_time() - start}
    if arguments.reasons:
        result["reasons"] = {name: [judge(steps, text) for text in texts] for name, steps in sets.items()}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
