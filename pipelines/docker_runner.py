"""`kalemint run --runner docker`: each task in a container of the image that a cluster would run it in.

kfp.local plans the tasks; how a container is run is ours. kfp has the engine remove a container when it
ends and takes a container that is gone for one that succeeded, so that a quick failure is now and then a
success. Here a container is removed after its exit status was read.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from components import __version__
from components.core.errors import ConfigurationError, KalemintError
from components.core.progress import EVENTS_VARIABLE
from components.core.runner import DRAINED_EXIT, DrainedError
from components.core.task import BASE_IMAGE, read_params
from pipelines.docker_engine import check_image, choose_network, connect, explained, pipeline_images
from pipelines.docker_mounts import Mounts, addresses, key_variables, passed_environment, run_mounts
from pipelines.run_record import RunRecord

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

OUT_LABEL: Final = "io.kalemint.out"
COMMAND_LABEL: Final = "io.kalemint.command"
"""Host and process id of the command that started a container."""
_KILLED: Final = 137
_DRAIN_S: Final = 5.0
"""How long a container may take to start its task before SIGTERM is given up on."""
_TERMINATE: Final = ["sh", "-c", "kill -TERM $(cat /proc/1/task/1/children)"]
"""The first process of a container is the shell of KFP, which SIGTERM does not reach; its child drains."""


class DockerParams(BaseModel):
    """How the containers of a run are started."""

    model_config = ConfigDict(extra="forbid")

    network: str | None = Field(
        default=None,
        min_length=1,
        description="network of the containers: bridge, host, none or one that was made; null: bridge, or "
        "host where the engine has no bridge",
    )
    memory: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]*[bkmgBKMG]?$",
        description="memory of one container, such as 4g; null: all of the machine's",
    )
    shm_size: str = Field(
        default="1g",
        pattern=r"^[1-9][0-9]*[bkmgBKMG]?$",
        description="shared memory of one container, which loaders of training data pass batches in",
    )
    gpus: str | None = Field(
        default=None,
        pattern=r"^(all|[1-9][0-9]*)$",
        description="GPUs of containers that caption or train: all, or how many; null: none",
    )


def docker_params(settings: Sequence[str]) -> DockerParams:
    """The parameters out of `name=value` texts.

    Raises:
        ConfigurationError: naming the one that is wrong.
    """
    values = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ConfigurationError(f"--docker {setting}: write it as name=value, such as network=host.")
        values[name.strip()] = value.strip()
    params = read_params(DockerParams, values, "docker")
    assert isinstance(params, DockerParams)
    return params


def _is_alive(command: str) -> bool:
    """Whether the command that a label names may still run: on another machine nobody knows."""
    host, _, process = command.rpartition("/")
    return host != socket.gethostname() or Path("/proc", process).exists()


class Containers:
    """Runs the tasks of one run in containers.

    Args:
        record: the run.
        params: how containers are started.

    Raises:
        ConfigurationError: where they can't be: no engine, no image, a path that can't be mounted.
    """

    def __init__(self, record: RunRecord, params: DockerParams) -> None:
        self.problem: KalemintError | None = None
        """Why a task failed that could not say so itself."""
        self._client = connect()
        self._record = record
        self._params = params
        self._lock = threading.Lock()
        self._running: dict[str, Container] = {}
        self._end: str | None = None  # "drain" or "stop" once no more containers may start
        info = self._client.info()
        self._security = info.get("SecurityOptions") or []
        stores = [os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")]
        self._network = choose_network(self._client, params.network, [*addresses(record), *stores])
        for image in pipeline_images(record.pipeline):
            check_image(self._client, image)
        self._environment, files = passed_environment(key_variables(record.config), os.environ)
        self._mounts: Mounts = {**files, **run_mounts(record)}
        self._remove_abandoned()

    def _labels(self) -> dict[str, str]:
        return {
            OUT_LABEL: self._record.out,
            COMMAND_LABEL: f"{socket.gethostname()}/{os.getpid()}",
            "app.kubernetes.io/version": __version__,
        }

    def _remove_abandoned(self) -> None:
        """Remove containers of this run whose command was killed: they would work on beside the new ones."""
        import docker

        for container in self._client.containers.list(
            all=True, filters={"label": f"{OUT_LABEL}={self._record.out}"}
        ):
            if not _is_alive(container.labels.get(COMMAND_LABEL, "")):
                with contextlib.suppress(docker.errors.APIError):
                    container.remove(force=True)

    # what pipelines.local asks of whatever runs tasks

    def kfp_runner(self) -> Any:
        """The runner for `kfp.local.init`."""
        from kfp import local

        return local.DockerRunner()

    @contextlib.contextmanager
    def opened(self, folder: Path, events: Path) -> Iterator[None]:
        """For as long as tasks may be started.

        Args:
            folder: the run's own temporary folder; containers have their home in it.
            events: file in it that tasks report to.
        """
        from kfp.local import docker_task_handler

        home = folder / "home"
        home.mkdir()
        self._mounts[folder] = True
        self._environment |= {
            EVENTS_VARIABLE: str(events),
            "HOME": str(home),
            "TMPDIR": str(home),
            "USER": "kalemint",  # the image knows no name for this user's number, and torch asks for one
            "PYTHONSAFEPATH": "1",  # the code is the image's, not that of the folder this is run in
            "PYDANTIC_DISABLE_PLUGINS": os.environ.get("PYDANTIC_DISABLE_PLUGINS", "__all__"),
        }
        if self._params.network is None and self._network == "host":
            said = "the engine has no bridge network: containers share the network of this machine"
            with events.open("a") as file:
                file.write(json.dumps({"event": "notice", "step": "docker", "line": said}) + "\n")
        theirs = docker_task_handler.run_docker_container
        docker_task_handler.run_docker_container = self._run
        try:
            yield
        finally:
            docker_task_handler.run_docker_container = theirs
            self._client.close()

    def drain(self, _: Any) -> None:
        """Start no further container, and pass SIGTERM on to the tasks of those that run."""
        self._end = self._end or "drain"
        # in a thread of its own: this is called by a signal handler, which must not wait for a lock
        threading.Thread(target=self._terminate, daemon=True).start()

    def stop(self) -> None:
        """Start no further container, and remove those that run."""
        self._end = "stop"
        with self._lock:
            running = list(self._running.values())
        for container in running:
            self._remove(container)

    # one container

    def _terminate(self) -> None:
        import docker

        with self._lock:
            running = list(self._running.values())
        deadline = time.monotonic() + _DRAIN_S
        while running and time.monotonic() < deadline:
            for container in running[:]:
                try:
                    started = container.exec_run(_TERMINATE).exit_code == 0
                    gone = False
                except docker.errors.APIError:
                    started, gone = False, container.id not in self._running
                if started or gone:
                    running.remove(container)
            time.sleep(0.1)

    def _run(
        self, client: docker.DockerClient, image: str, command: list[str], volumes: Any, **_: Any
    ) -> int:
        """What `kfp.local` calls to run a task: the exit status of its container.

        `volumes` is kfp's word for where it keeps the tasks' outputs, which is in the run's own folder.
        """
        import docker
        import requests

        try:
            status = self._run_to_its_end(client, image, command)
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            status = 1
            if self._end is None:
                self._fail(explained(error, image))
        return status

    def _run_to_its_end(self, client: docker.DockerClient, image: str, command: list[str]) -> int:
        with self._lock:  # held, so that whoever ends the run finds every container that was made
            if self._end is not None:
                return self._ended()
            container = client.containers.create(image, command, **self._options(image))
            self._running[str(container.id)] = container
        try:
            container.start()
            decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
            for block in container.logs(stream=True, follow=True):
                print(decoder.decode(block), end="")  # noqa: T201 - to the log of the tasks
            status = int(container.wait()["StatusCode"])
            if status:
                container.reload()
                self._judge(status, container.attrs["State"].get("OOMKilled", False))
            return status
        finally:
            with self._lock:
                self._running.pop(str(container.id), None)
            self._remove(container)

    def _options(self, image: str) -> dict[str, Any]:
        from docker.types import DeviceRequest, LogConfig, Mount

        rootless = any("rootless" in option for option in self._security)
        options: dict[str, Any] = {
            "entrypoint": [],  # as on a cluster: the task's command is the whole command
            "environment": self._environment,
            # not `volumes`: for a path that is not there the engine would make a folder of root's
            "mounts": [
                Mount(str(path), str(path), type="bind", read_only=not writable)
                for path, writable in sorted(self._mounts.items())
            ],
            # without a daemon of root's, root in a container is the user outside
            "user": "0:0" if rootless else f"{os.getuid()}:{os.getgid()}",
            "group_add": [] if rootless else [str(group) for group in os.getgroups()],
            "working_dir": str(Path.cwd()),  # configurations may name relative paths
            "network_mode": self._network,
            "shm_size": self._params.shm_size,
            "mem_limit": self._params.memory,
            "security_opt": ["no-new-privileges"],
            "log_config": LogConfig(type="json-file"),  # other drivers can't be read back
            "labels": self._labels(),
        }
        if any("selinux" in option for option in self._security):
            options["security_opt"].append("label=disable")
        if self._params.gpus is not None and image != BASE_IMAGE:
            count = -1 if self._params.gpus == "all" else int(self._params.gpus)
            options["device_requests"] = [DeviceRequest(count=count, capabilities=[["gpu"]])]
        return options

    def _judge(self, status: int, out_of_memory: bool) -> None:
        """Put into words what a container that failed could not say."""
        if self._end is not None or status == DRAINED_EXIT:
            self._ended()
        elif out_of_memory:
            limit = self._params.memory or "the machine's memory"
            self._fail(
                KalemintError(
                    f"A task was killed: it needed more than {limit}. --docker memory= gives it more."
                )
            )
        elif status == _KILLED:
            self._fail(KalemintError("A task's container was killed from outside; the same command goes on."))

    def _ended(self) -> int:
        self._fail(DrainedError("Stopped on request; run the same command again to go on."))
        return DRAINED_EXIT

    def _fail(self, problem: KalemintError) -> None:
        self.problem = self.problem or problem

    @staticmethod
    def _remove(container: Container) -> None:
        import docker

        with contextlib.suppress(docker.errors.NotFound):
            try:
                container.remove(force=True, v=True)
            except docker.errors.APIError as error:
                if error.status_code != 409:  # it is being removed by somebody else
                    raise
