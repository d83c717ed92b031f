"""Parameters of the stages in which the student writes captions."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from components.caption.engines.params import EngineParams
from components.caption.outputs import OutputParams


class StudentParams(BaseModel):
    """How the student is served."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(
        default="student-v1",
        description="Prompt of the student, by name and version, or a file NAME-vN.yaml: the one that it was "
        "trained with (training_set.prompt).",
    )
    max_tokens: int | None = Field(
        default=None, ge=1, le=32768, description="Tokens of a caption at most; null: what the prompt says."
    )
    student: EngineParams = Field(
        default_factory=EngineParams,
        description="The engine that serves it. `model` stays empty: it is what training made. Of an "
        "endpoint (openai) it is the name that the student is served by there.",
    )
    outputs: OutputParams = Field(
        default_factory=OutputParams, description="When a caption is degenerate; as for the teacher's."
    )


class PredictParams(StudentParams):
    """What the student writes about held-out images."""

    other_alt_share: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Share of held-out images that are captioned with another's alternative text, too: a "
        "student that reads it changes the names and nothing else.",
    )


class ScaleParams(StudentParams):
    """Captioning the rest (KALE stage 2b), and the alarm that goes off where the student drifts."""

    max_same_caption: int = Field(
        default=3,
        ge=0,
        description="Images of a shard, near-duplicates counted once, that may have the same caption; one "
        "that more of them have is dropped wherever it stands. 0: any number.",
    )
    min_audit_rows: int = Field(
        default=30,
        ge=2,
        description="Images of a shard captioned by both, below which no alarm goes off: too few to tell.",
    )
    drift_tolerance: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="How far the agreement with the teacher may fall below the gate's figure, and the share "
        "of degenerate captions rise above it, before it counts as drift. Our choice.",
    )
    drift_confidence: float = Field(
        default=0.999,
        gt=0.5,
        lt=1,
        description="How sure the alarm must be: of 1,000 shards without drift, one rings at 0.999.",
    )
    on_drift: Literal["warn", "stop"] = Field(
        default="warn",
        description="warn: the shard is marked in audits/1 and counted; stop: the run stops (exit status 4).",
    )
