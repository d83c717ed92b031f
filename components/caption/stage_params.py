"""Parameters of the stages that make captions: align, dense, augment, verify.

`teacher` and `fuser` are filled from the family's section, so that one setting swaps a model everywhere. A
stage that does not use a model forgets it: another teacher then does not make it run again.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.caption.engines.params import EngineParams
from components.caption.outputs import OutputParams

AlignMethod = Literal["encoder", "judge", "lexical"]


class AlignParams(BaseModel):
    """How alternative texts are compared with images. Holds no threshold."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["auto", "encoder", "judge", "lexical"] = Field(
        default="auto",
        description=(
            "encoder: cosine of a dual encoder; judge: the teacher says yes or no; lexical: rules about the "
            "text alone, which can't see the image; auto: encoder where `model` is given, else judge where "
            "`judge` is true, else lexical."
        ),
    )
    model: str | None = Field(
        default=None,
        description="encoder: folder or Hugging Face id of a SigLIP, SigLIP 2 or CLIP with its processor.",
    )
    revision: str | None = Field(
        default=None, description="encoder: commit of the model on the hub; null: its main branch."
    )
    batch: int = Field(default=64, ge=1, description="encoder: images, or texts, at a time.")
    judge: bool = Field(default=False, description="auto: ask the teacher where no encoder is given.")
    prompt: str = Field(default="judge-fit-v1", description="judge: prompt with the choices yes and no.")
    teacher: EngineParams | None = Field(
        default=None, description="judge: the model that is asked; filled from caption.teacher."
    )

    @property
    def chosen(self) -> AlignMethod:
        """The method that `auto` stands for."""
        if self.method != "auto":
            return self.method
        return "encoder" if self.model else "judge" if self.judge else "lexical"

    @model_validator(mode="after")
    def _only_what_is_used(self) -> AlignParams:
        if self.method == "encoder" and not self.model:
            raise ValueError("method encoder needs `model`, for instance google/siglip2-base-patch16-224")
        if self.chosen != "judge":
            self.teacher = None
        elif self.teacher is None:
            self.teacher = EngineParams()
        return self


class MinAlignment(BaseModel):
    """The least score at which an alternative text is taken to belong to its image, for each method."""

    model_config = ConfigDict(extra="forbid")

    encoder: float = Field(
        default=0.05,
        ge=-1,
        le=1,
        description=(
            "Cosine. Depends on the model: matching pairs lie near 0.1 in SigLIP's space and near 0.3 in "
            "CLIP's (LAION-400M kept those above 0.3). Our choice: look at the stored scores."
        ),
    )
    judge: float = Field(default=0.5, ge=0, le=1, description="Probability of yes. Our choice.")
    lexical: float = Field(default=0.5, ge=0, le=1, description="Share of what an informative text has.")

    def of(self, method: str) -> float:
        """The threshold of a method."""
        return {"encoder": self.encoder, "judge": self.judge, "lexical": self.lexical}[method]


class DenseParams(BaseModel):
    """Stage 1a of BLIP3-KALE (section 2.1), or one pass of a model that reads texts well."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["two_stage", "one_pass"] = Field(
        default="two_stage",
        description=(
            "two_stage: a caption of the pixels, merged with the alternative text by the next step (KALE); "
            "one_pass: the model sees image, alternative text and page at once."
        ),
    )
    prompt: str = Field(default="dense-v1", description="two_stage: prompt, or path of a file NAME-vN.yaml.")
    one_pass_prompt: str = Field(default="one-pass-v1", description="one_pass: prompt, or path of a file.")
    max_tokens: int | None = Field(
        default=None, ge=1, le=32768, description="Tokens of a caption at most; null: what the prompt says."
    )
    min_alignment: MinAlignment = Field(
        default_factory=MinAlignment, description="one_pass: below it the alternative text is not shown."
    )
    output: OutputParams = Field(
        default_factory=OutputParams, description="When a caption is degenerate: it is dropped."
    )
    max_same_caption: int = Field(
        default=3,
        ge=0,
        description=(
            "Images of a shard, near-duplicates counted once, that may have the very same caption; where "
            "more have it, all of them are dropped. 0: any number. A model that says the same of everything "
            "sees nothing."
        ),
    )
    teacher: EngineParams = Field(
        default_factory=EngineParams, description="The model; filled from caption.teacher."
    )


ARTEFACTS = [
    "real-world", "sentence structure", "sentence 1", "sentence 2", "new sentence", "first sentence",
    "second sentence", "two sentences", "both sentences", "merged sentence", "refined sentence",
    "refined caption", "merged caption", "new caption", "alt text", "dense caption", "synthetic caption",
    "raw caption", "notes below", "page title", "language model",
]  # fmt: skip
"""The first two are named in the paper (BLIP3-KALE 2.3), the others are words of our prompts."""


class AugmentParams(BaseModel):
    """Stage 1b of BLIP3-KALE: captions merged with alternative texts, prompt artefacts taken out."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(default="fuse-v1", description="Prompt, or path of a file NAME-vN.yaml.")
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        le=32768,
        description=(
            "Tokens of a caption at most; null: what the prompt says. CapsFusion's 80 are too few for the 67 "
            "words that KALE's captions have on average."
        ),
    )
    min_alignment: MinAlignment = Field(
        default_factory=MinAlignment, description="Below it nothing is merged: the dense caption stays."
    )
    output: OutputParams = Field(
        default_factory=OutputParams,
        description="When a merged caption is degenerate: the dense caption stays.",
    )
    artefact_keywords: list[str] = Field(
        default=ARTEFACTS,
        description=(
            "A sentence with one of them is removed (KALE section 2.3), unless the alternative text has it, "
            "too. Whole words, any case, a hyphen is as good as a space."
        ),
    )
    teacher: EngineParams | None = Field(
        default_factory=EngineParams, description="Merges where no fuser is given; from caption.teacher."
    )
    fuser: EngineParams | None = Field(
        default=None, description="The language model that merges; from caption.fuser. null: the teacher."
    )

    @model_validator(mode="after")
    def _only_what_is_used(self) -> AugmentParams:
        if self.fuser is None:
            self.fuser = self.teacher or EngineParams()
        self.teacher = None
        return self


class VerifyParams(BaseModel):
    """The truth layer: what supports every claim of a caption, and what becomes of the others."""

    model_config = ConfigDict(extra="forbid")

    judge: Literal["vlm", "lexical"] = Field(
        default="vlm",
        description=(
            "vlm: the teacher looks at the image; lexical: words are compared with the dense caption, which "
            "stands for the pixels, and with alternative text and page. It can't see, and says so."
        ),
    )
    policy: Literal["remove", "flag"] = Field(
        default="remove",
        description="remove: claims that nothing supports are taken out; flag: they are only marked.",
    )
    min_certainty: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="remove, vlm: a claim that the judge denies less surely is only marked.",
    )
    claim_prompt: str = Field(
        default="judge-claim-v1",
        description="vlm: prompt about image and {claim}, with the choices yes and no, and unsure if wanted.",
    )
    entail_prompt: str | None = Field(
        default="judge-entail-v1",
        description=(
            "vlm: prompt about {evidence} and {claim}, for claims that the image does not settle; the fuser "
            "answers. null: words are compared instead."
        ),
    )
    min_probability: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="vlm: a yes below it does not count, where the engine tells its probability.",
    )
    min_coverage: float = Field(
        default=0.6,
        gt=0,
        le=1,
        description=(
            "Share of a claim's content words that a text must have to support it; its names and figures "
            "must all be there. Our choice."
        ),
    )
    teacher: EngineParams | None = Field(
        default_factory=EngineParams, description="vlm: looks at the image; from caption.teacher."
    )
    fuser: EngineParams | None = Field(
        default=None, description="vlm: reads texts; from caption.fuser. null: the teacher."
    )

    @model_validator(mode="after")
    def _only_what_is_used(self) -> VerifyParams:
        if self.judge == "lexical":
            self.teacher = self.fuser = None
            return self
        self.teacher = self.teacher or EngineParams()
        self.fuser = (self.fuser or self.teacher) if self.entail_prompt else None
        return self
