"""The last resort: an error of this program becomes the outcome of one observation, and the round continues.

`wire` and `certificates` must not raise for anything that a server sends. If one of them does all the same, the
observations of other servers must not be lost. Only this module catches every exception; the reason that it gives asks
the user to report the error.
"""

import hashlib
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Final, TypeVar

from toolkit import schema
from toolkit.certificates import parse_certificate

OUTCOME: Final = "cannot_offer"
"""The outcome of an observation that an error of this program ended; it says nothing about the server."""

_Result = TypeVar("_Result")


def contain(call: Callable[[], _Result], otherwise: Callable[[str], _Result]) -> _Result:
    """The result of `call`; where it raises, the result of `otherwise` with the reason."""
    try:
        return call()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  a panic of a library in Rust is not an Exception
        return otherwise(explain(error))


def explain(error: BaseException) -> str:
    """The error as a reason, with the file and line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"an error in tls-toolkit, please report it: {type(error).__name__}{place}: {error}"


def read_certificate(der: bytes) -> tuple[dict[str, object], str | None]:
    """The certificate as a row, and None; where an error of this program prevents that, a bare row and the reason.

    A bare row holds the DER, its hash, and the reason as `parse_error`.
    """

    def unread(reason: str) -> tuple[dict[str, object], str | None]:
        row: dict[str, object] = dict.fromkeys(column.name for column in schema.TABLES["certificates"])
        row |= {"cert_sha256": hashlib.sha256(der).hexdigest(), "der": der, "parse_error": reason}
        return row, reason

    return contain(lambda: (parse_certificate(der), None), unread)
