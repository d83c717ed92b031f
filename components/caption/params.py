"""Parameters of the caption family: engines that its steps share, and each step's own."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.caption.engines.params import EngineParams
from components.caption.pairs_params import ContextsParams, PairSourcesParams, PairsParams, ReadPairsParams
from components.caption.scale_params import PredictParams, ScaleParams
from components.caption.stage_params import AlignParams, AugmentParams, DenseParams, VerifyParams

_ENGINES: Final = ("teacher", "fuser", "student")


class CaptionParams(BaseModel):
    """Parameters of the steps from images with alternative texts to captions."""

    model_config = ConfigDict(extra="forbid")

    teacher: EngineParams = Field(
        default_factory=EngineParams, description="the model that captions and judges (KALE: CogVLM-17B)"
    )
    fuser: EngineParams | None = Field(
        default=None,
        description="the language model that merges captions with alternative texts (KALE: "
        "Mistral-7B-Instruct-v0.2); null: the teacher",
    )
    student: EngineParams = Field(
        default_factory=EngineParams,
        description="how the distilled model is run; which model that is, the run knows",
    )
    pair_sources: PairSourcesParams = Field(
        default_factory=PairSourcesParams, description="how lists of pairs become units of work"
    )
    read_pairs: ReadPairsParams = Field(default_factory=ReadPairsParams, description="lists of pairs")
    contexts: ContextsParams = Field(default_factory=ContextsParams, description="what pages say of images")
    pairs: PairsParams = Field(default_factory=PairsParams, description="alternative texts, shares")
    align: AlignParams = Field(default_factory=AlignParams, description="do alternative texts fit")
    dense: DenseParams = Field(default_factory=DenseParams, description="captions by the teacher (1a)")
    augment: AugmentParams = Field(default_factory=AugmentParams, description="knowledge (1b)")
    verify: VerifyParams = Field(default_factory=VerifyParams, description="the truth layer")
    predict: PredictParams = Field(default_factory=PredictParams, description="captions of held-out images")
    scale: ScaleParams = Field(default_factory=ScaleParams, description="captions by the student (2b)")

    @model_validator(mode="before")
    @classmethod
    def _engines_are_set_once(cls, values: Any) -> Any:
        """Refuse an engine of a single step: the step would be given the family's."""
        if isinstance(values, dict):
            for section, own in values.items():
                for engine in _ENGINES if isinstance(own, dict) and section not in _ENGINES else ():
                    if own.get(engine) not in (None, _DEFAULT):
                        raise ValueError(
                            f"{section}.{engine}: engines are shared by all steps, set caption.{engine}"
                        )
        return values


_DEFAULT: Final = EngineParams().model_dump(mode="json")
