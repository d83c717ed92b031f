from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from components.core.kernel_cache import VARIABLE, ensure_kernel_cache

NOWHERE = Path("/proc/nothing-can-be-made-here")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_where_the_package_can_be_written_nothing_is_set(tmp_path: Path) -> None:
    environ = {"HOME": str(NOWHERE)}
    ensure_kernel_cache(tmp_path / "package", environ)
    assert VARIABLE not in environ


def test_where_the_user_has_a_cache_nothing_is_set(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    ensure_kernel_cache(NOWHERE, environ)
    assert VARIABLE not in environ


def test_what_is_set_stays() -> None:
    environ = {VARIABLE: "/elsewhere", "HOME": str(NOWHERE)}
    ensure_kernel_cache(NOWHERE, environ)
    assert environ[VARIABLE] == "/elsewhere"


def test_a_read_only_container_gets_a_folder_of_its_own(temporary: Path) -> None:
    environ = {"HOME": str(NOWHERE)}
    ensure_kernel_cache(NOWHERE, environ)
    folder = Path(environ[VARIABLE])
    assert folder == temporary / f"kalemint-numba-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_others_can_write_is_not_trusted(temporary: Path) -> None:
    planted = temporary / f"kalemint-numba-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    environ = {"HOME": str(NOWHERE)}
    ensure_kernel_cache(NOWHERE, environ)
    assert Path(environ[VARIABLE]) != planted
