"""What a cluster is and what it costs: the file that `kalemint plan --cluster` reads."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.core.errors import ConfigurationError


class Cluster(BaseModel):
    """Nodes of the CPU pool, the object store and their prices. Prices are yours to fill in: 0 by default."""

    model_config = ConfigDict(extra="forbid")

    nodes: int = Field(default=1, ge=1, description="nodes of the pool")
    cores: int = Field(default=2, ge=1, description="cores of a node")
    memory_gib: float = Field(default=8.0, gt=0, description="memory of a node, GiB")
    core_speed: float = Field(
        default=1.0, gt=0, description="speed of one of its cores, that of the pilot's machine being 1"
    )
    efficiency: float = Field(
        default=0.85,
        gt=0,
        le=1,
        description="share of a core's time that work gets (measure it on a real run)",
    )
    pod_start_s: float = Field(default=20.0, ge=0, description="seconds until a pod runs")
    price_per_node_hour: float = Field(default=0.0, ge=0, description="price of a node for an hour")
    price_per_gib_month: float = Field(default=0.0, ge=0, description="price of storing a GiB for a month")
    months_stored: float = Field(default=1.0, ge=0, description="months that all data of the run are kept")
    price_per_1000_writes: float = Field(default=0.0, ge=0, description="price of 1,000 PUT or LIST requests")
    price_per_1000_reads: float = Field(default=0.0, ge=0, description="price of 1,000 GET or HEAD requests")
    price_per_gib_egress: float = Field(default=0.0, ge=0, description="price of a GiB that leaves the store")
    release_copies_out: float = Field(
        default=1.0, ge=0, description="how often the release is copied out of the store"
    )
    currency: str = Field(default="USD", description="what prices are in")

    @property
    def all_cores(self) -> int:
        """Cores of all nodes."""
        return self.nodes * self.cores


def read_cluster(file: Path | None) -> Cluster:
    """The cluster that a YAML file describes; without a file, one like a laptop.

    Raises:
        ConfigurationError: naming the file and what is wrong in it.
    """
    if file is None:
        return Cluster()
    try:
        return Cluster.model_validate(yaml.safe_load(file.read_text()) or {})
    except OSError as error:
        raise ConfigurationError(f"The cluster file {file} can't be read: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"The cluster file {file} is no YAML: {error}") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"The cluster file {file} is wrong: {wrong}.") from None
