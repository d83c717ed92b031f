"""Parameters of the stage that makes pseudo-forgeries."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator


class SynthesizeParams(BaseModel):
    """Which pseudo-forgeries are made of real samples. A change makes all of them again."""

    model_config = ConfigDict(extra="forbid")

    methods: list[str] = Field(
        default=["self_blend", "face_swap_2d", "warp", "upsample", "lip_offset"],
        description=(
            "Forgeries to make of every real sample: names of files of components/deepfake/forgeries; []: "
            "the step is skipped."
        ),
    )
    copies: int = Field(
        default=1, ge=1, le=64, description="Forged samples of every method and real sample, each drawn anew."
    )
    take_unlabelled: bool = Field(
        default=False,
        description="Take samples without a label for real ones; else they are left alone and counted.",
    )

    @field_validator("methods")
    @classmethod
    def _each_once(cls, methods: list[str]) -> list[str]:
        if len(set(methods)) < len(methods):
            raise ValueError("a method is named twice; for more forgeries of one method, raise `copies`")
        return methods
