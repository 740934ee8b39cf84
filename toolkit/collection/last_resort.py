"""The last resort: an error of this program becomes a fact of one observation, and the round goes on.

`wire` and `certificates` promise to raise nothing for what a server sends. Where one of them breaks the promise, one
server must not take the observations of all others with it. This is the one place that catches everything; the reason
that it gives asks to report the error.
"""

import hashlib
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Final, TypeVar

from toolkit import schema
from toolkit.certificates import parse_certificate

OUTCOME: Final = "cannot_offer"
"""How an observation ends that an error of this program ended: it is not the server's doing."""

_Result = TypeVar("_Result")


def contain(call: Callable[[], _Result], otherwise: Callable[[str], _Result]) -> _Result:
    """What `call` gives; where it raises, what `otherwise` makes of the reason."""
    try:
        return call()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  a panic of a library in Rust is not an Exception
        return otherwise(explain(error))


def explain(error: BaseException) -> str:
    """The error as a reason, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"an error in tls-toolkit, please report it: {type(error).__name__}{place}: {error}"


def read_certificate(der: bytes) -> tuple[dict[str, object], str | None]:
    """The certificate as a row, and the reason where an error of this program prevents that; mostly null.

    Such a row holds the DER and its hash, and the reason as `parse_error`.
    """

    def unread(reason: str) -> tuple[dict[str, object], str | None]:
        row: dict[str, object] = dict.fromkeys(column.name for column in schema.TABLES["certificates"])
        row |= {"cert_sha256": hashlib.sha256(der).hexdigest(), "der": der, "parse_error": reason}
        return row, reason

    return contain(lambda: (parse_certificate(der), None), unread)
