"""Opening the engine that parameters name."""

from __future__ import annotations

from components.caption.engines.base import Engine
from components.caption.engines.params import EngineParams
from components.core.errors import ConfigurationError


def open_engine(params: EngineParams) -> Engine:
    """Load the model, or make ready to talk to its endpoint.

    Raises:
        ConfigurationError: where no model is named, its extra is not installed or it can't be loaded.
    """
    if not params.model:
        raise ConfigurationError(
            f"Engine {params.engine} has no model: set `model` to a local folder or a Hugging Face id."
        )
    if params.engine == "openai":
        from components.caption.engines.openai_engine import OpenAIEngine

        return OpenAIEngine(params)
    if params.engine == "transformers":
        from components.caption.engines.transformers_engine import TransformersEngine

        return TransformersEngine(params)
    from components.caption.engines.vllm_engine import VllmEngine

    return VllmEngine(params)
