"""Parameters of the engines: one model for all of them, so that one `--set` swaps a teacher."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class EngineParams(BaseModel):
    """Which model answers, how it is run and how it is sampled. Changing any asks again."""

    model_config = ConfigDict(extra="forbid")

    engine: Literal["vllm", "openai", "transformers"] = Field(
        default="vllm",
        description=(
            "vllm: in process, batched continuously; openai: any OpenAI-compatible endpoint; transformers: "
            "any processor or GPU, no server."
        ),
    )
    model: str = Field(
        default="",
        description="Local folder or Hugging Face id; of an endpoint, the name it serves the model by.",
    )
    revision: str | None = Field(
        default=None, description="Commit on the hub; null: the main branch. Of a folder it has no meaning."
    )
    # what the model sees and says
    max_side: int | None = Field(
        default=490,
        ge=16,
        description=(
            "Longest side of an image in pixels; larger ones are scaled down before the model's own "
            "processor (KALE section 2.2: 490). null: as they are."
        ),
    )
    temperature: float = Field(default=0.0, ge=0, le=2, description="0: the likeliest token always (greedy).")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Share of probability sampled from.")
    repetition_penalty: float = Field(
        default=1.0, ge=1, le=2, description="Divisor of the scores of tokens that came before; 1: none."
    )
    seed: int = Field(default=0, ge=0, description="Of every request, where the temperature is above 0.")
    chat_template_options: dict[str, bool | int | str] = Field(
        default={}, description="Passed to the chat template, e.g. enable_thinking: false for Qwen3."
    )
    # vllm and transformers
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="Number format of the weights; auto: what the checkpoint says."
    )
    max_model_len: int | None = Field(
        default=None,
        ge=32,
        description="Tokens of prompt, image and answer together at most; null: what the model allows.",
    )
    # vllm
    tensor_parallel_size: int = Field(default=1, ge=1, description="vllm: GPUs that share the model.")
    gpu_memory_utilization: float = Field(
        default=0.9, gt=0, le=1, description="vllm: share of a GPU's memory that is used."
    )
    cpu_kv_cache_gib: float = Field(
        default=1.0, gt=0, description="vllm on a processor: memory of the attention cache, GiB."
    )
    max_num_seqs: int = Field(default=256, ge=1, description="vllm: answers written at the same time.")
    enforce_eager: bool | None = Field(
        default=None,
        description="vllm: compile nothing. null: compile on GPUs (minutes once), not on processors.",
    )
    # transformers
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="transformers: where it runs; auto: on a GPU where there is one."
    )
    batch_size: int = Field(default=32, ge=1, description="transformers: requests of one batch.")
    # openai
    base_url: str | None = Field(
        default=None,
        description="openai: address up to and with /v1, e.g. http://vllm.models:8000/v1. No password in it.",
    )
    api_key_variable: str = Field(
        default="OPENAI_API_KEY",
        pattern=r"^[A-Z_][A-Z0-9_]*$",
        description=(
            "openai: NAME of the environment variable with the key; or NAME_FILE is one with the path of a "
            "mounted file that holds it. The key itself is never a parameter."
        ),
    )
    concurrency: int = Field(default=32, ge=1, le=4096, description="openai: requests under way at a time.")
    timeout_s: float = Field(default=300.0, gt=0, description="openai: seconds for one answer.")
    attempts: int = Field(default=6, ge=1, le=20, description="openai: times a request is sent at most.")
    backoff_s: float = Field(
        default=1.0, gt=0, description="openai: seconds before the second attempt; doubles each time."
    )
    max_backoff_s: float = Field(
        default=60.0, gt=0, description="openai: longest wait, that of a Retry-After included, seconds."
    )

    @model_validator(mode="after")
    def _endpoint_has_an_address(self) -> EngineParams:
        if self.engine == "openai" and not self.base_url:
            raise ValueError("engine openai needs base_url, for instance http://localhost:8000/v1")
        if self.base_url is not None:
            scheme, _, rest = self.base_url.partition("://")
            if scheme not in {"http", "https"} or not rest:
                raise ValueError(f"base_url {self.base_url!r} is no http:// or https:// address")
            if "@" in rest.partition("/")[0]:
                raise ValueError("base_url holds a user or password: use api_key_variable")
        return self
