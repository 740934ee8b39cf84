"""TLS handshakes that failed, as mail servers log them: wordings, outcomes, and the lines that say more about them.

Every pattern is one of a whole message, from the first character after the name of the program: what a stranger can put
into a line (a subject, a reply, a user name) comes later, and cannot begin one.
"""

import re
from typing import Final

HOST: Final = r"(?P<host>[\w.-]{1,255})"
ADDRESS: Final = r"\[(?:IPv6:)?(?P<address>[\da-fA-F.:]{2,45})\]"
OWN_STAMP: Final = r"[A-Z][a-z]{2} [ \d]\d [\d:]{8} "
LOGIN: Final = r"(?P<login>imap|pop3|managesieve|submission)-login: "
DOVECOT_LOGIN: Final = rf"{LOGIN}(?>.*, lip=)(?P<address>[\da-fA-F.:]{{2,45}})\b"
"""Up to the last `lip=`: the name of the user, which may hold another one, comes before it."""

EXIM_STAMP: Final = r"(?:\d{4}-\d\d-\d\d [\d:.]+ (?:[+-]\d{4} )?)?(?:\[\d+\] )?"
"""What Exim writes before a message where syslog has written a time of its own, and its process."""

EXIM_ID: Final = r"\w{6}-\w{6,11}-\w{2,4} "
_EXIM: Final = rf"{EXIM_STAMP}(?:{EXIM_ID})?TLS error on connection"

_ERROR: Final = r"(?P<error>[^@<>\[\]]{1,200})"
"""What a library says; no address, and none of people."""

_SESSION: Final = r"(?P<session>[0-9a-f]{16})"

_SENDMAIL: Final = (
    r"STARTTLS=(?P<way>client|server), error: (?P<call>connect|accept) failed=-?\d+, "
    rf"(?:reason={_ERROR}, )?(?P<code>SSL_error=\d+(?:, errno=\d+)?)"
)
_OPENSMTPD: Final = (
    rf"{_SESSION} (?P<way>mta|smtp) (?:error|disconnected) reason=\"?(?:(?:IO Error|io-error): )?"
    r"(?P<error>(?:handshake failed|TLS required but not supported|error:\w+:SSL)[^@<>\[\]\"]{0,200})"
)
FAILURES: Final = tuple(
    (tool, mark, re.compile(pattern))
    for tool, mark, pattern in (
        (
            "Postfix",
            "SSL_connect error",
            rf"(?P<call>SSL_connect) error (?P<way>to) {HOST}{ADDRESS}:(?P<port>\d{{1,5}}): {_ERROR}",
        ),
        ("Postfix", "SSL_accept error", rf"(?P<call>SSL_accept) error from \S{{1,300}}: {_ERROR}"),
        ("Sendmail", ", error: ", _SENDMAIL),
        (
            "Exim",
            "TLS error on connection from ",
            rf"{_EXIM} from .* \((?P<call>SSL_accept|gnutls_handshake)\): {_ERROR}",
        ),
        (
            "Exim",
            "TLS error on connection to ",
            rf"{_EXIM} (?P<way>to) {HOST} {ADDRESS}.* \((?P<call>SSL_connect|gnutls_handshake)\): {_ERROR}",
        ),
        (
            "Dovecot",
            "TLS handshaking",
            rf"{DOVECOT_LOGIN}, (?P<call>TLS handshaking)(?:: {_ERROR})?(?:, session=|\Z)",
        ),
        ("OpenSMTPD", " reason=", _OPENSMTPD),
        (
            "OpenSMTPD",
            "opportunistic TLS failed",
            rf"(?P<way>smtp-out): Error on session {_SESSION}: (?P<error>opportunistic TLS failed)",
        ),
    )
)
"""The program, words that each of its lines has, and its pattern."""

MORE: Final = re.compile(
    rf"warning: TLS library problem: {_ERROR}|(?:\w{{1,20}}: )?ruleset=tls_server, arg1=SOFTWARE, relay={HOST}"
)
"""What the same process writes next: the reason (Postfix), or the server (Sendmail; also before, in one second)."""

_UNSAID: Final = ("-1", "0", "opportunistic TLS failed")
"""What stands in place of a reason."""

_ENDS: Final = (
    ("timed out", "timeout"), ("errno=110", "timeout"), ("reset", "reset"), ("errno=104", "reset"),
    ("errno=54", "reset"),
)  # fmt: skip
_OUTCOMES: Final = {
    True: (
        ("alert", "refused"), ("not supported by remote", "no_starttls"), ("wrong version number", "not_tls"),
        ("unknown protocol", "not_tls"), ("packet length too long", "not_tls"), ("http request", "not_tls"),
        ("nexpected TLS packet", "not_tls"), *_ENDS,
    ),
    False: (
        ("no shared cipher", "refused"), ("No supported cipher", "refused"), ("unsupported protocol", "refused"),
        ("unknown protocol", "refused"), ("version too low", "refused"), ("inappropriate fallback", "refused"),
        ("no suitable key share", "refused"), ("no suitable signature algorithm", "refused"), *_ENDS,
    ),
}  # fmt: skip
"""Whether the server is the other one → words by which a library says how the look at the server ended; else, the
connection was closed. An alert of the client does not say that the server refused."""

_READ_BY_CLIENT: Final = (
    ("certificate", re.compile(r"alert.*(?:certificate|unknown ca|ca is unknown)", re.IGNORECASE)),
    ("hello", re.compile(r"alert (?:protocol version|illegal param|decrypt|insufficient security|unsupported ext)")),
)
"""How far a client came whose alert answers what the server sent. Other alerts may stand in place of a hello, as Java
and OpenSSL send them where they have nothing to offer."""

_SOURCE_LINE: Final = re.compile(r":[^: ]*\.c:\d+(?=:|\Z)")


def waits_for_more(tool: str, match: re.Match[str]) -> bool:
    """Whether another line of the process says what this one does not."""
    return (tool == "Postfix" and match["error"] in _UNSAID) or (tool == "Sendmail" and match["way"] == "client")


def describe_failure(match: re.Match[str], *, is_other: bool, said: str | None = None) -> dict[str, object]:
    """Columns of `observations` about a handshake that failed; `said` is the reason that another line gives."""
    cells = match.groupdict()
    words = _SOURCE_LINE.sub("", said or cells["error"] or cells.get("code") or "").rstrip(":")
    stage = None if is_other else next((stage for stage, alert in _READ_BY_CLIENT if alert.search(words)), None)
    outcome = next((outcome for mark, outcome in _OUTCOMES[is_other] if mark in words), "ok" if stage else "closed")
    reason = ": ".join(filter(None, (cells.get("call"), words)))
    if words in _UNSAID:
        reason += "; the line does not say whether an alert was sent"
    return {"outcome": outcome, "stage": stage, "reason": reason or None}
