"""Checkpoints of a training: weights, optimizer, moving average, place in the data. Atomic, the last few
kept.

A checkpoint is a folder `step-00000200` with the sharded state (torch.distributed.checkpoint; any number of
devices can read it) and `trainer.json`. It is written under another name and renamed when whole. Several
nodes need a folder that all of them see.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict

from components.core.errors import ConfigurationError
from components.distill.parallel import Devices

_MARKER: Final = "trainer.json"
_PARTIAL: Final = ".partial"


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: made where it does not exist.
        keep: newest ones kept.
        identity: what a resumed training must have in common (parameters, data), as JSON values.
        devices: this process among the others; all of them call every method.
    """

    def __init__(self, folder: Path, keep: int, identity: dict[str, Any], devices: Devices) -> None:
        self.folder, self.keep, self.identity, self.devices = folder, keep, identity, devices

    def save(
        self, step: int, objective: Any, optimizer: Any, ema: dict[str, Any], extra: dict[str, Any]
    ) -> Path:
        """Write the checkpoint of `step` finished steps; remove the oldest ones.

        Args:
            ema: moving average by name of weight; empty where there is none.
            extra: JSON values that `load` gives back.
        """
        done = self.folder / f"step-{step:08}"
        if self.devices.agreed(_whole(done)):
            return done
        partial = done.with_suffix(_PARTIAL)
        if self.devices.rank == 0:
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(done, ignore_errors=True)
            partial.mkdir(parents=True)
        self.devices.wait()
        idle = [name for name, weight in objective.named_parameters() if weight not in optimizer.state]
        weights, moments = get_state_dict(objective, optimizer)
        state = {"weights": weights, "optimizer": moments, **({"ema": ema} if ema else {})}
        with _alone(self.devices):
            dcp.save(state, checkpoint_id=partial, no_dist=not self.devices.grouped)
        self.devices.wait()
        if self.devices.rank == 0:
            files = {path.name: path.stat().st_size for path in sorted(partial.iterdir())}
            marker = {"step": step, "identity": self.identity, "files": files, "idle": idle, "extra": extra}
            with (partial / _MARKER).open("w") as file:
                json.dump(marker, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(done)
            self._prune()
        self.devices.wait()
        return done

    def newest(self) -> Path | None:
        """The newest whole checkpoint, the same for every process; None where there is none."""
        found = None
        if self.devices.rank == 0 and self.folder.is_dir():
            found = next((path for path in self._all() if _whole(path)), None)
        return self.devices.agreed(found)  # type: ignore[no-any-return]

    def load(
        self, path: Path, objective: Any, optimizer: Any, ema: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """Put a checkpoint's state into model, optimizer and moving average; its step, and `extra`.

        Raises:
            ConfigurationError: where it was made with other parameters or data.
        """
        marker = json.loads((path / _MARKER).read_text())
        known, given = marker["identity"], json.loads(json.dumps(self.identity))
        if known != given:
            other = sorted(name for name in {**known, **given} if known.get(name) != given.get(name))
            raise ConfigurationError(
                f"{path} was made with another {', '.join(other)}: take those again, or another folder."
            )
        weights, moments = get_state_dict(objective, optimizer)
        state: dict[str, Any] = {"weights": weights, "optimizer": moments, **({"ema": ema} if ema else {})}
        with _alone(self.devices):
            # weights that never had a gradient (what a caption does not pass through) have no moments
            planner = DefaultLoadPlanner(allow_partial_load=True)
            dcp.load(state, checkpoint_id=path, planner=planner, no_dist=not self.devices.grouped)
        set_state_dict(
            objective, optimizer, model_state_dict=state["weights"], optim_state_dict=state["optimizer"]
        )
        named = dict(objective.named_parameters())
        for name in marker["idle"]:  # made up by get_state_dict, with a step too many
            optimizer.state.pop(named[name], None)
        return int(marker["step"]), marker["extra"]

    def _all(self) -> list[Path]:
        """Finished ones, the newest first."""
        paths = [path for path in self.folder.glob("step-*") if path.suffix != _PARTIAL]
        return sorted(paths, reverse=True)

    def _prune(self) -> None:
        for path in self._all()[self.keep :]:
            shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(f"step-*{_PARTIAL}"):
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _alone(devices: Devices) -> Iterator[None]:
    """Without torch's remark that a single process saves as a single process."""
    with warnings.catch_warnings():
        if not devices.grouped:
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _whole(path: Path) -> bool:
    """Whether every file that the marker names is there in its size."""
    try:
        marker = json.loads((path / _MARKER).read_text())
        return all((path / name).stat().st_size == size for name, size in marker["files"].items())
    except (OSError, ValueError, KeyError):
        return False
