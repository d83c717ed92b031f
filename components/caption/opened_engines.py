"""The engines that a stage has opened: each model is loaded once a process, when it is first needed."""

from __future__ import annotations

from components.caption.engines.base import Engine
from components.caption.engines.open import open_engine
from components.caption.engines.params import EngineParams


class OpenedEngines:
    """Engines by their parameters: teacher and fuser are one where they are the same model."""

    def __init__(self) -> None:
        self._opened: dict[str, Engine] = {}

    def get(self, params: EngineParams) -> Engine:
        """The engine of these parameters, opened now where it is not yet.

        Raises:
            ConfigurationError: where it can't be opened.
        """
        key = params.model_dump_json()
        if key not in self._opened:
            self._opened[key] = open_engine(params)
        return self._opened[key]

    def close(self) -> None:
        """Close them all."""
        while self._opened:
            self._opened.popitem()[1].close()
