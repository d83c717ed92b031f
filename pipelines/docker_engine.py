"""The Docker engine of this machine: whether it answers, the images it has, the networks it has.

What it refuses becomes one sentence that says what to change.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from components import __version__
from components.core.errors import ConfigurationError, KalemintError

if TYPE_CHECKING:
    import docker

VERSION_LABEL: Final = "org.opencontainers.image.version"


def connect() -> docker.DockerClient:
    """A client of the Docker engine that DOCKER_HOST names, or that this machine runs.

    Raises:
        ConfigurationError: where there is none that answers, or the Python package `docker` is not there.
    """
    try:
        import docker
    except ImportError:
        raise ConfigurationError(
            "--runner docker needs the Python package docker: pip install docker."
        ) from None
    place = os.environ.get("DOCKER_HOST") or "/var/run/docker.sock"
    try:
        return docker.from_env()
    except (docker.errors.DockerException, OSError) as error:
        why = (
            "it may not be opened by this user" if "Permission denied" in str(error) else "it does not answer"
        )
        raise ConfigurationError(
            f"There is no Docker engine at {place}: {why}. Start it, or name another in DOCKER_HOST; "
            "--runner subprocess needs none."
        ) from None


def pipeline_images(pipeline: str) -> list[str]:
    """The images that the tasks of a pipeline run in."""
    from pipelines.registry import pipeline_function

    spec = pipeline_function(pipeline).pipeline_spec
    executors = spec.deployment_spec["executors"]
    return sorted({executors[name]["container"]["image"] for name in executors})


def _is_on_a_registry(image: str) -> bool:
    """Whether a name says from which registry an image is; without one it would be Docker Hub's."""
    host, slash, _ = image.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost")


def check_image(client: docker.DockerClient, image: str) -> None:
    """Have an image on this machine that is of this version.

    Raises:
        ConfigurationError: for an image without a version, that is not there, or of another version.
    """
    import docker

    if "@" not in image and ":" not in image.rpartition("/")[2]:
        raise ConfigurationError(f"The image {image} names no version: write {image}:{__version__}.")
    try:
        found = client.images.get(image)
    except docker.errors.ImageNotFound:
        if not _is_on_a_registry(image):
            raise ConfigurationError(
                f"The image {image} is not on this machine: `make images` builds it, or KALEMINT_IMAGE, "
                "KALEMINT_TORCH_IMAGE and KALEMINT_VLLM_IMAGE name others."
            ) from None
        found = _pull(client, image)
    version = found.labels.get(VERSION_LABEL)
    if version and version != __version__:
        raise ConfigurationError(
            f"The image {image} holds kalemint {version}, and this is {__version__}: build it again with "
            "`make images`."
        )


def _pull(client: docker.DockerClient, image: str) -> Any:
    import docker

    try:
        client.images.pull(image)
        return client.images.get(image)
    except docker.errors.APIError as error:
        raise ConfigurationError(f"The image {image} can't be pulled: {error.explanation}") from None


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def choose_network(client: docker.DockerClient, asked: str | None, addresses: Iterable[str]) -> str:
    """The network that containers are put on: what is asked for, else bridge, or host where there is none.

    Args:
        addresses: what the containers must reach.

    Raises:
        ConfigurationError: for an address of this machine, which only the network `host` reaches.
    """
    network = asked or ("bridge" if has_bridge(client) else "host")
    if network != "host":
        for address in addresses:
            if _is_loopback(address):
                raise ConfigurationError(
                    f"{address} is an address of this machine, which containers on the network "
                    f"{network!r} do not reach: --docker network=host."
                )
    return network


def has_bridge(client: docker.DockerClient) -> bool:
    """Whether the engine has the network that containers are put on usually."""
    return any(network.name == "bridge" for network in client.networks.list(names=["bridge"]))


def explained(error: Exception, image: str) -> KalemintError:
    """The engine's word on a container, as a sentence."""
    said = str(getattr(error, "explanation", None) or error)
    if "bind source path does not exist" in said:
        return ConfigurationError(
            f"The Docker engine does not see a file of this machine ({said}): it must run on this machine, "
            "or share its folders."
        )
    if "could not select device driver" in said:
        return ConfigurationError(
            "The Docker engine has no GPUs to give: --docker gpus= needs NVIDIA's toolkit."
        )
    if getattr(error, "status_code", None) in (400, 404, 409, 500):
        return ConfigurationError(f"The Docker engine can't run a container of {image}: {said}")
    return KalemintError(f"The Docker engine stopped answering: {said}")
