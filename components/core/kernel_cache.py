"""A place for numba's compiled code where neither the package nor the user's cache can be written."""

from __future__ import annotations

import os
import stat
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

VARIABLE: Final = "NUMBA_CACHE_DIR"


def ensure_kernel_cache(package: Path, environ: MutableMapping[str, str]) -> None:
    """Name a cache folder in the environment if numba would find none, which it takes for an error.

    A container with a read-only file system is such a place. An image can hold compiled code and name
    it in `NUMBA_CACHE_DIR`; else code is compiled once a container, in the temporary folder.

    Args:
        package: folder of the package whose code is compiled.
        environ: what numba will read.
    """
    if environ.get(VARIABLE):
        return
    home = Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/")) / ".cache")
    if not (_writable(package / "__pycache__") or _writable(home / "numba")):
        environ[VARIABLE] = str(_private_folder())


def _writable(folder: Path) -> bool:
    probe = folder / f".kalemint-{os.getpid()}"  # tempfile would cost every process 10 ms to import
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def _private_folder() -> Path:
    """A folder that nobody else can write: what lies there is run."""
    import tempfile

    folder = Path(tempfile.gettempdir()) / f"kalemint-numba-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return folder if mine else Path(tempfile.mkdtemp(prefix="kalemint-numba-"))
