"""Commands that are watched and killed while they run, and never waited for without end."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence

from tests.conftest import REPOSITORY

LIMIT_S = 300
"""A command that takes longer hangs: a slow machine needs a tenth of it."""


class Running(subprocess.Popen[bytes]):
    """A command whose standard error goes to a file: a pipe that nobody reads would stop it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - read when the command has ended
        super().__init__(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,
        )

    def stderr_text(self) -> str:
        """What it has written to standard error so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def ended(self) -> int:
        """Wait for its end; its exit status."""
        try:
            return self.wait(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"no end after {LIMIT_S} s: {self.stderr_text()}") from None

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that it is to do."""
        limit = time.monotonic() + LIMIT_S
        while not condition():
            assert self.poll() is None, f"ended with {self.returncode} before: {self.stderr_text()}"
            assert time.monotonic() < limit, f"not done after {LIMIT_S} s: {self.stderr_text()}"
            time.sleep(0.02)
