"""Sample captions during a training: what the student writes for a few rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from components.distill.encode import Row, RowEncoder
from components.distill.parallel import gathered
from components.distill.rows import TrainingRows


@dataclass(slots=True)
class Sample:
    """One row that sample captions are made of.

    Attributes:
        row: its number in the dataset.
        user: the user's message.
        target: the wanted caption.
        tokens: of the prompt, (1, length).
        pixels: (1, 3, size, size), normalized; None without an image.
    """

    row: int
    user: str
    target: str
    tokens: torch.Tensor
    pixels: torch.Tensor | None


def choose(rows: TrainingRows, encoder: RowEncoder, count: int) -> list[Sample]:
    """The first usable rows, at most `count`."""
    return list(islice(_usable(rows, encoder), count))


def _usable(rows: TrainingRows, encoder: RowEncoder) -> Iterator[Sample]:
    before = 0
    for shard in range(len(rows.shards)):
        table = rows.read(shard)
        encoded = encoder.rows(table)
        for at, row in enumerate(encoded):
            if not isinstance(row, Row):
                continue
            pixels = None
            if row.image:
                resized = encoder.pixels(table.column("image")[at].as_buffer())
                if resized is None:
                    continue
                pixels = encoder.normalize(torch.from_numpy(resized)[None])
            user, target = (str(table.column(name)[at]) for name in ("user", "target"))
            tokens = torch.from_numpy(row.tokens[: row.prompt]).long()[None]
            yield Sample(before + at, user, target, tokens, pixels)
        before += table.num_rows


@torch.no_grad()
def captions(objective: Any, samples: list[Sample], encoder: RowEncoder, most: int, device: Any) -> list[str]:
    """Greedy captions by the weights as they are now.

    Args:
        objective: the `CaptionLoss` that is trained; every device calls this together.
        most: longest caption, tokens.
    """
    objective.eval()
    texts = []
    with gathered(objective):
        for sample in samples:
            inputs = {"input_ids": sample.tokens.to(device)}
            if sample.pixels is not None:
                inputs["pixel_values"] = sample.pixels.to(device)
            made = objective.student.generate(
                **inputs,
                attention_mask=torch.ones_like(inputs["input_ids"]),
                max_new_tokens=most,
                do_sample=False,
                eos_token_id=encoder.end,
                pad_token_id=encoder.pad,
            )
            texts.append(
                encoder.tokenizer.decode(made[0, sample.tokens.shape[1] :], skip_special_tokens=True)
            )
    objective.train()
    return texts
