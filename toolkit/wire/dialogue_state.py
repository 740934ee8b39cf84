"""What every dialogue before TLS shares: its state, its kinds of ending, and the server's bytes as text."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

Ending = tuple[str, str | None]
Dialogue = Generator[bytes, bytes, Ending]


@dataclass(slots=True)
class DialogueState:
    """State that a dialogue shares with `Upgrade`.

    `names`: the names that EHLO and LHLO give, in the order in which they are tried.
    `host`: the name of the host, which XMPP sends.
    `contact`: how to reach those who observe, which IMAP sends. None: it is not said.
    `last_words`: sent with the outcome `ok`, where the server does not answer the request before TLS (MySQL).
    `remark`: begins the reason, however the dialogue ends, also with `ok`. None: no remark.
    `refusal`: the ending if the server does not reply any more, because it has refused and was asked once more. None:
        it has not refused.
    """

    names: tuple[str, ...]
    host: str = ""
    contact: str | None = None
    last_words: bytes = b""
    remark: str | None = None
    refusal: Ending | None = None


GO_AHEAD: Final[Ending] = ("ok", None)


def shown(line: bytes) -> str:
    """The server's bytes as text; bytes that are not UTF-8 are escaped."""
    return line.decode("utf-8", "backslashreplace")
