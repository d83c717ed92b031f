"""The loss of a micro-batch: cross-entropy of the target tokens, summed. The module that devices share."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class CaptionLoss(nn.Module):
    """A student with its loss as the output, so that one call is one forward pass of every device.

    There is no attention mask: rows are padded at the right and attention is causal, so that padding is
    never read. Logits are made at target positions only; a vocabulary of 150,000 over every image token would
    be most of the memory.
    """

    def __init__(self, student: Any) -> None:
        super().__init__()
        self.student = student

    def forward(
        self, tokens: torch.Tensor, labels: torch.Tensor, pixels: torch.Tensor | None, unseen: bool = False
    ) -> torch.Tensor:
        """Sum of the losses of a micro-batch, a float32 scalar.

        Args:
            tokens: (rows, length).
            labels: (rows, length), -100 where there is no loss.
            pixels: (images, 3, size, size), normalized; None without images.
            unseen: the pixels belong to no row: devices that have no image in a step in which others have
                some must run the tower all the same, since its weights are gathered together.
        """
        model = self.student.model
        embedded = model.get_input_embeddings()(tokens)
        if pixels is not None:
            features = torch.cat(model.get_image_features(pixels, return_dict=True).pooler_output)
            features = features.to(embedded.dtype)
            if unseen:
                embedded = embedded + 0 * features.sum()
            else:
                places = (tokens == model.config.image_token_id).unsqueeze(-1)
                embedded = embedded.masked_scatter(places, features)
        hidden = model.language_model(inputs_embeds=embedded, use_cache=False).last_hidden_state
        wanted = labels.flatten() != -100
        logits = self.student.lm_head(hidden.flatten(0, 1)[wanted])
        return nn.functional.cross_entropy(logits.float(), labels.flatten()[wanted], reduction="sum")
