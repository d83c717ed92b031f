"""Fixtures that several test folders share."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from components.core.torchvision_ops import mend_torchvision

mend_torchvision()  # some tests import transformers themselves

# how long an example takes is the machine's affair
settings.register_profile("kalemint", deadline=None)
settings.load_profile("kalemint")

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_make_parametrize_id(val: object) -> str | None:
    """Short names for long bytes: those of a gzip file hold the time, and workers must agree on names."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) and len(val) > 12 else None


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The research corpora: real pages, papers and images that may not be redistributed.

    They are looked for where KALEMINT_CORPORA says, else in `../shared/corpora`; a test that needs
    them is skipped where they are absent.
    """
    folder = Path(os.environ.get("KALEMINT_CORPORA", REPOSITORY.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"no corpora at {folder}; set KALEMINT_CORPORA to their folder")
    return folder


@dataclass(frozen=True)
class S3Server:
    """A real S3 server on loopback, with the credentials that open it."""

    endpoint: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }


def _free_ports(count: int) -> list[int]:
    # each service of SeaweedFS also listens on its port + 10000
    with ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if 12000 < port < 55000:
                ports.append(port)
        return ports


def _start_s3(folder: Path) -> tuple[S3Server, subprocess.Popen[bytes]]:
    """Start SeaweedFS, from its PyPI package, on free ports.

    Raises:
        OSError: with the end of its log, where it does not start.
    """
    s3, master, volume, filer, *others = _free_ports(9)
    server = S3Server(f"http://127.0.0.1:{s3}", "kalemint-test", uuid.uuid4().hex)
    weed = str(Path(sys.executable).with_name("weed"))
    command = [
        weed, "-logtostderr=true", "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        "-admin.ui=false", "-webdav=false", f"-s3.port={s3}", f"-master.port={master}",
        f"-volume.port={volume}", f"-filer.port={filer}",
    ]  # fmt: skip
    extra = ("-s3.port.iceberg", "-s3.port.grpc", "-filer.port.grpc", "-volume.port.grpc", "-admin.port")
    command += [f"{flag}={port}" for flag, port in zip(extra, others, strict=True)]
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **server.environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(server.endpoint, timeout=1).close()
        except urllib.error.HTTPError:
            return server, process  # it answers: anonymous access is refused
        except OSError:
            time.sleep(0.1)
        else:
            return server, process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    raise OSError(f"the S3 server does not start:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server on loopback."""
    for attempt in (1, 2, 3):  # a port that was free a moment ago may be taken
        try:
            server, process = _start_s3(tmp_path_factory.mktemp("seaweedfs"))
            break
        except OSError:
            if attempt == 3:
                raise
    yield server
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def s3_bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, with the environment set so that `s3://NAME` opens it."""
    from minio import Minio

    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    name = f"test-{uuid.uuid4().hex[:12]}"
    client = Minio(
        s3_server.endpoint.removeprefix("http://"),
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
        secure=False,
        region="us-east-1",
    )
    client.make_bucket(name)
    return name
