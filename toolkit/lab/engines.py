"""TLS implementations that this project did not write, behind one interface.

Each reports the certificate before its bytes are sent, because an observing client leaves in the middle of the
handshake. What is reported is what the implementation sends, not what it was configured with.
"""

import importlib
import socket
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from toolkit.extras import require_extras
from toolkit.lab.authority import Issued
from toolkit.lab.dialogues import Stream
from toolkit.lab.tls_settings import TLS_SETTINGS, TlsSettings

Note = Callable[[str, object], None]
"""Called with a column of the log and its value: `server_name`, `protocol`, or `der`, the leaf that is sent."""


Hosts = Mapping[str, tuple[Issued, ...]]
"""Host, lower case → certificates for clients that name it."""


class Implementation(Protocol):
    """A TLS server with at most one certificate per key type, and its settings.

    `hosts` has the certificates for clients that ask for a host (RFC 6066, section 3); other clients get `issued`.
    """

    def __init__(self, settings: TlsSettings, issued: tuple[Issued, ...], hosts: Hosts) -> None: ...

    def secure(self, connection: socket.socket, note: Note) -> Stream:
        """Do the handshake as the server. Errors of the client raise one of `failures`."""
        ...


# Implementation → our module and class. All but `ssl` need a package of the extra `lab`.
_MODULES: Final = {
    "ssl": ("toolkit.lab.python_ssl", "PythonSsl"),
    "pyopenssl": ("toolkit.lab.pyopenssl", "PyOpenSsl"),
    "tlslite": ("toolkit.lab.tlslite_ng", "TlsliteNg"),
}


def check_installed(implementations: set[str]) -> None:
    """Raise `UsageError` if an implementation is not installed."""
    with require_extras("This scenario of the lab", "lab"):
        for implementation in sorted(implementations):
            importlib.import_module(_MODULES[implementation][0])


def set_up(implementation: str, settings: str, issued: tuple[Issued, ...], hosts: Hosts) -> Implementation:
    """The implementation of that name, ready for handshakes."""
    module, name = _MODULES[implementation]
    made: Implementation = getattr(importlib.import_module(module), name)(TLS_SETTINGS[settings], issued, hosts)
    return made


def failures(implementations: set[str]) -> tuple[type[Exception], ...]:
    """The exceptions that a client can cause in a handshake or in the dialogue around it."""
    raised = (importlib.import_module(_MODULES[implementation][0]).Failure for implementation in implementations)
    return (OSError, *raised)
