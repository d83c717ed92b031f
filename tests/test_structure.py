"""The rules of ARCHITECTURE.md that a program can check."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.task import params_model, stage_class
from pipelines.steps import PIPELINES
from tests.conftest import REPOSITORY

SOURCES = sorted([*REPOSITORY.glob("components/**/*.py"), *REPOSITORY.glob("pipelines/**/*.py")])


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def family(file: Path) -> str:
    parts = file.relative_to(REPOSITORY).parts
    return parts[1] if parts[0] == "components" and len(parts) > 2 else parts[0]


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(REPOSITORY)))
def test_imports_point_one_way(file: Path) -> None:
    mine = family(file)
    for name in imports(file):
        if mine != "pipelines":
            assert not name.startswith("pipelines"), f"{name}: components don't know pipelines"
            if name.startswith("components."):
                other = name.split(".")[1]
                assert other in (mine, "core", "__version__"), f"{name}: families don't import one another"
            if file.name != "component.py":
                assert name.partition(".")[0] != "kfp", "logic does not import kfp"


def test_every_step_has_a_stage_with_parameters() -> None:
    for steps in PIPELINES.values():
        for step in steps:
            if step.stage:
                stage = stage_class(step.stage)
                assert stage.name == step.name
                assert params_model(stage)()
                assert stage.__doc__


HEAVY = ["aiohttp", "cv2", "kfp", "numba", "onnxruntime", "pandas", "pypdfium2", "scipy", "sklearn", "torch"]


def test_a_commit_loads_no_library_that_only_the_work_needs() -> None:
    stages = [step.stage for steps in PIPELINES.values() for step in steps if step.stage]
    program = (
        "import os, sys\n"
        "os.environ['_KFP_RUNTIME'] = 'true'\n"
        "from components.core.task import params_model, reported, stage_class\n"
        "import pyarrow as pa\n"
        "with reported():\n"
        f"    for path in {stages!r}:\n"
        "        stage = stage_class(path)\n"
        "        stage(params_model(stage)()).enabled\n"
        "    pa.array(['a list']).to_pylist()\n"
        f"    print(*(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_modules_that_stages_name_for_their_work_exist() -> None:
    named = {
        module
        for steps in PIPELINES.values()
        for step in steps
        if step.stage
        for module in stage_class(step.stage).imports
    }
    assert named
    for module in named:
        assert importlib.util.find_spec(module) is not None, module
