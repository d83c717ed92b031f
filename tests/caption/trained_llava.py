"""The small LLaVA of `tiny_llava`, trained for some seconds until its answers are sentences that end."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

from tests.caption.tiny_llava import picture, tiny_llava

COLOURS = ["red", "green", "blue", "grey"]


def sentence(number: int, name: str | None) -> str:
    """What it is taught to say of a picture: a colour by its number, and the name that it was given."""
    return f"A {COLOURS[number % 4]} square{f', named {name}' if name else ''}."


def train(folder: Path, requests: list[tuple[int, str, str]], steps: int = 60) -> Path:
    """Teach a copy of the checkpoint and write it to `folder`.

    Args:
        requests: number of a picture, user's message, answer.
    """
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor: Any = AutoProcessor.from_pretrained(tiny_llava())
    model = AutoModelForImageTextToText.from_pretrained(tiny_llava(), dtype=torch.float32)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        for weight in model.parameters():  # the checkpoint's lie far apart, too far to learn
            if weight.dim() > 1:
                torch.nn.init.normal_(weight, std=0.05)
        model.tie_weights()
    chats, images = [], []
    for number, user, answer in requests:
        content = [{"type": "image"}, {"type": "text", "text": user}]
        asked = processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True
        )
        chats.append((asked, f"{asked}{answer}<|im_end|>"))
        images.append(Image.open(io.BytesIO(picture(number))).convert("RGB"))
    processor.tokenizer.padding_side = "right"
    options = {"padding": True, "return_tensors": "pt", "add_special_tokens": False}
    batch = processor(images=images, text=[whole for _, whole in chats], **options)
    asked_only = processor(images=images, text=[asked for asked, _ in chats], **options)
    positions = torch.arange(batch["input_ids"].shape[1])[None]
    answer_begins = asked_only["attention_mask"].sum(1, keepdim=True)
    learned = (positions >= answer_begins) & batch["attention_mask"].bool()
    labels = batch["input_ids"].masked_fill(~learned, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * min(1, (step + 1) / 10) * (1 - step / steps)
        loss = model(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
