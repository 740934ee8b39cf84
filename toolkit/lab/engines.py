"""TLS by implementations that this project did not write, behind one call.

Each notes the certificate before its bytes leave, so that a client that goes away in the middle of the handshake, as
an instrument does, has still been served one. What is noted is what the implementation sends, not what it was given.
"""

import importlib
import importlib.util
import socket
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from toolkit.errors import LabError
from toolkit.lab.authority import Issued
from toolkit.lab.dialogues import Stream
from toolkit.lab.tls_settings import TLS_SETTINGS, TlsSettings

Note = Callable[[str, object], None]
"""Called with a column of the log and its value: `server_name`, `protocol`, or `der`, the leaf that is sent."""


Hosts = Mapping[str, tuple[Issued, ...]]
"""Host, lower case → certificates for clients that name it."""


class Implementation(Protocol):
    """An implementation, set up with certificates of at most one per key type, and a settings of speaking.

    `hosts` has those for clients that name a host (RFC 6066, section 3); whoever names none of them gets `issued`.
    """

    def __init__(self, settings: TlsSettings, issued: tuple[Issued, ...], hosts: Hosts) -> None: ...

    def secure(self, connection: socket.socket, note: Note) -> Stream:
        """Shake hands as a server. What the client does wrong raises one of `FAILURES`."""
        ...


# Implementation → our module around it, and the package that it is in (none: Python's own).
_MODULES: Final = {
    "ssl": ("toolkit.lab.python_ssl", None),
    "pyopenssl": ("toolkit.lab.pyopenssl", "OpenSSL"),
    "tlslite": ("toolkit.lab.tlslite_ng", "tlslite"),
}


def check_installed(implementations: set[str]) -> None:
    """Raise `LabError` where an implementation is not installed."""
    for implementation in sorted(implementations):
        package = _MODULES[implementation][1]
        if package is not None and importlib.util.find_spec(package) is None:
            raise LabError(
                f"This scenario runs servers of {implementation}, which is not installed. "
                "Install the lab's own: pip install 'tls-toolkit[lab]'."
            )


def set_up(implementation: str, settings: str, issued: tuple[Issued, ...], hosts: Hosts) -> Implementation:
    """The implementation of that name, ready to shake hands."""
    module = importlib.import_module(_MODULES[implementation][0])
    made: Implementation = module.Implementation(TLS_SETTINGS[settings], issued, hosts)
    return made


def failures(implementations: set[str]) -> tuple[type[Exception], ...]:
    """What a handshake or a conversation raises because of what the client did."""
    raised = (importlib.import_module(_MODULES[implementation][0]).Failure for implementation in implementations)
    return (OSError, *raised)
