"""What the two engines that load a checkpoint need to know of it."""

from __future__ import annotations

from components.caption.engines.params import EngineParams
from components.core.errors import ConfigurationError


def checkpoint_dtype(params: EngineParams) -> str:
    """The number format to run a model in: the one asked for, or the one its configuration names.

    vLLM's own `auto` runs a float32 checkpoint in bfloat16, transformers' does not: they would differ.

    Raises:
        ConfigurationError: where the model's configuration can't be read.
    """
    if params.dtype != "auto":
        return params.dtype
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(params.model, revision=params.revision)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The model {params.model!r} is no folder or Hugging Face id that can be loaded: {error}"
        ) from None
    named = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    return str(named or "float32").removeprefix("torch.")


def no_chat_template(model: str) -> ConfigurationError:
    """The error for a base model."""
    return ConfigurationError(
        f"The model {model!r} has no chat template, as base models do: take its instruction-tuned form, or "
        "put a chat_template.jinja into its folder."
    )
