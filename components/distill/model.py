"""The student: LLaVA put together of a SigLIP-class tower, a two-layer projector and a small language model.

`LlavaForConditionalGeneration` with the last encoder layer's patch features, all of them (strategy `full`):
(image_size / patch_size)² image tokens. transformers and vLLM run it without code of its own.
"""

# ruff: noqa: E402 - transformers imports torchvision, which may have to be mended first
from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from components.core.torchvision_ops import mend_torchvision

mend_torchvision()

from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoProcessor,
    AutoTokenizer,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen3Config,
    SiglipVisionConfig,
    SiglipVisionModel,
)
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from components.core.errors import ConfigurationError
from components.distill.train_params import LanguageSizes, StudentParams, VisionSizes

IMAGE: Final = "<image>"
START: Final = "<|im_start|>"
END: Final = "<|im_end|>"
PAD: Final = "<|endoftext|>"


@dataclass
class Student:
    """A model and what turns rows into its input.

    Attributes:
        model: weights in float32, on the processor.
        processor: `LlavaProcessor`, with the tokenizer, the chat template and the image processor.
    """

    model: Any
    processor: Any

    @property
    def tokenizer(self) -> Any:
        """The processor's tokenizer."""
        return self.processor.tokenizer

    @property
    def image_size(self) -> int:
        """Side of the square the tower sees, pixels."""
        return int(self.model.config.vision_config.image_size)

    @property
    def image_tokens(self) -> int:
        """Tokens an image takes in the language model."""
        return int((self.image_size // self.model.config.vision_config.patch_size) ** 2)


def assemble(params: StudentParams, texts: Iterable[str], seed: int) -> Student:
    """Put a student together.

    Args:
        texts: what a tokenizer is trained on, where the language model has random weights; else not read.
        seed: decides every random weight.

    Raises:
        ConfigurationError: where a checkpoint can't be loaded or is of a kind that does not fit.
    """
    torch.manual_seed(seed)
    if params.start is not None:
        return load(params.start, params.start_revision)
    tower, image_processor = _vision(params)
    language, tokenizer = _language(params, texts)
    image_token = _add_tokens(tokenizer, language)
    config = LlavaConfig(
        vision_config=tower.config,
        text_config=language.config,
        image_token_index=image_token,
        projector_hidden_act="gelu",
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=(tower.config.image_size // tower.config.patch_size) ** 2,
        tie_word_embeddings=language.config.tie_word_embeddings,
    )
    with torch.device("meta"):  # a shell: its parts come with their weights
        model = LlavaForConditionalGeneration(config)
    model.model.vision_tower = tower
    model.model.multi_modal_projector = _projector(config)
    model.model.language_model = language.model
    model.lm_head = language.lm_head
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(END)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.do_sample = False
    processor = LlavaProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=tower.config.patch_size,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        image_token=IMAGE,
        chat_template=tokenizer.chat_template,
    )
    return Student(model.float(), processor)


def load(folder: str | Path, revision: str | None = None) -> Student:
    """A whole checkpoint that `export` wrote (or of the same shape), weights in float32.

    Raises:
        ConfigurationError: where it can't be loaded or is no such LLaVA.
    """
    model = _loaded(LlavaForConditionalGeneration, str(folder), revision=revision, dtype=torch.float32)
    config = model.config
    if (
        config.vision_config.model_type != "siglip_vision_model"
        or config.vision_feature_select_strategy != "full"
    ):
        raise ConfigurationError(
            f"{folder} is a LLaVA with another tower than SigLIP's: it can't be trained here."
        )
    processor = _loaded(AutoProcessor, str(folder), revision=revision, backend="pil")
    if not processor.tokenizer.chat_template:
        processor.tokenizer.chat_template = processor.chat_template
    return Student(model, processor)


def chat_template() -> str:
    """The Jinja template that is saved with every student: ChatML, an image as `<image>` and a line break."""
    return resources.files("components.distill").joinpath("chat_template.j2").read_text().replace("\n", "")


def parts(model: Any) -> dict[str, nn.Module]:
    """Part of the student to its module; together they hold every weight once (tied ones in `language`)."""
    language = nn.ModuleDict({"model": model.model.language_model, "head": model.lm_head})
    return {
        "vision": model.model.vision_tower,
        "projector": model.model.multi_modal_projector,
        "language": language,
    }


def _loaded(kind: Any, name: str, **options: Any) -> Any:
    try:
        return kind.from_pretrained(name, **options)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{name!r} is no folder or Hugging Face id that can be loaded: {error}"
        ) from None


def _vision(params: StudentParams) -> tuple[Any, Any]:
    """The tower without its pooling head, and the image processor that belongs to it."""
    if isinstance(params.vision, VisionSizes):
        sizes = params.vision
        config = SiglipVisionConfig(
            image_size=sizes.image_size,
            patch_size=sizes.patch_size,
            hidden_size=sizes.width,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            intermediate_size=sizes.mlp,
        )
        config.vision_use_head = False
        tower = AutoModel.from_config(config)
        return tower, _image_processor(sizes.image_size, [0.5] * 3, [0.5] * 3)
    name, revision = params.vision, params.vision_revision
    config = _loaded(AutoConfig, name, revision=revision)
    if config.model_type == "llava":
        other = load(name, revision)
        tower, seen = other.model.model.vision_tower, other.processor.image_processor
    elif config.model_type in {"siglip", "siglip_vision_model"}:
        vision_config = getattr(config, "vision_config", config)
        vision_config.vision_use_head = False
        # not the whole processor: that of SigLIP wants sentencepiece for texts
        seen = _loaded(AutoImageProcessor, name, revision=revision, backend="pil")
        tower = _loaded(SiglipVisionModel, name, revision=revision, config=vision_config, dtype=torch.float32)
    else:
        raise ConfigurationError(
            f"{name!r} is a {config.model_type}: student.vision takes SigLIP, a SigLIP 2 of "
            "fixed resolution, or a LLaVA."
        )
    tower.config.vision_use_head = False
    if params.image_size is not None:
        resize_positions(tower, params.image_size)
    return tower, _image_processor(tower.config.image_size, seen.image_mean, seen.image_std)


def resize_positions(tower: Any, image_size: int) -> None:
    """Use a SigLIP tower at another resolution: its position embeddings are resized bicubically.

    Raises:
        ConfigurationError: where the tower's patches are larger than the image.
    """
    embeddings, config = tower.embeddings, tower.config
    old = math.isqrt(embeddings.num_positions)
    new = image_size // config.patch_size
    if not new:
        raise ConfigurationError(
            f"student.image_size {image_size} is below the tower's patch of {config.patch_size}."
        )
    if new != old:
        grid = embeddings.position_embedding.weight.detach().reshape(1, old, old, -1).permute(0, 3, 1, 2)
        grid = nn.functional.interpolate(grid, size=(new, new), mode="bicubic", antialias=new < old)
        weight = grid.permute(0, 2, 3, 1).reshape(new * new, -1).contiguous()
        embeddings.position_embedding = nn.Embedding.from_pretrained(weight, freeze=False)
        embeddings.position_ids = torch.arange(new * new).expand((1, -1))
        embeddings.num_patches = embeddings.num_positions = new * new
    embeddings.image_size = config.image_size = image_size


def _image_processor(size: int, mean: list[float], std: list[float]) -> Any:
    # Pillow's resizing: the same pixels whether or not torchvision is installed
    return SiglipImageProcessorPil(size={"height": size, "width": size}, image_mean=mean, image_std=std)


def _projector(config: Any) -> Any:
    projector = LlavaMultiModalProjector(config)
    for layer in (projector.linear_1, projector.linear_2):
        nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_features))  # keeps the scale of the features
        nn.init.zeros_(layer.bias)
    return projector


def _language(params: StudentParams, texts: Iterable[str]) -> tuple[Any, Any]:
    if isinstance(params.language, LanguageSizes):
        sizes = params.language
        tokenizer = train_tokenizer(texts, sizes.vocabulary)
        config = Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=sizes.width,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            num_key_value_heads=sizes.kv_heads,
            head_dim=sizes.head_dim,
            intermediate_size=sizes.mlp,
            max_position_embeddings=sizes.positions,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.convert_tokens_to_ids(END),
            pad_token_id=tokenizer.pad_token_id,
        )
        return AutoModelForCausalLM.from_config(config), tokenizer
    name, revision = params.language, params.language_revision
    language = _loaded(AutoModelForCausalLM, name, revision=revision, dtype=torch.float32)
    if not hasattr(language, "lm_head") or not hasattr(language, "model"):
        raise ConfigurationError(
            f"{name!r} is a {type(language).__name__}: student.language takes Qwen2 or Qwen3."
        )
    return language, _loaded(AutoTokenizer, name, revision=revision)


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """A byte-level BPE tokenizer with ChatML's special tokens; every text can be encoded.

    Args:
        texts: system and user messages and targets.
        vocabulary: most tokens.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, START, END, IMAGE],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START, IMAGE],
        clean_up_tokenization_spaces=False,
    )


def _add_tokens(tokenizer: Any, language: Any) -> int:
    """Give a tokenizer ChatML's and the image's special tokens and the chat template; the id of `<image>`."""
    known = tokenizer.get_vocab()
    new = [token for token in (PAD, START, END, IMAGE) if token not in known]
    if new:
        tokenizer.add_special_tokens({"additional_special_tokens": new}, replace_extra_special_tokens=False)
    tokenizer.eos_token, tokenizer.pad_token = END, PAD
    tokenizer.padding_side = "left"
    tokenizer.chat_template = chat_template()
    # checkpoints have more rows than tokens, mostly: nothing to resize then
    if len(tokenizer) > language.get_input_embeddings().num_embeddings:
        language.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=64)
    return int(tokenizer.convert_tokens_to_ids(IMAGE))
