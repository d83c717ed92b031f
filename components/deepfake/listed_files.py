"""Reading a file that was listed before: what goes wrong with one is no reason to stop."""

from __future__ import annotations

from components.core.errors import BadRecord, ConfigurationError
from components.core.store import Stores
from components.deepfake.reasons import DeepfakeReason


def read_listed(uri: str, size: int, stores: Stores) -> bytes:
    """The bytes of a file, one more than it had if it grew.

    Args:
        size: bytes that it had when it was listed.

    Raises:
        BadRecord: UNREADABLE.
        ConfigurationError: for a store that can't be used.
    """
    try:
        with stores.open(uri, 0, size + 1) as stream:
            return stream.read()
    except (OSError, ValueError) as error:
        raise BadRecord(DeepfakeReason.UNREADABLE, f"{type(error).__name__}: {error}") from None
    except ConfigurationError as error:
        if not uri.startswith("file://"):
            raise
        # one file without permission is no reason to stop
        raise BadRecord(DeepfakeReason.UNREADABLE, str(error)) from None
