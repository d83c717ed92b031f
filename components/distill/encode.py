"""From a row to what the student reads: token numbers of prompt and target, and resized pixels.

The prompt is what the saved chat template renders with the generation prompt, `<image>` repeated once an
image
token: the same tokens as transformers' processor and vLLM make of the same messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from components.core.errors import BadRecord
from components.core.rgb_images import rgb_image
from components.distill.model import END, IMAGE, Student


class RowProblem(StrEnum):
    """Why a row can't be trained on; counted in the result of a training."""

    TOO_LONG = "too_long"
    NO_TARGET = "no_target"
    SPECIAL_TOKEN = "special_token_in_text"
    IMAGE_UNREADABLE = "image_unreadable"


@dataclass(frozen=True, slots=True)
class Row:
    """One encoded row: prompt tokens, then target tokens with the end token.

    Attributes:
        tokens: prompt and target.
        prompt: number of tokens of the prompt, on which there is no loss.
        image: whether the prompt has image tokens.
    """

    tokens: npt.NDArray[np.int32]
    prompt: int
    image: bool


def messages(system: str | None, user: str, image: bool) -> list[dict[str, Any]]:
    """A row as chat messages: the image before the user's text."""
    content: list[dict[str, Any]] = [{"type": "image"}] if image else []
    start = [] if system is None else [{"role": "system", "content": [{"type": "text", "text": system}]}]
    return [*start, {"role": "user", "content": [*content, {"type": "text", "text": user}]}]


class RowEncoder:
    """Turns rows into tokens and pixels for one student.

    Args:
        student: its tokenizer and image processor are used.
        max_tokens: longest row.
        max_side: longest side an image is scaled down to before the processor, pixels; None: as it is.
    """

    def __init__(self, student: Student, max_tokens: int, max_side: int | None = None) -> None:
        self.tokenizer = student.tokenizer
        self.image_tokens, self.image_size = student.image_tokens, student.image_size
        self.pad = int(self.tokenizer.pad_token_id)
        self.max_tokens, self.max_side = max_tokens, max_side
        self._images = student.processor.image_processor
        self.end = self.tokenizer.convert_tokens_to_ids(END)
        self._special = [token for token in self.tokenizer.all_special_tokens if token]

    def rows(self, table: pa.Table) -> list[Row | RowProblem]:
        """Tokens of every row of a shard, or why it has none. Images are not decoded here."""
        has_image = table.column("image").is_valid().to_pylist()
        systems, users, targets = (table.column(name).to_pylist() for name in ("system", "user", "target"))
        bad: dict[int, RowProblem] = {}
        prompts, answers = [], []
        for number, (system, user, target) in enumerate(zip(systems, users, targets, strict=True)):
            if not target:
                bad[number] = RowProblem.NO_TARGET
            elif any(token in text for text in (system or "", user or "", target) for token in self._special):
                bad[number] = RowProblem.SPECIAL_TOKEN
            if number in bad:
                prompts.append("")
                answers.append("")
                continue
            prompts.append(self.prompt(system, user or "", has_image[number]))
            answers.append(target)
        encoded = self.tokenizer(prompts, add_special_tokens=False)["input_ids"]
        wanted = self.tokenizer(answers, add_special_tokens=False)["input_ids"]
        found: list[Row | RowProblem] = []
        for number, (prompt, target) in enumerate(zip(encoded, wanted, strict=True)):
            if number in bad:
                found.append(bad[number])
            elif len(prompt) + len(target) + 1 > self.max_tokens:
                found.append(RowProblem.TOO_LONG)
            else:
                tokens = np.array([*prompt, *target, self.end], np.int32)
                found.append(Row(tokens, len(prompt), has_image[number]))
        return found

    def prompt(self, system: str | None, user: str, image: bool) -> str:
        """The rendered prompt, its `<image>` repeated."""
        text: str = self.tokenizer.apply_chat_template(
            messages(system, user, image), tokenize=False, add_generation_prompt=True
        )
        return text.replace(IMAGE, IMAGE * self.image_tokens, 1) if image else text

    def pixels(self, data: bytes) -> npt.NDArray[np.uint8] | None:
        """An encoded image, resized as the processor does it; None where it can't be read.

        Returns:
            Red, green, blue: (3, size, size), not scaled or normalized: a byte a number is what is cached
            and copied to a device.
        """
        try:
            rgb = rgb_image(data, self.max_side)
        except BadRecord:
            return None
        done = self._images(images=rgb, do_rescale=False, do_normalize=False, return_tensors="np")
        return np.ascontiguousarray(done["pixel_values"][0].astype(np.uint8))

    def normalize(self, pixels: torch.Tensor) -> torch.Tensor:
        """Bytes (n, 3, size, size) as the numbers the tower sees, float32, on the same device."""
        # the processor's own arithmetic: scale, then subtract and divide
        mean = torch.tensor(self._images.image_mean, device=pixels.device).view(1, 3, 1, 1)
        std = torch.tensor(self._images.image_std, device=pixels.device).view(1, 3, 1, 1)
        return (pixels.float() * self._images.rescale_factor - mean) / std
