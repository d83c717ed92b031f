"""The trainer: rows in, a model folder out. Runs on a processor, on a GPU, and under torchrun on many.

    python -m components.distill.train --preset tiny --data FOLDER --out DIR
    torchrun --nproc-per-node 8 -m components.distill.train --preset modern-2b --data MANIFEST --out DIR

A training that was killed goes on from its newest whole checkpoint with the same losses, bit for bit on a
processor. After SIGTERM it saves a checkpoint and stops with exit status 143; the same command goes on.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import torch
import yaml
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from transformers.utils.logging import disable_progress_bar

from components.core.errors import ConfigurationError, KalemintError
from components.core.progress import emit
from components.core.runner import DrainedError
from components.core.task import exit_code, laid_over, read_params
from components.distill import loss_log, samples
from components.distill.batches import Batch, Batches
from components.distill.card import model_card
from components.distill.checkpoints import Checkpoints
from components.distill.encode import RowEncoder
from components.distill.export import export
from components.distill.flops import StepFlops, peak_tflops
from components.distill.model import Student, assemble, load, parts
from components.distill.objective import CaptionLoss
from components.distill.parallel import Devices, layers
from components.distill.rows import TrainingRows, open_rows
from components.distill.schedule import ema_decay, lr_factor
from components.distill.train_params import IDENTITY_EXCLUDES, LanguageSizes, TrainParams, preset

Progress = Callable[[dict[str, Any]], None]

LOSS_LOG: Final = "loss.jsonl"
THROUGHPUT_LOG: Final = "throughput.jsonl"
SAMPLES_LOG: Final = "samples.jsonl"
_LAST: Final = 20
"""Steps that the final loss is averaged over."""


@dataclass(frozen=True)
class TrainResult:
    """What a training gave.

    Attributes:
        model: the model folder.
        steps: updates of the weights, those before a resumption included.
        resumed_from: finished steps of the checkpoint it went on from; 0 where it began anew.
        first_loss: of the first step, a target token.
        last_loss: average of the last 20 steps.
        rows_seen: rows of all steps.
        skipped: rows that could not be trained on, by reason.
        seconds: wall seconds of the steps of this run.
        rows_per_second, tokens_per_second: of this run, over all devices; null where it did no step.
        mfu: share of the devices' peak that the model's own operations took; null where the peak is unknown.
        loss_log, throughput_log, samples_log: JSON lines (see `loss_log`).
    """

    model: Path
    steps: int
    resumed_from: int
    first_loss: float
    last_loss: float
    rows_seen: int
    skipped: dict[str, int]
    seconds: float
    rows_per_second: float | None
    tokens_per_second: float | None
    mfu: float | None
    loss_log: Path
    throughput_log: Path
    samples_log: Path


def train(
    rows: TrainingRows,
    params: TrainParams,
    workdir: Path,
    *,
    on_progress: Progress | None = None,
    heldout: TrainingRows | None = None,
) -> TrainResult:
    """Train a student and export it to `workdir/model`.

    Args:
        rows: the training set.
        workdir: start, checkpoints, logs and model lie here; a training that was stopped goes on from it.
            Processes on several nodes must all see it.
        on_progress: called in the first process every `log_steps` steps, with what the line of progress says.
        heldout: rows that sample captions are made of; None: training rows.

    Raises:
        ConfigurationError: where data, parameters and checkpoints don't fit together, or the loss is no
            number.
        DrainedError: after SIGTERM, when a checkpoint is saved.
    """
    disable_progress_bar()  # of every file that is saved; a training has a log
    devices = Devices(grouped=params.precision == "bfloat16")
    try:
        return _Training(rows, params, Path(workdir), devices, on_progress, heldout).run()
    finally:
        devices.close()


class _Training:
    """One training: the state that its parts share."""

    def __init__(
        self,
        rows: TrainingRows,
        params: TrainParams,
        workdir: Path,
        devices: Devices,
        on_progress: Progress | None,
        heldout: TrainingRows | None,
    ) -> None:
        self.rows, self.params, self.workdir, self.devices = rows, params, workdir, devices
        self.on_progress = on_progress
        self.first = devices.rank == 0
        self.compiled: list[tuple[Any, Any]] = []
        self.loss = 0.0
        learnt = params.model_dump(mode="json", exclude=set(IDENTITY_EXCLUDES))
        self.identity = {**learnt, "data": rows.digest}
        self.student = self._start()
        self.encoder = RowEncoder(self.student, params.max_tokens, params.max_side)
        self.batches = Batches(rows, self.encoder, params, devices.rank, devices.world)
        self.steps = self.batches.steps()
        self.precision = _precision(params, devices)
        trained = {"vision": params.vision, "projector": params.projector, "language": params.language}
        self.trained = frozenset(name for name, part in trained.items() if part.train)
        for name, module in parts(self.student.model).items():
            module.requires_grad_(name in self.trained)
        self.flops = StepFlops(self.student.model, self.trained)
        if params.gradient_checkpointing:
            self.student.model.gradient_checkpointing_enable({"use_reentrant": False})
        self.objective = CaptionLoss(self.student.model)
        devices.shard(self.objective, self.precision)
        self.optimizer = self._optimizer()
        self.ema = self._averages()
        self.samples = samples.choose(heldout or rows, self.encoder, params.samples)
        self.checkpoints = Checkpoints(
            workdir / "checkpoints", params.keep_checkpoints, self.identity, devices
        )
        self.losses, self.speeds, self.captions = (
            loss_log.LineLog(workdir / name, self.first) for name in (LOSS_LOG, THROUGHPUT_LOG, SAMPLES_LOG)
        )

    def run(self) -> TrainResult:
        resumed = self._resume()
        self.objective.train()
        self._check_precision(resumed)
        if self.params.compile:
            # not the modules: the hooks that gather their weights stay outside what is compiled
            self.compiled = [(layer, torch.compile(layer.forward)) for layer in layers(self.student.model)]
        self._use_compiled(True)
        began, meter = time.monotonic(), _Meter()
        saved_at = time.monotonic()
        with _sigterm() as stopping:
            stream = self.batches.from_step(resumed)
            for step, batch in zip(range(resumed, self.steps), stream, strict=False):
                self._step(step, batch)
                meter.add(batch, self.flops)
                done = step + 1
                if done % self.params.log_steps == 0 or done == self.steps:
                    self._log_speed(done, meter)
                if self.samples and (done % self.params.sample_steps == 0 or done == self.steps):
                    self._log_samples(done)
                due = time.monotonic() - saved_at >= self.params.checkpoint_seconds
                drain, due = (flag > 0 for flag in self.devices.sums(stopping.is_set(), due and self.first))
                if drain or due or done == self.steps or done % self.params.checkpoint_steps == 0:
                    self._save(done)
                    saved_at = time.monotonic()
                if drain and done < self.steps:
                    raise DrainedError(
                        f"SIGTERM: stopped after step {done} of {self.steps}; a checkpoint is saved"
                    )
        return self._finish(resumed, time.monotonic() - began, meter)

    def _start(self) -> Student:
        """The untrained student, the same for every process and after every kill: from the folder `start`."""
        folder = self.workdir / "start"
        mark = folder / "identity.yaml"
        wanted = yaml.safe_dump(self.identity)
        if self.first and not (mark.exists() and mark.read_text() == wanted):
            self.workdir.mkdir(parents=True, exist_ok=True)
            student = assemble(self.params.student, self._texts(), self.params.seed)
            export(student, student.model.state_dict(), torch.float32, folder, "")
            mark.write_text(wanted)
        self.devices.wait()
        return load(folder)

    def _texts(self) -> Iterator[str]:
        """Texts that a tokenizer is trained on."""
        sizes = self.params.student.language
        assert isinstance(sizes, LanguageSizes)
        left = sizes.tokenizer_rows
        for shard in range(len(self.rows.shards)):
            table = self.rows.read(shard).slice(0, left)
            for name in ("system", "user", "target"):
                yield from (text for text in table.column(name).to_pylist() if text)
            left -= table.num_rows
            if left <= 0:
                return

    def _optimizer(self) -> torch.optim.AdamW:
        params = self.params
        groups = []
        for name, module in parts(self.objective.student).items():
            if name not in self.trained:
                continue
            weights = [weight for weight in module.parameters() if weight.requires_grad]
            lr = getattr(params, name).lr
            for decay, some in (
                (params.weight_decay, [weight for weight in weights if weight.ndim > 1]),
                (0.0, [weight for weight in weights if weight.ndim <= 1]),
            ):
                groups.append({"params": some, "lr": lr, "peak": lr, "part": name, "weight_decay": decay})
        return torch.optim.AdamW(groups, betas=(params.beta1, params.beta2), eps=1e-8, fused=True)

    def _averages(self) -> dict[str, torch.Tensor]:
        if self.params.ema is None:
            return {}
        return {
            name: weight.detach().clone()
            for name, weight in self.objective.named_parameters()
            if weight.requires_grad
        }

    def _resume(self) -> int:
        step = 0
        newest = self.checkpoints.newest()
        if newest is not None:
            step, extra = self.checkpoints.load(newest, self.objective, self.optimizer, self.ema)
            self.batches.remember(extra["problems"])
        for log in (self.losses, self.speeds, self.captions):
            log.cut(step)
        return step

    def _check_precision(self, step: int) -> None:
        """Make sure that products run in the precision asked for.

        A flag that is set and has no effect would more than double the time.

        Raises:
            ConfigurationError: where a layer's input or weight is of another type.
        """
        wrong: list[str] = []

        def look(name: str, layer: Any, inputs: Any) -> None:
            if {inputs[0].dtype, layer.weight.dtype} != {self.precision}:
                wrong.append(f"{name}: {inputs[0].dtype} x {layer.weight.dtype}")

        hooks = [
            layer.register_forward_pre_hook(lambda layer, inputs, name=name: look(name, layer, inputs))
            for name, layer in self.objective.named_modules()
            if isinstance(layer, torch.nn.Linear)
        ]
        with torch.no_grad():
            for batch in islice(self.batches.from_step(step), 1):
                self._loss(batch, 0)
        for hook in hooks:
            hook.remove()
        if wrong:
            raise ConfigurationError(f"Products should run in {self.precision}, but {'; '.join(wrong[:3])}.")

    def _loss(self, batch: Batch, number: int) -> torch.Tensor:
        micro, device = batch.micro[number], self.devices.device
        pixels = micro.pixels
        unseen = pixels is None and self.devices.world > 1 and batch.images > 0
        if unseen:
            size = self.encoder.image_size
            pixels = torch.zeros((1, 3, size, size), dtype=torch.uint8)
        if pixels is not None:
            pixels = self.encoder.normalize(pixels.to(device, non_blocking=True))
        loss: torch.Tensor = self.objective(
            micro.tokens.to(device, non_blocking=True),
            micro.labels.to(device, non_blocking=True),
            pixels,
            unseen,
        )
        return loss

    def _step(self, step: int, batch: Batch) -> None:
        params, devices = self.params, self.devices
        # whatever is random in a model (dropout) depends on the step and the device only
        torch.manual_seed((params.seed * 1_000_003 + step) * 4096 + devices.rank)
        factor = lr_factor(step, self.steps, params.warmup_share, params.final_lr_share)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        own = 0.0
        for number in range(len(batch.micro)):
            loss = self._loss(batch, number)
            # gradients are averaged over devices; the loss is a mean over the tokens of all of them
            (loss * (devices.world / batch.target_tokens)).backward()
            own += float(loss.detach())
        (total,) = devices.sums(own)
        norm: Any = torch.nn.utils.clip_grad_norm_(self.objective.parameters(), params.clip)
        norm = float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
        self.loss = mean = total / batch.target_tokens
        if not torch.isfinite(torch.tensor([mean, norm])).all():
            raise ConfigurationError(
                f"Step {step + 1} has loss {mean} and gradient norm {norm}: lower train.*.lr, or train.clip."
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.ema:
            self._average(step)
        rates = {group["part"]: group["lr"] for group in self.optimizer.param_groups}
        self.losses.add(
            step + 1,
            epoch=batch.position.epoch,
            loss=mean,
            gradient_norm=norm,
            lr=rates,
            target_tokens=batch.target_tokens,
        )

    @torch.no_grad()
    def _average(self, step: int) -> None:
        assert self.params.ema is not None
        weight = 1 - ema_decay(step, self.params.ema)
        now = dict(self.objective.named_parameters())
        for name, mean in self.ema.items():
            _local(mean).lerp_(_local(now[name]), weight)

    def _log_speed(self, done: int, meter: _Meter) -> None:
        line = meter.line(self.params.peak_tflops or peak_tflops(self.devices.name), self.devices.world)
        self.losses.flush()
        self.speeds.add(done, **line)
        self.speeds.flush()
        if self.first and self.on_progress is not None:
            self.on_progress({"step": done, "steps": self.steps, "loss": self.loss, **line})

    def _use_compiled(self, wanted: bool) -> None:
        for layer, forward in self.compiled:
            if wanted:
                layer.forward = forward
            else:
                del layer.forward  # its class's is back

    def _log_samples(self, done: int) -> None:
        self._use_compiled(False)  # with a cache every layer and length would be compiled of its own
        texts = samples.captions(
            self.objective, self.samples, self.encoder, self.params.sample_tokens, self.devices.device
        )
        self._use_compiled(True)
        for sample, text in zip(self.samples, texts, strict=True):
            self.captions.add(done, row=sample.row, user=sample.user, target=sample.target, caption=text)
        self.captions.flush()

    def _save(self, done: int) -> None:
        self.losses.flush()
        problems = sorted({tuple(line) for some in self.devices.all(self.batches.noted()) for line in some})
        self.checkpoints.save(done, self.objective, self.optimizer, self.ema, {"problems": problems})

    def _finish(self, resumed: int, seconds: float, meter: _Meter) -> TrainResult:
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        weights: dict[str, Any] = get_model_state_dict(self.objective, options=options)
        for name, mean in self.ema.items():
            whole = mean.full_tensor() if hasattr(mean, "full_tensor") else mean
            if self.first:
                weights[name] = whole.cpu()
        for others in self.devices.all(self.batches.noted()):
            self.batches.remember(others)
        folder = self.workdir / "model"
        losses = [line["loss"] for line in loss_log.read_lines(self.workdir / LOSS_LOG)] if self.first else []
        first, last = self.devices.agreed(
            (losses[0], sum(losses[-_LAST:]) / len(losses[-_LAST:])) if losses else None
        )
        line = meter.total(self.params.peak_tflops or peak_tflops(self.devices.name), self.devices.world)
        result = TrainResult(
            model=folder,
            steps=self.steps,
            resumed_from=resumed,
            first_loss=first,
            last_loss=last,
            rows_seen=self.steps * self.params.batch,
            skipped=self.batches.skipped,
            seconds=round(seconds, 3),
            rows_per_second=line["rows_per_second"],
            tokens_per_second=line["tokens_per_second"],
            mfu=line["mfu"],
            loss_log=self.workdir / LOSS_LOG,
            throughput_log=self.workdir / THROUGHPUT_LOG,
            samples_log=self.workdir / SAMPLES_LOG,
        )
        if self.first:
            named = {name.removeprefix("student."): tensor for name, tensor in weights.items()}
            dtype = (
                self.precision
                if self.params.export_dtype == "auto"
                else getattr(torch, self.params.export_dtype)
            )
            card = model_card(self.student, self.params, self.rows, result, _LAST)
            export(self.student, named, dtype, folder, card)
        self.devices.wait()
        return result


class _Meter:
    """Rows, tokens and operations since the last line, and in all."""

    def __init__(self) -> None:
        self._began = self._since = time.monotonic()
        self._sum = [0.0, 0.0, 0.0]
        self._before = [0.0, 0.0, 0.0]

    def add(self, batch: Batch, flops: StepFlops) -> None:
        """One more step, over all devices."""
        done = (
            len(batch.lengths),
            batch.real_tokens,
            flops.step(batch.lengths, batch.target_tokens, batch.images),
        )
        self._sum = [before + more for before, more in zip(self._sum, done, strict=True)]

    def line(self, peak: float | None, devices: int) -> dict[str, float | None]:
        """Rates since the last call."""
        now = time.monotonic()
        fresh = [after - before for after, before in zip(self._sum, self._before, strict=True)]
        line = _rates(fresh, now - self._since, peak, devices)
        self._since, self._before = now, list(self._sum)
        return line

    def total(self, peak: float | None, devices: int) -> dict[str, float | None]:
        """Rates since the beginning."""
        return _rates(self._sum, time.monotonic() - self._began, peak, devices)


def _rates(amounts: list[float], seconds: float, peak: float | None, devices: int) -> dict[str, float | None]:
    """Rates of (rows, tokens, operations) in so many seconds; null where there was no step."""
    rows, tokens, operations = amounts
    if not rows or seconds <= 0:
        return {"rows_per_second": None, "tokens_per_second": None, "mfu": None}
    mfu = None if peak is None else round(operations / seconds / (peak * 1e12 * devices), 4)
    return {
        "rows_per_second": round(rows / seconds, 2),
        "tokens_per_second": round(tokens / seconds, 1),
        "mfu": mfu,
    }


def _local(weight: torch.Tensor) -> torch.Tensor:
    """This device's share of a weight."""
    return weight.to_local() if hasattr(weight, "to_local") else weight  # type: ignore[no-any-return]


def _precision(params: TrainParams, devices: Devices) -> torch.dtype:
    if params.precision == "auto":
        return torch.bfloat16 if devices.device.type == "cuda" else torch.float32
    return torch.bfloat16 if params.precision == "bfloat16" else torch.float32


@contextmanager
def _sigterm() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, where this is the main thread (others can't handle signals)."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


def configuration(preset_name: str | None, file: Path | None) -> TrainParams:
    """Parameters: a preset's, with those of a YAML file over them.

    Raises:
        ConfigurationError: where a name or a value is not one that exists.
    """
    values = preset(preset_name) if preset_name else {}
    if file is not None:
        try:
            given = yaml.safe_load(file.read_text()) or {}
        except (OSError, yaml.YAMLError) as error:
            raise ConfigurationError(f"{file} can't be read as YAML: {error}") from None
        if not isinstance(given, dict):
            raise ConfigurationError(f"{file} is no mapping of parameters of the trainer.")
        values = laid_over(values, given)
    params = read_params(TrainParams, values, "train")
    assert isinstance(params, TrainParams)
    return params


def _tell(event: dict[str, Any]) -> None:
    mfu = "" if event["mfu"] is None else f", MFU {event['mfu']:.1%}"
    line = f"train {event['step']}/{event['steps']}: loss {event['loss']:.4f}"
    if event["rows_per_second"] is not None:
        line += f", {event['rows_per_second']:.0f} rows/s, {event['tokens_per_second']:.0f} tokens/s{mfu}"
    emit("training", **event, line=line)


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="components.distill.train", description=__doc__)
    parser.add_argument("--preset", help="tiny, kale-2b or modern-2b")
    parser.add_argument("--config", type=Path, help="YAML of parameters, over the preset's")
    parser.add_argument("--data", required=True, help="manifest, or folder of Parquet files")
    parser.add_argument("--heldout", help="rows that sample captions are made of, as --data")
    parser.add_argument("--out", type=Path, required=True, help="where everything is written")
    given = parser.parse_args(arguments)
    try:
        params = configuration(given.preset, given.config)
        heldout = open_rows(given.heldout) if given.heldout else None
        result = train(open_rows(given.data), params, given.out, on_progress=_tell, heldout=heldout)
    except KalemintError as error:
        sys.stderr.write(f"{error}\n")
        return exit_code(error)
    if os.environ.get("RANK", "0") == "0":
        line = f"trained: loss {result.last_loss:.4f} after {result.steps} steps, {result.model}"
        emit("trained", line=line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
