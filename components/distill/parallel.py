"""One device or many: process group, sharding of the weights (FSDP 2), sums over devices.

Started by torchrun, every process takes a device (NCCL) or, without GPUs, the processor (Gloo). On a GPU the
weights are sharded even where it is the only one: the same code, the same mixed precision. Only a single
process on a processor goes without a process group.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard


class Devices:
    """This process's device and its place among the others.

    Args:
        grouped: make a process group even for a single process on a processor (mixed precision needs it).

    Attributes:
        device: where tensors go.
        rank, world: which process, of how many.
    """

    def __init__(self, grouped: bool = False) -> None:
        under_torchrun = "RANK" in os.environ and "WORLD_SIZE" in os.environ
        self.rank = int(os.environ["RANK"]) if under_torchrun else 0
        self.world = int(os.environ["WORLD_SIZE"]) if under_torchrun else 1
        cuda = torch.cuda.is_available()
        self.device = (
            torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
        )
        if cuda:
            torch.cuda.set_device(self.device)
        self._own = False
        if not dist.is_initialized() and (under_torchrun or cuda or grouped):
            backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
            if under_torchrun:
                dist.init_process_group(backend)
            else:
                dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
            self._own = True
        self.grouped = bool(dist.is_initialized())

    @property
    def name(self) -> str:
        """What the device is called, for the log."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def shard(self, objective: nn.Module, precision: torch.dtype) -> None:
        """Spread the weights (float32) over the devices, a layer at a time; products run in `precision`."""
        student: Any = objective.student
        objective.to(self.device)
        if not self.grouped:
            return
        mesh = init_device_mesh(self.device.type, (self.world,))
        policy = MixedPrecisionPolicy(param_dtype=precision, reduce_dtype=torch.float32)
        for layer in layers(student):
            fully_shard(layer, mesh=mesh, mp_policy=policy)
        fully_shard(objective, mesh=mesh, mp_policy=policy)

    def sums(self, *values: float) -> list[float]:
        """Each value, summed over the devices."""
        if self.world == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(tensor)
        return [float(value) for value in tensor]

    def agreed(self, value: Any) -> Any:
        """What the first process says."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    def all(self, value: Any) -> list[Any]:
        """What every process says, in the order of their ranks."""
        if self.world == 1:
            return [value]
        box: list[Any] = [None] * self.world
        dist.all_gather_object(box, value)
        return box

    def wait(self) -> None:
        """Until every process is here."""
        if self.world > 1:
            dist.barrier()

    def close(self) -> None:
        """Leave the process group, where it was made here."""
        if self._own:
            dist.destroy_process_group()


def layers(student: Any) -> list[nn.Module]:
    """The layers of tower and language model, which are sharded, compiled and checkpointed one by one."""
    return [*student.model.vision_tower.encoder.layers, *student.model.language_model.layers]


@contextmanager
def gathered(objective: Any) -> Iterator[None]:
    """What no layer holds (embeddings, head, projector), whole on every device: for calls past `forward`."""
    sharded = hasattr(objective, "unshard")
    if sharded:
        objective.unshard()
    try:
        yield
    finally:
        if sharded:
            objective.reshard()
