"""Training for real: the loss falls, a killed training goes on with the same losses, devices agree."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("torch", reason="needs the extra `torch`")

from components.core.errors import ConfigurationError
from components.distill.loss_log import read_lines
from components.distill.model import load, parts
from components.distill.rows import TrainingRows, from_folder
from components.distill.train import TrainResult, configuration, main, train
from components.distill.train_params import PRESETS, TrainParams, preset
from tests.distill import scenes

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scenes.write(tmp_path_factory.mktemp("data"), scenes.rows(120, text_only=6), shards=3)


def run(data: Path, out: Path, **values: Any) -> TrainResult:
    return train(from_folder(data), TrainParams.model_validate(scenes.tiny(**values)), out)


def losses(out: Path) -> list[float]:
    return [line["loss"] for line in read_lines(out / "loss.jsonl")]


def start(data: Path, out: Path, values: dict[str, Any], *launcher: str) -> subprocess.Popen[bytes]:
    out.mkdir(parents=True, exist_ok=True)
    config = out / "params.yaml"
    config.write_text(yaml.safe_dump(values))
    command = [*(launcher or (sys.executable,)), "-m", "components.distill.train"]
    command += ["--config", str(config), "--data", str(data), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def until(process: subprocess.Popen[bytes], out: Path, step: int) -> None:
    """Wait for a step to be in the log."""
    for _ in range(3000):
        lines = read_lines(out / "loss.jsonl")
        if lines and lines[-1]["step"] >= step:
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    output = process.communicate()[0].decode()
    raise AssertionError(f"no step {step} (status {process.returncode}): {output[-2000:]}")


def test_killed_and_drained_training_gives_the_same_losses_and_bytes(data: Path, tmp_path: Path) -> None:
    values = scenes.tiny(steps=120, checkpoint_steps=14, sample_steps=60, ema=0.9, vision={"lr": 1e-3})
    whole = train(from_folder(data), TrainParams.model_validate(values), tmp_path / "whole")
    assert (whole.steps, whole.resumed_from, len(losses(tmp_path / "whole"))) == (120, 0, 120)
    out = tmp_path / "killed"
    with start(data, out, values) as process:
        until(process, out, 30)
        process.kill()
        process.communicate()
    cut = len(losses(out))
    assert cut < 120, "it was over before it could be killed"
    # a checkpoint that was half written when the power went, and one that lost a file
    newest = sorted((out / "checkpoints").glob("step-????????"))[-1]
    next(path for path in newest.iterdir() if path.suffix == ".distcp").unlink()
    (out / "checkpoints" / "step-00000900.partial").mkdir()
    with start(data, out, values) as process:
        until(process, out, cut + 9)
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 143, output
    assert "a checkpoint is saved" in output
    drained = len(losses(out))
    assert cut < drained < 120
    rest = train(from_folder(data), TrainParams.model_validate(values), out)
    assert rest.resumed_from == drained
    for name in ("loss.jsonl", "samples.jsonl"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    for name in ("model.safetensors", "tokenizer.json", "config.json", "README.md"):
        assert (out / "model" / name).read_bytes() == (whole.model / name).read_bytes()
    assert [path.name for path in sorted((out / "checkpoints").iterdir())] == [
        "step-00000112",
        "step-00000120",
    ]
    # done: nothing is done again
    assert train(from_folder(data), TrainParams.model_validate(values), out).rows_per_second is None


def test_two_devices_learn_what_one_does_and_one_goes_on_for_them(data: Path, tmp_path: Path) -> None:
    values = scenes.tiny(steps=8, ema=0.9, gradient_checkpointing=True, buffer_shards=1)
    one = train(from_folder(data), TrainParams.model_validate(values), tmp_path / "one")
    out = tmp_path / "two"
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    with start(data, out, values, *launcher) as process:
        output = process.communicate(timeout=120)[0].decode()
    assert process.returncode == 0, output[-3000:]
    assert output.count("trained: ") == 1
    assert losses(out) == pytest.approx(losses(tmp_path / "one"), rel=1e-4)
    # Adam turns rounding into steps of its own size: weights are close, not equal
    assert _furthest(one.model, out / "model") < 2e-3
    before = losses(out)
    shutil.rmtree(out / "checkpoints" / "step-00000008")
    again = train(from_folder(data), TrainParams.model_validate(values), out)
    assert again.resumed_from == 4
    assert losses(out) == pytest.approx(before, rel=1e-4)


def _furthest(one: Path, other: Path) -> float:
    left, right = (load(folder).model.state_dict() for folder in (one, other))
    assert left.keys() == right.keys()
    return max(float((left[name] - right[name]).abs().max()) for name in left)


def test_micro_batches_do_not_change_what_is_learnt(data: Path, tmp_path: Path) -> None:
    for name, rows in (("small", 2), ("large", 16)):
        run(data, tmp_path / name, micro_batch=rows, steps=6)
    assert losses(tmp_path / "small") == pytest.approx(losses(tmp_path / "large"), rel=1e-4)


def test_frozen_parts_stay_and_others_learn_at_their_rates(data: Path, tmp_path: Path) -> None:
    result = run(
        data, tmp_path, steps=4, vision={"train": False}, projector={"lr": 1e-2}, language={"lr": 1e-3}
    )
    before, after = parts(load(tmp_path / "start").model), parts(load(result.model).model)
    moved = {
        name: max(
            float((a - b).detach().abs().max())
            for a, b in zip(before[name].parameters(), after[name].parameters(), strict=True)
        )
        for name in before
    }
    assert moved["vision"] == 0
    assert moved["projector"] > 2 * moved["language"] > 0
    (*_, last) = read_lines(result.loss_log)
    assert set(last["lr"]) == {"projector", "language"}
    assert last["lr"]["projector"] == pytest.approx(10 * last["lr"]["language"])
    with pytest.raises(ValueError, match="nothing would be trained"):
        TrainParams.model_validate(
            scenes.tiny(**{part: {"train": False} for part in ("vision", "projector", "language")})
        )


def test_bfloat16_products_with_float32_weights(data: Path, tmp_path: Path) -> None:
    import torch
    from safetensors import safe_open

    run(data, tmp_path / "full", steps=5)
    result = run(data, tmp_path / "half", steps=5, precision="bfloat16")
    assert losses(tmp_path / "half") == pytest.approx(losses(tmp_path / "full"), rel=0.02)
    assert losses(tmp_path / "half") != losses(tmp_path / "full")
    with safe_open(result.model / "model.safetensors", framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.bfloat16}  # noqa: SIM118
    assert json.loads((result.model / "config.json").read_text())["dtype"] == "bfloat16"


def test_a_checkpoint_of_other_parameters_or_data_is_refused(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out", steps=4)
    with pytest.raises(ConfigurationError, match="made with another clip, steps"):
        run(data, tmp_path / "out", steps=5, clip=0.5)
    other = scenes.write(tmp_path / "other", scenes.rows(40, seed=9))
    with pytest.raises(ConfigurationError, match="made with another data"):
        run(other, tmp_path / "out", steps=4)
    # what does not decide what is learnt may change
    assert run(data, tmp_path / "out", steps=4, micro_batch=4, log_steps=2).resumed_from == 4


def test_a_loss_that_is_no_number_stops_with_a_sentence(data: Path, tmp_path: Path) -> None:
    values = {part: {"lr": 1.0} for part in ("vision", "projector", "language")}
    with pytest.raises(ConfigurationError, match=r"Step \d+ has loss .* lower train"):
        run(
            data,
            tmp_path,
            steps=60,
            beta1=0.0,
            beta2=0.0,
            clip=1e6,
            weight_decay=1e4,
            warmup_share=0.0,
            **values,
        )


def test_result_log_and_card_say_what_happened(data: Path, tmp_path: Path) -> None:
    given = scenes.rows(64)
    given[1]["target"] = ""
    rows: TrainingRows = from_folder(scenes.write(tmp_path / "rows", given))
    told: list[dict[str, Any]] = []
    params = TrainParams.model_validate(scenes.tiny(steps=None, epochs=1.5, peak_tflops=0.1))
    result = train(rows, params, tmp_path / "out", on_progress=told.append, heldout=from_folder(data))
    assert (result.steps, result.rows_seen, result.skipped) == (6, 96, {"no_target": 1})
    assert [line["step"] for line in told] == [1, 2, 3, 4, 5, 6]
    assert [line["epoch"] for line in read_lines(result.loss_log)] == [0, 0, 0, 0, 1, 1]
    assert told[-1]["loss"] == read_lines(result.loss_log)[-1]["loss"]
    assert result.mfu is not None
    assert 0 < result.mfu < 1
    made = read_lines(result.samples_log)
    assert [line["step"] for line in made] == [6, 6]
    assert made[0]["target"] == scenes.rows(120, text_only=6)[0]["target"]
    card = (result.model / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert "64 rows of 1 shards" in card
    assert "Left out: 1 no_target." in card
    assert f"{result.first_loss:.4f} in the first step" in card
    assert "can't caption photographs" in card


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name: str, tmp_path: Path) -> None:
    params = TrainParams.model_validate(preset(name))
    assert not params.batch % params.micro_batch
    assert configuration(name, None) == params
    over = tmp_path / "over.yaml"
    over.write_text("{vision: {train: false}, batch: 512}")
    changed = configuration(name, over)
    assert (changed.vision.train, changed.vision.lr, changed.batch) == (False, params.vision.lr, 512)
    over.write_text("{bach: 512}")
    with pytest.raises(ConfigurationError, match="bach"):
        configuration(name, over)
    with pytest.raises(ConfigurationError, match="choose one of tiny"):
        configuration("big", None)


def test_the_train_job_starts_the_trainer_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    manifest = Path(__file__).parents[2] / "examples" / "kale-2b-trainjob.yaml"
    runtime, job = yaml.safe_load_all(manifest.read_text())
    assert {part["apiVersion"] for part in (runtime, job)} == {"trainer.kubeflow.org/v1alpha1"}
    assert job["spec"]["runtimeRef"]["name"] == runtime["metadata"]["name"]
    trainer = job["spec"]["trainer"]
    assert trainer["command"][-2:] == ["-m", "components.distill.train"]
    batch = TrainParams.model_validate(preset("kale-2b")).batch
    assert batch % (trainer["numNodes"] * trainer["numProcPerNode"]) == 0
    # its arguments are understood; the volume is not here
    assert main(trainer["args"]) == 2
    assert "/data/runs/kale/training_set/heldout/manifest.json is neither" in capfd.readouterr().err
