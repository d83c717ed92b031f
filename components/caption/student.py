"""The student behind an engine: opened from the files that training published, asked about many images."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from components.caption.engines.base import Completion, Engine, Request, captioner
from components.caption.engines.open import open_engine
from components.caption.outputs import degenerate, tidy
from components.caption.reasons import CaptionReason
from components.caption.scale_params import StudentParams
from components.core.errors import ConfigurationError
from components.core.model_files import local_model
from components.core.prompts import Prompt, load_prompt
from components.core.store import Stores

NAME = "student"
"""What stands as the model in the struct `captioner`; its revision is the digest of the weights."""


class Student:
    """Writes captions of images, with an alternative text or without.

    Raises:
        ConfigurationError: where `caption.student.model` names a model of its own, or the prompt takes no
            image.
    """

    def __init__(self, params: StudentParams) -> None:
        remote = params.student.engine == "openai"
        if params.student.model and not remote:
            raise ConfigurationError(
                f"caption.student.model is {params.student.model!r}, but the student is what training made: "
                "leave it empty."
            )
        self._params = params
        self._prompt = load_prompt(params.prompt)
        if not self._prompt.image:
            raise ConfigurationError(
                f"The prompt {self._prompt} has image: false; the student looks at images."
            )
        self._engine: Engine | None = None

    @property
    def prompt(self) -> Prompt:
        """The prompt that it was trained with."""
        return self._prompt

    def open(self, files: pa.Table, stores: Stores) -> None:
        """Load the model, once a process.

        Args:
            files: rows of `model_files/1`; not needed by an endpoint.

        Raises:
            ConfigurationError: where there is no model or the engine can't load it.
        """
        if self._engine is not None:
            return
        engine = self._params.student
        if engine.engine != "openai":
            if not files.num_rows:
                raise ConfigurationError("There is no student: training published no model files.")
            engine = engine.model_copy(update={"model": str(local_model(files, stores)), "revision": None})
        self._engine = open_engine(engine)

    def request(self, image: bytes, alt: str | None) -> Request:
        """What the student is asked about an image."""
        prompt = self._prompt
        return Request(
            user=prompt.render(alt_text=alt),
            system=prompt.system,
            image=image,
            max_tokens=self._params.max_tokens or prompt.max_tokens,
        )

    def answer(self, requests: Sequence[Request]) -> list[Completion]:
        """Captions in the order of the requests; all of a unit at once, so that they are batched."""
        assert self._engine is not None
        return self._engine.generate(requests) if requests else []

    def read(self, answer: Completion) -> tuple[str, CaptionReason | None]:
        """The caption in an answer that is no error, tidied, and why it is degenerate, if it is."""
        text = tidy(answer.text)
        return text, degenerate(text, answer.finish, self._prompt, self._params.outputs)

    def identity(self) -> dict[str, str | None]:
        """The struct `captioner` of captions/1."""
        assert self._engine is not None
        found = captioner(self._engine, self._prompt)
        return found if self._params.student.engine == "openai" else {**found, "model": NAME}

    def close(self) -> None:
        """Release the model."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
