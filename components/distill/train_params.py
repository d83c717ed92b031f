"""Parameters of the trainer: what the student is made of and how it is trained. No torch here."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.core.errors import ConfigurationError

PRESETS: Final = ("tiny", "kale-2b", "modern-2b")
"""Names of the files in `presets/`."""


class VisionSizes(BaseModel):
    """A SigLIP vision tower with random weights."""

    model_config = ConfigDict(extra="forbid")

    image_size: int = Field(
        default=64, ge=8, description="Side of the square an image is resized to, pixels."
    )
    patch_size: int = Field(default=16, ge=2, description="Side of a patch, pixels; an image token a patch.")
    width: int = Field(default=96, ge=8, description="Numbers of a hidden state.")
    layers: int = Field(default=3, ge=1, description="Encoder layers.")
    heads: int = Field(default=4, ge=1, description="Attention heads; they divide the width.")
    mlp: int = Field(default=384, ge=8, description="Width inside the feed-forward block.")

    @model_validator(mode="after")
    def _divides(self) -> VisionSizes:
        if self.image_size % self.patch_size or self.width % self.heads:
            raise ValueError("patch_size must divide image_size, and heads must divide width")
        return self


class LanguageSizes(BaseModel):
    """A Qwen3 language model with random weights; its tokenizer is trained on the training texts."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(default=96, ge=8, description="Numbers of a hidden state.")
    layers: int = Field(default=3, ge=1, description="Decoder layers.")
    heads: int = Field(default=4, ge=1, description="Query heads.")
    kv_heads: int = Field(default=2, ge=1, description="Key and value heads; they divide the query heads.")
    head_dim: int = Field(
        default=32, ge=4, description="Numbers of a head; even. vLLM on a processor takes multiples of 32."
    )
    mlp: int = Field(default=256, ge=8, description="Width inside the feed-forward block.")
    vocabulary: int = Field(
        default=512,
        ge=300,
        description="Tokens of the byte-level BPE, 256 bytes and special tokens included; fewer "
        "where texts are few.",
    )
    positions: int = Field(default=1024, ge=64, description="Longest sequence, tokens.")
    tokenizer_rows: int = Field(
        default=20_000, ge=1, description="Rows, from the first shards on, that the tokenizer is trained on."
    )

    @model_validator(mode="after")
    def _divides(self) -> LanguageSizes:
        if self.heads % self.kv_heads or self.head_dim % 2:
            raise ValueError("kv_heads must divide heads, and head_dim must be even")
        return self


class StudentParams(BaseModel):
    """What the student is assembled from: a SigLIP-class tower, a two-layer projector, a language model.

    Plain LLaVA as transformers and vLLM know it (`LlavaForConditionalGeneration`).
    """

    model_config = ConfigDict(extra="forbid")

    start: str | None = Field(
        default=None,
        description="Folder or Hugging Face id of a whole LLaVA checkpoint of this trainer to go "
        "on from; `vision` and "
        "`language` are then not read.",
    )
    start_revision: str | None = Field(
        default=None, description="Its commit on the hub; null: the main branch."
    )
    vision: str | VisionSizes = Field(
        default_factory=VisionSizes,
        description="Folder or hub id of a SigLIP or SigLIP 2 checkpoint (fixed resolution), or "
        "of a LLaVA checkpoint "
        "whose tower is taken; or sizes of one with random weights.",
    )
    vision_revision: str | None = Field(
        default=None, description="Its commit on the hub; null: the main branch."
    )
    image_size: int | None = Field(
        default=None,
        ge=8,
        description="Side in pixels a loaded tower is used at, its position embeddings resized "
        "(KALE section 2.2: "
        "490); null: the checkpoint's own.",
    )
    language: str | LanguageSizes = Field(
        default_factory=LanguageSizes,
        description="Folder or hub id of a causal language model with ChatML tokens (Qwen2, "
        "Qwen3); or sizes of a "
        "Qwen3 with random weights.",
    )
    language_revision: str | None = Field(
        default=None, description="Its commit on the hub; null: the main branch."
    )


class PartParams(BaseModel):
    """How one part of the student is trained."""

    model_config = ConfigDict(extra="forbid")

    train: bool = Field(default=True, description="False: its weights stay as they are.")
    lr: float = Field(default=2e-3, gt=0, le=1, description="Peak learning rate.")


class TrainParams(BaseModel):
    """Parameters of the training. The KALE paper states none of them but its parts and 490 x 490 (PAPERS.md
    1.1)."""

    model_config = ConfigDict(extra="forbid")

    student: StudentParams = Field(default_factory=StudentParams, description="what is trained")
    vision: PartParams = Field(default_factory=PartParams, description="the vision tower")
    projector: PartParams = Field(default_factory=PartParams, description="the two-layer projector")
    language: PartParams = Field(default_factory=PartParams, description="the language model")

    seed: int = Field(default=0, ge=0, description="Decides random weights and the order of the rows.")
    steps: int | None = Field(
        default=None, ge=1, description="Updates of the weights; null: `epochs` decide."
    )
    epochs: float = Field(default=1.0, gt=0, description="Passes over the rows, where `steps` is null.")
    batch: int = Field(default=64, ge=1, description="Rows an update, over all devices.")
    micro_batch: int = Field(
        default=64, ge=1, description="Rows a device works on at a time; gradients of several are added up."
    )
    max_tokens: int = Field(
        default=1024,
        ge=16,
        description="Longest row, image tokens, prompt and caption together; longer ones are "
        "left out and counted.",
    )
    max_side: int | None = Field(
        default=490,
        ge=16,
        description="Longest side of an image in pixels; larger ones are scaled down before the student's "
        "own processor. The engine that serves it needs the same (KALE section 2.2: 490). null: as they are.",
    )
    max_unusable_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of unusable rows (too long, image not readable, special tokens in a "
        "text) in a buffer of "
        "shards at which the training stops.",
    )
    buffer_shards: int = Field(
        default=4, ge=1, description="Shards in memory at a time; rows are shuffled among them."
    )
    bucket_batches: int = Field(
        default=16,
        ge=1,
        description="Batches whose rows are sorted by length together, so that little is padded; "
        "1: no sorting.",
    )
    cache_mib: int = Field(
        default=512,
        ge=0,
        description="MiB of decoded pixels kept in memory, so that small sets are decoded once.",
    )
    decode_threads: int = Field(
        default=0,
        ge=0,
        description="Threads that decode the next batches meanwhile; 0: none. About one for 100 "
        "images a second.",
    )

    warmup_share: float = Field(default=0.05, ge=0, le=1, description="Share of the steps of linear warm-up.")
    final_lr_share: float = Field(
        default=0.05, ge=0, le=1, description="Share of the peak the cosine ends at."
    )
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW's; for matrices only.")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="AdamW's first momentum.")
    beta2: float = Field(default=0.98, ge=0, lt=1, description="AdamW's second momentum.")
    clip: float = Field(default=1.0, gt=0, description="Longest gradient; longer ones are scaled down.")
    ema: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Decay a step of a moving average of the weights, which is then what is "
        "exported; null: none.",
    )
    precision: Literal["auto", "bfloat16", "float32"] = Field(
        default="auto",
        description="Of products of matrices; auto: bfloat16 on a GPU, float32 else. Weights: float32.",
    )
    gradient_checkpointing: bool = Field(
        default=False,
        description="Compute activations again on the way back: less memory, about a third more time.",
    )
    compile: bool = Field(
        default=False, description="torch.compile of every layer; needs a C++ compiler or a GPU."
    )
    export_dtype: Literal["auto", "bfloat16", "float32"] = Field(
        default="auto", description="Of the exported weights; auto: that of the products."
    )

    checkpoint_steps: int = Field(default=200, ge=1, description="Steps between checkpoints.")
    checkpoint_seconds: float = Field(default=900, gt=0, description="Most seconds between checkpoints.")
    keep_checkpoints: int = Field(default=2, ge=1, description="Newest checkpoints kept.")
    sample_steps: int = Field(default=200, ge=1, description="Steps between sample captions.")
    samples: int = Field(default=4, ge=0, description="Rows that sample captions are made of.")
    sample_tokens: int = Field(default=64, ge=1, description="Longest sample caption, tokens.")
    log_steps: int = Field(default=10, ge=1, description="Steps between lines of progress.")
    peak_tflops: float | None = Field(
        default=None,
        gt=0,
        description="Dense peak of a device in TFLOP/s that the utilization refers to; null: by "
        "its name, if known.",
    )

    @model_validator(mode="after")
    def _something_to_train(self) -> TrainParams:
        if not (self.vision.train or self.projector.train or self.language.train):
            raise ValueError("vision, projector and language are all frozen: nothing would be trained")
        return self


IDENTITY_EXCLUDES: Final = frozenset(
    {
        "cache_mib", "checkpoint_seconds", "checkpoint_steps", "compile", "decode_threads", "export_dtype",
        "gradient_checkpointing", "keep_checkpoints", "log_steps", "micro_batch", "peak_tflops",
        "sample_steps", "sample_tokens", "samples",
    }
)  # fmt: skip
"""Parameters that a resumed training may change: they decide how it runs, not what is learnt."""


def preset(name: str) -> dict[str, Any]:
    """The values of a preset.

    Raises:
        ConfigurationError: where there is none of that name.
    """
    if name not in PRESETS:
        raise ConfigurationError(f"There is no preset {name!r}: choose one of {', '.join(PRESETS)}.")
    text = resources.files("components.distill").joinpath(f"presets/{name}.yaml").read_text()
    values: dict[str, Any] = yaml.safe_load(text)
    return values
