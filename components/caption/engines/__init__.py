"""Engines that answer prompts about images: vLLM in process, an OpenAI-compatible endpoint, transformers."""

from components.caption.engines.base import Completion, Engine, Request, captioner
from components.caption.engines.open import open_engine
from components.caption.engines.params import EngineParams

__all__ = ["Completion", "Engine", "EngineParams", "Request", "captioner", "open_engine"]
