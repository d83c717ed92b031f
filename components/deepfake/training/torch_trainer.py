"""The trainer of networks: face crops in, an ONNX file out. On a processor or one GPU.

A training that was killed goes on from its newest checkpoint with the same losses, bit for bit on a
processor. After SIGTERM it saves a checkpoint and stops; the same call goes on.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from components.core.errors import ConfigurationError
from components.core.runner import DrainedError
from components.deepfake.forgeries.base import generator
from components.deepfake.forgeries.self_blend import self_blend
from components.deepfake.metrics import Ranking, roc_auc
from components.deepfake.train_params import DetectorTrainParams, NetworkTrainParams
from components.deepfake.training.crop_batches import (
    Batch,
    CropBatches,
    CropPack,
    blendable,
    fitted,
    trains_on,
)
from components.deepfake.training.network import DetectorNet, loss, normalized
from components.deepfake.training.training_log import TrainingLog, lr_factor

Tell = Callable[[str, int, int, float], None]
"""Called with the name of the training, its step, all steps and the loss."""
Kept = Callable[[Path], None]
"""Called with a file that a resumed training needs, when it is whole."""

SELF_BLEND: Final = "self_blend"
"""Method under which forged faces made in the step are validated."""
_EVAL_BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network.

    Attributes:
        network: in evaluation mode, on the processor.
        step: updates behind it.
        validation: method → AUC over the crops of the validation split at that step; empty without any.
    """

    network: DetectorNet
    step: int
    validation: dict[str, float]


def train_network(
    name: str,
    pack: CropPack,
    params: NetworkTrainParams,
    every: DetectorTrainParams,
    folder: Path,
    *,
    without: str | None = None,
    tell: Tell | None = None,
    kept: Kept | None = None,
) -> Trained:
    """Train a network.

    Args:
        name: of the detector; a part of every seed.
        folder: checkpoint and logs `loss.jsonl` and `validation.jsonl` lie here.
        without: a method that is left out.

    Raises:
        ConfigurationError: where there is nothing to train on, a checkpoint is of another training, or the
            loss is no number.
        DrainedError: after SIGTERM, when a checkpoint is saved.
    """
    return _Training(name, pack, params, every, folder, without, tell, kept).run()


class _Training:
    """One training: the state that its parts share."""

    def __init__(
        self,
        name: str,
        pack: CropPack,
        params: NetworkTrainParams,
        every: DetectorTrainParams,
        folder: Path,
        without: str | None,
        tell: Tell | None,
        kept: Kept | None,
    ) -> None:
        self.name, self.pack, self.params, self.every, self.folder = name, pack, params, every, folder
        self.tell, self.kept = tell, kept
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.half = self.device.type == "cuda" and every.precision != "float32"
        self.batches = CropBatches(pack, params, name, every.seed, without)
        seed = int(generator("weights", name, str(every.seed)).integers(2**31))
        network: Any = DetectorNet(params, seed)
        self.network: DetectorNet = network.to(self.device, memory_format=torch.channels_last)
        self.optimizer = self._optimizer()
        self.heldout = Validation(pack, params, every.seed, without)
        self.best: dict[str, Any] | None = None
        self.best_at, self.best_aucs, self.last_aucs = 0, dict[str, float](), dict[str, float]()
        index = hashlib.sha256(json.dumps(pack.rows).encode()).hexdigest()
        self.identity = json.dumps(
            [name, without, every.seed, params.model_dump(mode="json"), index], sort_keys=True
        )

    def run(self) -> Trained:
        begun = self._resume()
        losses = TrainingLog(self.folder / "loss.jsonl", begun)
        validations = TrainingLog(self.folder / "validation.jsonl", begun)
        steps = self.params.steps
        self.network.train()
        with _sigterm() as stopping, self._stream(begun) as stream:
            for step, batch in zip(range(begun, steps), stream, strict=True):
                value = self._step(step, batch)
                done = step + 1
                losses.add(done, loss=value)
                due = done % self.params.validate_steps == 0 or done == steps
                if due and (aucs := self._validate(done)):
                    validations.add(done, **aucs)
                if self.tell is not None and (done % self.every.log_steps == 0 or done == steps):
                    self.tell(self.name, done, steps, value)
                drain = stopping.is_set() and done < steps
                if drain or done % self.every.checkpoint_steps == 0 or done == steps:
                    self._save(done)
                if drain:
                    raise DrainedError(
                        f"SIGTERM: train.{self.name} stopped after step {done} of {steps}; a checkpoint "
                        "is saved"
                    )
        if self.params.keep == "best" and self.best is not None:
            self.network.load_state_dict(self.best)
            return Trained(self.network.cpu().eval(), self.best_at, self.best_aucs)
        return Trained(self.network.cpu().eval(), steps, self.last_aucs)

    def _optimizer(self) -> torch.optim.Optimizer:
        params = self.params
        groups: list[dict[str, Any]] = []
        for part, lr in (("backbone", params.backbone_lr), ("head", params.lr)):
            weights = [
                weight
                for name, weight in self.network.named_parameters()
                if weight.requires_grad and name.startswith("backbone.") == (part == "backbone")
            ]
            for decay, some in (
                (params.weight_decay, [weight for weight in weights if weight.ndim > 1]),
                (0.0, [weight for weight in weights if weight.ndim <= 1]),
            ):
                if some:
                    groups.append({"params": some, "lr": lr, "peak": lr, "weight_decay": decay})
        return (
            torch.optim.AdamW(groups)
            if params.optimizer == "adamw"
            else torch.optim.SGD(groups, momentum=0.9)
        )

    @contextmanager
    def _stream(self, begun: int) -> Iterator[Iterable[Batch]]:
        """The batches from a step on, the next one made meanwhile where there are threads."""
        if not self.every.threads:
            yield (self.batches.batch(step) for step in range(begun, self.params.steps))
            return
        with ThreadPoolExecutor(self.every.threads) as pool, ThreadPoolExecutor(1) as ahead:

            def made() -> Iterator[Batch]:
                coming: Future[Batch] | None = None
                for step in range(begun, self.params.steps):
                    batch = coming.result() if coming else self.batches.batch(step, pool.map)
                    if step + 1 < self.params.steps:
                        coming = ahead.submit(self.batches.batch, step + 1, pool.map)
                    yield batch

            yield made()

    def _step(self, step: int, batch: Batch) -> float:
        params = self.params
        factor = lr_factor(step, params.steps, params.warmup_share, params.final_lr_share)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        labels, masks, known = (
            torch.from_numpy(values).to(self.device, non_blocking=True)
            for values in (batch.labels, batch.masks, batch.known)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            outputs = self.network(self._pixels(batch.pixels))
        total = loss(outputs, labels, masks, known, params.mask_weight)
        total.backward()  # type: ignore[no-untyped-call]
        norm = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), params.clip))
        value = float(total.detach())
        if not np.isfinite([value, norm]).all():
            raise ConfigurationError(
                f"Step {step + 1} of train.{self.name} has loss {value} and gradient norm {norm}: lower "
                f"train.{self.name}.lr and backbone_lr."
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return value

    def _pixels(self, pixels: Any) -> torch.Tensor:
        moved = torch.from_numpy(pixels).to(self.device, non_blocking=True)
        return normalized(moved, self.network).contiguous(memory_format=torch.channels_last)

    def _validate(self, done: int) -> dict[str, float]:
        self.network.eval()
        with torch.inference_mode():
            aucs = self.heldout.aucs(
                lambda pixels: self.network(self._pixels(pixels))[0].float().cpu().numpy()
            )
        self.network.train()
        if aucs and (not self.best_aucs or _mean(aucs) > _mean(self.best_aucs)):
            self.best = copy.deepcopy(self.network.state_dict())
            self.best_at, self.best_aucs = done, aucs
        self.last_aucs = aucs
        return aucs

    def _save(self, step: int) -> None:
        state = {
            "identity": self.identity,
            "step": step,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "best_at": self.best_at,
            "best_aucs": self.best_aucs,
            "last_aucs": self.last_aucs,
        }
        path = self.folder / "checkpoint.pt"
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        if self.kept is not None:
            # the logs first: a log that is ahead of its checkpoint is cut, one that is behind has a hole
            for log in sorted(self.folder.glob("*.jsonl")):
                self.kept(log)
            self.kept(path)

    def _resume(self) -> int:
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return 0
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["identity"] != self.identity:
            raise ConfigurationError(f"{path} was made with other parameters or data: take another folder.")
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best, self.best_at = state["best"], state["best_at"]
        self.best_aucs, self.last_aucs = state["best_aucs"], state["last_aucs"]
        return int(state["step"])


class Validation:
    """Crops of the validation split, as they are: real ones, and forged ones of every method.

    Where forged faces are made in the step, every real crop is self-blended once, always alike.
    """

    def __init__(self, pack: CropPack, params: NetworkTrainParams, seed: int, without: str | None) -> None:
        self._pack, self._side, self._seed = pack, params.side, seed
        rng = generator("validation", str(seed))
        rows = [(number, row) for number, row in enumerate(pack.rows) if row["split"] == "validation"]
        real = [number for number, row in rows if row["label"] == 0]
        self.real = _some(real, params.validation_crops, rng)
        self.forged: dict[str, list[int]] = {}
        if params.forged != "self_blend":
            found: dict[str, list[int]] = {}
            for number, row in rows:
                if row["label"] == 1 and trains_on(row, params.families, without):
                    found.setdefault(row["method"] or "", []).append(number)
            share = max(1, params.validation_crops // max(1, len(found)))
            self.forged = {method: _some(found[method], share, rng) for method in sorted(found)}
        self.blended = (
            [number for number in self.real if blendable(pack.rows[number])]
            if params.forged != "rows"
            else []
        )

    def aucs(self, score: Callable[[Any], Any]) -> dict[str, float]:
        """Method → AUC of its crops against the real ones; empty where one of both is missing.

        Args:
            score: pixels (n, side, side, 3) to n log-odds.
        """
        if not self.real or not (self.forged or self.blended):
            return {}
        real = self._scores(self.real, score, False)
        scores = {method: self._scores(some, score, False) for method, some in self.forged.items()}
        if self.blended:
            scores[f"{SELF_BLEND} (made in the step)"] = self._scores(self.blended, score, True)
        return {method: _auc(values, real) for method, values in scores.items()}

    def _scores(self, numbers: list[int], score: Callable[[Any], Any], blends: bool) -> Any:
        parts = []
        for start in range(0, len(numbers), _EVAL_BATCH):
            images = []
            for number in numbers[start : start + _EVAL_BATCH]:
                crop = self._pack.crop(number)
                image = crop.image
                if blends:
                    row = self._pack.rows[number]
                    rng = generator("validation", str(self._seed), row["media_id"], str(row["frame"]))
                    image = self_blend(crop, rng).image
                images.append(fitted(image, self._side))
            parts.append(score(np.stack(images)))
        return np.concatenate(parts)


def _auc(forged: Any, real: Any) -> float:
    labels = np.concatenate([np.ones(len(forged), int), np.zeros(len(real), int)])
    return float(roc_auc(Ranking(labels, np.concatenate([forged, real])).curve()))


def _mean(aucs: Mapping[str, float]) -> float:
    return sum(aucs.values()) / len(aucs)


def _some(numbers: list[int], most: int, rng: np.random.Generator) -> list[int]:
    if len(numbers) <= most:
        return numbers
    return sorted(numbers[place] for place in rng.choice(len(numbers), most, replace=False))


@contextmanager
def _sigterm() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, in place of the end of the process."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
