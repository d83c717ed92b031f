"""transformers: batches of requests of like length, on any processor or GPU, with no server."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from components.caption.engines.base import (
    Completion,
    Engine,
    Finish,
    Request,
    answered,
    failed,
    messages,
    request_image,
)
from components.caption.engines.checkpoint import checkpoint_dtype, no_chat_template
from components.caption.engines.choices import ChoiceTokens
from components.caption.engines.model_identity import identity
from components.caption.engines.params import EngineParams
from components.caption.reasons import CaptionReason
from components.core.errors import ConfigurationError
from components.core.torchvision_ops import mend_torchvision


class TransformersEngine(Engine):
    """A vision-language model, or a language model for prompts without images, run by `generate`.

    Args:
        params: of the engine.

    Raises:
        ConfigurationError: where transformers is not installed or does not take the model.
    """

    def __init__(self, params: EngineParams) -> None:
        try:
            mend_torchvision()
            import torch
            import transformers
        except ImportError as error:
            raise ConfigurationError(
                f"Engine transformers needs torch, transformers ({error}): pip install kalemint[torch]; or "
                "set `engine` to openai."
            ) from None
        self._torch: Any = torch
        self._model: Any = None
        self._params = params
        self._device = params.device
        if params.device == "auto":
            self._device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = checkpoint_dtype(params)
        self._identity = identity(
            params,
            transformers.__version__,
            device=self._device,
            dtype=dtype,
            max_model_len=params.max_model_len,
        )
        self._load(transformers, dtype)
        self._choices: dict[tuple[str, ...], ChoiceTokens] = {}

    def identity(self) -> dict[str, str | None]:
        return dict(self._identity)

    def close(self) -> None:
        self._model = None
        if self._device == "cuda":
            self._torch.cuda.empty_cache()

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        texts = [self._text(request) for request in requests]
        if self._params.temperature > 0:
            self._torch.manual_seed(self._params.seed)

        def kind(number: int) -> tuple[Any, ...]:
            request = requests[number]
            return request.image is not None, request.choices or (), request.max_tokens

        order = sorted(range(len(requests)), key=lambda number: (*kind(number), len(texts[number]), number))
        done: dict[int, Completion] = {}
        for _, same in groupby(order, key=kind):
            numbers = list(same)
            for at in range(0, len(numbers), self._params.batch_size):
                self._answer(numbers[at : at + self._params.batch_size], requests, texts, done)
        return [done[number] for number in range(len(requests))]

    def _load(self, transformers: Any, dtype: str) -> None:
        params = self._params
        options: dict[str, Any] = {"revision": params.revision}
        from safetensors import SafetensorError

        try:
            config = transformers.AutoConfig.from_pretrained(params.model, **options)
            self._sees = type(config) in transformers.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
            if self._sees:
                kind, reader = transformers.AutoModelForImageTextToText, transformers.AutoProcessor
            else:
                kind, reader = transformers.AutoModelForCausalLM, transformers.AutoTokenizer
            self._processor: Any = reader.from_pretrained(params.model, **options)
            model: Any = kind.from_pretrained(params.model, dtype=getattr(self._torch, dtype), **options)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ConfigurationError(
                f"transformers does not take the model {params.model!r}: {error}"
            ) from error
        self._tokenizer: Any = getattr(self._processor, "tokenizer", self._processor)
        if not (getattr(self._processor, "chat_template", None) or self._tokenizer.chat_template):
            raise no_chat_template(params.model)
        self._tokenizer.padding_side = "left"
        ends = model.generation_config.eos_token_id
        listed = list(ends) if isinstance(ends, list | tuple) else [ends]
        # vLLM stops at both, too
        self._ends = sorted({end for end in [*listed, self._tokenizer.eos_token_id] if end is not None})
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        # what a checkpoint ships as defaults (temperature, penalties) is no parameter of ours
        model.generation_config = transformers.GenerationConfig()
        self._generation = transformers.GenerationConfig
        self._model = model.to(self._device).eval()
        positions = getattr(config.get_text_config(), "max_position_embeddings", None)
        self._longest = min(filter(None, (params.max_model_len, positions)), default=None)

    def _text(self, request: Request) -> str:
        """The request in the form of the model's chat template."""
        chat = messages(request, None if request.image is None else {"type": "image"})
        if not self._sees:  # templates of language models take strings
            chat = [
                {**one, "content": "".join(part.get("text", "") for part in one["content"])} for one in chat
            ]
        return str(
            self._processor.apply_chat_template(
                chat, tokenize=False, add_generation_prompt=True, **self._params.chat_template_options
            )
        )

    def _answer(
        self,
        numbers: list[int],
        requests: Sequence[Request],
        texts: Sequence[str],
        done: dict[int, Completion],
    ) -> None:
        """Answer requests that have images or have none, and the same choices and max_tokens."""
        images: dict[int, Any] = {}
        for number in numbers:
            image = request_image(requests[number], self._params.max_side)
            if isinstance(image, Completion):
                done[number] = image
            elif image is not None and not self._sees:
                done[number] = failed(
                    CaptionReason.ENGINE_REFUSED,
                    f"{self._params.model} is a language model: it sees no images",
                )
            else:
                images[number] = image

        def answer(some: list[int]) -> None:
            inputs = self._inputs([texts[number] for number in some], [images[number] for number in some])
            lengths = inputs["attention_mask"].sum(1).tolist()
            long = [at for at, length in enumerate(lengths) if self._longest and length >= self._longest]
            for at in long:
                detail = f"{lengths[at]} tokens, and the model takes {self._longest} with the answer"
                done[some[at]] = failed(CaptionReason.PROMPT_TOO_LONG, detail)
            if long:
                rest = [number for number in some if number not in done]
                if rest:
                    answer(rest)
                return
            for number, completion in zip(some, self._run(inputs, lengths, requests[some[0]]), strict=True):
                done[number] = completion

        self._halving(list(images), answer, done)

    def _halving(
        self, numbers: list[int], answer: Callable[[list[int]], None], done: dict[int, Completion]
    ) -> None:
        """Answer a batch; where that fails, its halves, so that what can't be processed is found."""
        if not numbers:
            return
        try:
            answer(numbers)
            return
        except self._torch.OutOfMemoryError as error:
            if len(numbers) == 1:
                raise ConfigurationError(
                    f"{self._params.model} and one request do not fit into the GPU's memory ({error}): lower "
                    "max_side or max_tokens, or take a smaller model."
                ) from None
        except (ValueError, IndexError) as error:
            if len(numbers) == 1:
                done[numbers[0]] = failed(CaptionReason.ENGINE_REFUSED, f"{type(error).__name__}: {error}")
                return
        if self._device == "cuda":
            self._torch.cuda.empty_cache()
        middle = len(numbers) // 2
        for half in (numbers[:middle], numbers[middle:]):
            self._halving([number for number in half if number not in done], answer, done)

    def _inputs(self, texts: list[str], images: list[Any]) -> Any:
        # the chat template has written all special tokens, those of the beginning included
        options: dict[str, Any] = {"padding": True, "return_tensors": "pt", "add_special_tokens": False}
        if self._sees and images[0] is not None:
            options["images"] = [[image] for image in images]
        return self._processor(text=texts, **options)

    def _run(self, inputs: Any, lengths: Sequence[int], request: Request) -> list[Completion]:
        params, torch = self._params, self._torch
        tokens = request.max_tokens
        processors: list[Any] = []
        start = inputs["input_ids"].shape[1]
        if request.choices:
            choices = self._choice_tokens(request.choices)
            tokens = choices.max_tokens
            processors.append(choices.logits_processor(torch, start))
        if self._longest:
            tokens = min(tokens, self._longest - min(lengths))
        sampling: dict[str, Any] = {"do_sample": False}
        if params.temperature > 0:
            sampling = {
                "do_sample": True,
                "temperature": params.temperature,
                "top_p": params.top_p,
                "top_k": 0,
            }
        config = self._generation(
            max_new_tokens=tokens,
            repetition_penalty=params.repetition_penalty,
            eos_token_id=self._ends,
            pad_token_id=self._tokenizer.pad_token_id,
            return_dict_in_generate=True,
            output_scores=bool(request.choices),
            **sampling,
        )
        moved = {
            name: value.to(self._device, self._model.dtype if value.is_floating_point() else None)
            for name, value in inputs.items()
        }
        with torch.inference_mode():
            made = self._model.generate(**moved, generation_config=config, logits_processor=processors)
        answers = made.sequences[:, start:].tolist()
        scores = made.scores if request.choices else ()
        return [
            self._completion(row, ids, length, request, scores)
            for row, (ids, length) in enumerate(zip(answers, lengths, strict=True))
        ]

    def _completion(
        self, row: int, ids: list[int], tokens_in: int, request: Request, scores: Sequence[Any]
    ) -> Completion:
        limit = len(ids) if self._longest is None else min(len(ids), self._longest - tokens_in)
        end = next((at for at, token in enumerate(ids[:limit]) if token in self._ends), None)
        kept = ids[: limit if end is None else end]
        text = self._tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        tokens_out = len(kept) + (end is not None)
        if not request.choices:
            finish: Finish = "length" if end is None else "stop"
            return answered(text, finish, tokens_in=tokens_in, tokens_out=tokens_out)
        if text not in request.choices:
            return failed(CaptionReason.ENGINE_GARBAGE, f"{text!r} is none of {', '.join(request.choices)}")
        total = 0.0
        for step, token in enumerate(ids[:tokens_out]):
            total += float(self._torch.log_softmax(scores[step][row].float(), -1)[token])
        return answered(text, "stop", tokens_in=tokens_in, tokens_out=tokens_out, probability=math.exp(total))

    def _choice_tokens(self, choices: tuple[str, ...]) -> ChoiceTokens:
        if choices not in self._choices:
            self._choices[choices] = ChoiceTokens(self._tokenizer, choices, self._ends)
        return self._choices[choices]
