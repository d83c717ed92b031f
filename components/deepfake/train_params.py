"""Parameters of the training of detectors. No torch here."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LITE0: Final = "efficientnet-lite0"


class AugmentParams(BaseModel):
    """What crops go through, real and forged ones alike: compression must tell nothing of the label."""

    model_config = ConfigDict(extra="forbid")

    flip: float = Field(default=0.5, ge=0, le=1, description="Share of crops that are mirrored.")
    framing: float = Field(default=0.5, ge=0, le=1, description="Share scaled and shifted by up to 4 %.")
    resize: float = Field(
        default=0.3, ge=0, le=1, description="Share scaled down to half to full size and up again."
    )
    blur: float = Field(
        default=0.2, ge=0, le=1, description="Share blurred, Gaussian of sigma 0.3 to 1.2 pixels."
    )
    tone: float = Field(default=0.5, ge=0, le=1, description="Share with other brightness and contrast.")
    tone_limit: float = Field(
        default=0.2, ge=0, lt=1, description="The most that brightness and contrast change, of 1."
    )
    jpeg: float = Field(default=0.6, ge=0, le=1, description="Share compressed as JPEG.")
    jpeg_low: int = Field(default=40, ge=1, le=100, description="Least JPEG quality (SBI section 4.1: 40).")


class NetworkTrainParams(BaseModel):
    """How a network on face crops is trained."""

    model_config = ConfigDict(extra="forbid")

    forged: Literal["self_blend", "rows", "both"] = Field(
        default="self_blend",
        description="self_blend: forged faces are made of real ones in every step (arXiv 2204.08376); rows: "
        "those of the data; both: half of each.",
    )
    families: list[str] | None = Field(
        default=None, description="Families of forged rows to train on; null: all with forged faces."
    )
    backbone: str = Field(
        default=LITE0,
        description="efficientnet-lite0 (ImageNet weights of a package), or the folder of a vision "
        "checkpoint that transformers reads.",
    )
    blocks: int = Field(
        default=8, ge=1, le=16, description="Blocks of EfficientNet-Lite0 that are used, of 16; 8 are 1 MB."
    )
    train_backbone: bool = Field(default=True, description="False: only the head learns.")
    side: int = Field(default=256, ge=32, multiple_of=32, description="Side of the input, pixels.")
    channels: int = Field(default=64, ge=4, description="Channels of the head.")
    mask_weight: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the loss of the blending boundary (Face X-ray, arXiv 1912.13458); 0: the "
        "network has no mask.",
    )
    crops: int = Field(default=16, ge=1, description="Most crops of a sample, evenly spread over its frames.")
    steps: int = Field(default=300, ge=1, description="Updates of the weights.")
    batch: int = Field(default=16, ge=2, multiple_of=2, description="Crops an update; half of them are real.")
    optimizer: Literal["adamw", "sgd"] = Field(default="adamw", description="SGD has momentum 0.9.")
    lr: float = Field(default=2e-3, gt=0, le=1, description="Peak learning rate of the head.")
    backbone_lr: float = Field(default=3e-4, gt=0, le=1, description="Peak learning rate of the backbone.")
    weight_decay: float = Field(default=0.01, ge=0, description="For matrices and kernels only.")
    warmup_share: float = Field(default=0.1, ge=0, le=1, description="Share of the steps of linear warm-up.")
    final_lr_share: float = Field(
        default=0.02, ge=0, le=1, description="Share of the peak the cosine ends at."
    )
    clip: float = Field(default=5.0, gt=0, description="Longest gradient; longer ones are scaled down.")
    validate_steps: int = Field(
        default=50, ge=1, description="Steps between validations: an epoch of a set that is drawn from."
    )
    validation_crops: int = Field(
        default=2_000, ge=2, description="Most crops of a class in a validation, drawn once."
    )
    keep: Literal["best", "last"] = Field(
        default="best",
        description="What becomes the detector: the step with the highest AUC over the crops of the "
        "validation split, mean over methods (the first of equals), or the last step.",
    )
    augment: AugmentParams = Field(default_factory=AugmentParams, description="what crops go through")


class LinearTrainParams(BaseModel):
    """How a logistic regression on features is trained."""

    model_config = ConfigDict(extra="forbid")

    families: list[str] | None = Field(
        default=None, description="Families of forged rows to train on; null: all that fit the features."
    )
    crops: int = Field(
        default=8, ge=1, description="Most crops of a sample that features are taken of, evenly spread."
    )
    strengths: list[float] = Field(
        default=[0.001, 0.01, 0.1, 1.0],
        min_length=1,
        description="Inverse strengths C of the L2 penalty to choose from: the one with the highest AUC on "
        "the validation split, the least of equals.",
    )


class DetectorTrainParams(BaseModel):
    """Which detectors are trained, and how. null: not trained."""

    model_config = ConfigDict(extra="forbid")

    blending: NetworkTrainParams | None = Field(
        default_factory=lambda: NetworkTrainParams(mask_weight=1.0),
        description="the detector of blending boundaries",
    )
    spatial: NetworkTrainParams | None = Field(
        default_factory=lambda: NetworkTrainParams(forged="rows"),
        description="the detector of learnt texture",
    )
    frequency: LinearTrainParams | None = Field(
        default_factory=LinearTrainParams, description="the detector of spectra and residuals"
    )
    temporal: LinearTrainParams | None = Field(
        default_factory=LinearTrainParams, description="the detector of change between frames"
    )
    foundation: LinearTrainParams | None = Field(
        default=None, description="a linear head on a vision checkpoint; needs `foundation_tower`"
    )
    foundation_tower: str | None = Field(
        default=None,
        description="Folder of a vision checkpoint of transformers in safetensors (CLIP, SigLIP, DINOv2); "
        "it is never downloaded. The detector's parameter `tower` must name the same one.",
    )
    licence: str = Field(
        default="that of the data it was trained on",
        min_length=1,
        description="Licence of the weights, written into every file.",
    )
    seed: int = Field(default=0, ge=0, description="Decides random weights, draws and augmentations.")
    folds: Literal["linear", "all", "none"] = Field(
        default="linear",
        description="Detectors that are also trained without each method, for the benchmark's "
        "leave-generator-out protocol; networks take a whole training each.",
    )
    fold_groups: int = Field(
        default=3, ge=1, description="Least groups of training samples of a method that gets a fold."
    )
    checkpoint_steps: int = Field(default=100, ge=1, description="Steps between checkpoints.")
    log_steps: int = Field(default=10, ge=1, description="Steps between lines of progress.")
    threads: int = Field(
        default=0, ge=0, description="Threads that make the next batch meanwhile; 0: none. For GPUs: 8 to 16."
    )
    precision: Literal["auto", "bfloat16", "float32"] = Field(
        default="auto", description="Of products on a GPU; auto: bfloat16. A processor takes float32."
    )

    @model_validator(mode="after")
    def _something_to_train(self) -> DetectorTrainParams:
        if not any((self.blending, self.spatial, self.frequency, self.temporal, self.foundation)):
            raise ValueError("no detector is to be trained")
        if self.foundation is not None and self.foundation_tower is None:
            raise ValueError("foundation needs foundation_tower: the folder of a vision checkpoint")
        return self


IDENTITY_EXCLUDES: Final = frozenset({"checkpoint_steps", "log_steps", "threads"})
"""Parameters that a resumed training may change: they decide how it runs, not what is learnt."""
