"""A LLaVA (SigLIP tower, two-layer projector, Qwen3) with random weights that both engines load for real.

Its answers mean nothing, but they depend on every pixel and every word.
"""

from __future__ import annotations

import functools
import hashlib
import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

CHAT_TEMPLATE = (
    "{%- for message in messages -%}{{- '<|im_start|>' + message['role'] + '\\n' -}}"
    "{%- if message['content'] is string -%}{{- message['content'] -}}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' -%}{{- '<image>\\n' -}}{%- else -%}{{- part['text'] -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}{{- '<|im_end|>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)

_TEXTS = (
    "Describe. Merge: Caption: Seen? Fits? yes no unsure a red circle and a blue square, named Dotalwen.",
    "The quick brown fox jumps over the lazy dog. Describe the image. Alt text: a photograph of a cat.",
)


@functools.cache
def tiny_llava() -> Path:
    """Folder of the checkpoint: config, weights, tokenizer, processor, chat template; under 2 MB.

    Made once a session and removed with it.
    """
    scratch = tempfile.TemporaryDirectory(prefix="tiny-llava-")
    _KEPT.append(scratch)
    return build(Path(scratch.name) / "tiny-llava")


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def build(folder: Path, *, chat_template: str | None = CHAT_TEMPLATE) -> Path:
    """Write the checkpoint to `folder`, the same weights every time."""
    import torch
    from transformers import (
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        Qwen3Config,
        SiglipVisionConfig,
    )
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    tokenizer = _tokenizer()
    end, pad = (tokenizer.convert_tokens_to_ids(token) for token in ("<|im_end|>", "<|endoftext|>"))
    config = LlavaConfig(
        vision_config=SiglipVisionConfig(
            image_size=32,
            patch_size=8,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            vision_use_head=False,
        ),
        text_config=Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=32,  # the smallest that vLLM runs on a processor
            intermediate_size=128,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=end,
            pad_token_id=pad,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=16,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = LlavaForConditionalGeneration(config)
        for name, weight in model.named_parameters():
            if weight.dim() > 1:  # far apart: greedy answers vary and do not hang on the last bit
                torch.nn.init.normal_(weight, std=0.15 if "embed_tokens" in name else 0.3)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = end, pad
    model.save_pretrained(folder)
    _rename_for_vllm(folder / "model.safetensors")
    LlavaProcessor(
        image_processor=SiglipImageProcessorPil(size={"height": 32, "width": 32}),
        tokenizer=tokenizer,
        patch_size=8,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        image_token="<image>",
        chat_template=chat_template,
    ).save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"]
    trainer = trainers.BpeTrainer(
        vocab_size=384,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(_TEXTS * 20, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", "<image>"],
        clean_up_tokenization_spaces=False,
    )


def _rename_for_vllm(weights: Path) -> None:
    """vLLM 0.32 looks for the tower under `vision_model`, where transformers 5 finds it, too."""
    from safetensors.torch import load_file, save_file

    names = {name: name.replace("vision_tower.", "vision_tower.vision_model.") for name in load_file(weights)}
    save_file({names[name]: tensor for name, tensor in load_file(weights).items()}, weights, {"format": "pt"})


def picture(seed: int = 0, size: tuple[int, int] = (48, 40), kind: str = "PNG") -> bytes:
    """An encoded picture of two coloured shapes; another one for every seed."""
    numbers = hashlib.sha256(str(seed).encode()).digest()
    image = Image.new("RGB", size, (numbers[0], numbers[1], numbers[2]))
    draw = ImageDraw.Draw(image)
    width, height = size
    draw.ellipse((0, 0, width // 2, height // 2), fill=(numbers[3], numbers[4], numbers[5]))
    draw.rectangle((width // 2, height // 2, width, height), fill=(numbers[6], numbers[7], numbers[8]))
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()
