"""Parameters of the training set, the evaluation and the gate."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TrainingSetParams(BaseModel):
    """What the student learns from, and what is held out."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(
        default="student-v1",
        description="Prompt of the student, by name and version, or a file NAME-vN.yaml. Predict and scale "
        "must be given the same.",
    )
    targets: Literal["final", "dense", "alt"] = Field(
        default="final",
        description="What the student is to write: the teacher's final caption (KALE), its caption of the "
        "pixels alone, or the alternative text. The last two are for the ablation (KALE, table 2).",
    )
    give_alt_text: bool = Field(
        default=True,
        description="Whether the student is given the alternative text (KALE, section 2.2). For the "
        "ablation: false, so that all students see the same.",
    )
    alt_text_dropout: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of training examples that are given no alternative text, so that the student "
        "copes without one; their target is the caption of the pixels alone, so that it learns to invent no "
        "names. Examples without such a caption keep their alternative text.",
    )
    heldout_share: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="Share of clusters of near-duplicates that are held out, by the hash of their name: more "
        "data moves no cluster from one side to the other.",
    )
    min_words: int = Field(default=3, ge=1, description="Words of a target at least.")
    max_words: int = Field(
        default=400, ge=1, description="Words of a target at most. KALE's captions have 67 on average."
    )
    evaluation_set: str | None = Field(
        default=None,
        description="What the student will be evaluated on later: a Parquet or JSON Lines file (path, "
        "file:// or s3://) with a column sha256 (hex), phash (64 bits, as in images/1: an integer or 16 hex "
        "digits) or texts (list of strings). Images and captions found in it are not used. Its content must "
        "not change.",
    )
    evaluation_phash_radius: int = Field(
        default=6,
        ge=0,
        le=16,
        description="Bits of the 64 of a pHash by which an image may differ from one of the evaluation set "
        "and still count as it.",
    )
    evaluation_ngram: int = Field(
        default=13,
        ge=4,
        description="Words in a row that a caption or an alternative text may not share with a text of the "
        "evaluation set (GPT-3, arXiv 2005.14165, appendix C: 13). Shorter texts are not looked for.",
    )

    @model_validator(mode="after")
    def _sensible(self) -> TrainingSetParams:
        if self.targets == "alt" and self.give_alt_text:
            raise ValueError("targets: alt with give_alt_text: true would teach copying: set it to false")
        if self.min_words > self.max_words:
            raise ValueError(f"min_words ({self.min_words}) is above max_words ({self.max_words})")
        return self


class EvaluateParams(BaseModel):
    """How a student's caption is compared with the teacher's."""

    model_config = ConfigDict(extra="forbid")

    claim_support: float = Field(
        default=0.75,
        gt=0,
        le=1,
        description="Share of a claim's content words that one claim of the other caption must hold to "
        "support it.",
    )
    min_visual_agreement: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Word F1 of the two captions that the student wrote with two alternative texts, names "
        "and numbers left out, from which on what it sees counts as the same.",
    )


class GateParams(BaseModel):
    """What a student must reach before it may caption the rest; null: the metric decides nothing."""

    model_config = ConfigDict(extra="forbid")

    min_word_f1: float | None = Field(
        default=0.5, ge=0, le=1, description="Mean F1 of words against the teacher's captions."
    )
    min_exact_match: float | None = Field(
        default=None, ge=0, le=1, description="Share of captions that are the teacher's word for word."
    )
    min_claim_precision: float | None = Field(
        default=0.5, ge=0, le=1, description="Share of the student's claims that the teacher makes, too."
    )
    min_claim_recall: float | None = Field(
        default=0.4, ge=0, le=1, description="Share of the teacher's claims that the student makes, too."
    )
    min_fact_recall: float | None = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Share of the names and numbers that the teacher took from the alternative text and the "
        "student takes, too.",
    )
    max_degenerate: float | None = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Share of captions that are empty, looping, cut off or refusals.",
    )
    min_follows_alt_text: float | None = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of images whose caption, given another's alternative text, changes its names and "
        "nothing that is seen.",
    )
    decide_by: Literal["interval", "value"] = Field(
        default="interval",
        description="What is held against the thresholds: the worse end of the 95 % interval, or the figure.",
    )
    min_rows: int = Field(default=100, ge=2, description="Held-out images without which nothing is decided.")
    min_metric_rows: int = Field(
        default=30,
        ge=2,
        description="Held-out images that a metric which decides must be measured on: not all have an "
        "alternative text.",
    )
    stop: bool = Field(
        default=True,
        description="Stop the pipeline where the student falls short. False: write it down and go on, as for "
        "the students of an ablation.",
    )
    seed: int = Field(default=0, ge=0, description="Seed of the bootstrap.")
    resamples: int = Field(default=2000, ge=100, le=100_000, description="Resamples of the bootstrap.")
