"""Schemes: the protocols that can be asked, their ports, and which of them begin in clear text."""

from typing import Final

from toolkit.errors import UsageError
from toolkit.text import not_known

PORTS: Final = {
    "smtp": 25,
    "smtps": 465,
    "imap": 143,
    "imaps": 993,
    "pop3": 110,
    "pop3s": 995,
    "https": 443,
    "tls": 443,
    "lmtp": 24,
    "sieve": 4190,
    "ftp": 21,
    "ldap": 389,
    "postgres": 5432,
    "nntp": 119,
    "irc": 6667,
    "xmpp": 5222,
    "xmpp-server": 5269,
    "mysql": 3306,
    "rdp": 3389,
}
"""Scheme → its registered port (IANA Service Name and Transport Protocol Port Number Registry; `tls` is bare TLS)."""

UPGRADES: Final = frozenset({
    "smtp", "imap", "pop3", "lmtp", "sieve", "ftp", "ldap", "postgres", "nntp", "irc", "xmpp", "xmpp-server", "mysql",
    "rdp",
})  # fmt: skip
"""Schemes that begin in clear text and upgrade: RFC 3207 (SMTP, LMTP), RFC 9051 (IMAP), RFC 2595 (POP3), RFC 5804
(ManageSieve), RFC 4217 (FTP), RFC 4511 (LDAP), RFC 4642 (NNTP), RFC 6120 (XMPP, of clients and of servers), IRCv3's
`tls`, MS-RDPBCGR (RDP), and the requests of PostgreSQL and of MySQL and MariaDB."""

SCHEMES_OF_PORTS: Final = {
    25: "smtp",
    587: "smtp",
    2525: "smtp",
    465: "smtps",
    143: "imap",
    993: "imaps",
    110: "pop3",
    995: "pop3s",
    443: "https",
    8443: "https",
    24: "lmtp",
    4190: "sieve",
    21: "ftp",
    389: "ldap",
    5432: "postgres",
    119: "nntp",
    6667: "irc",
    5222: "xmpp",
    5269: "xmpp-server",
    3306: "mysql",
    3389: "rdp",
}
"""The scheme meant by `host:port` alone. RFC 8314 for 465, 587, 993 and 995."""


def require_scheme(call: str, scheme: object) -> None:
    """Raises `UsageError` for a scheme that is not one of `PORTS`, as an argument of `call`.

    >>> from toolkit.schemes import require_scheme
    >>> require_scheme("read_targets", "htps")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    toolkit.errors.UsageError: read_targets: scheme='htps' is not known. Did you mean 'https'? ...
    """
    if not isinstance(scheme, str) or scheme not in PORTS:
        raise UsageError(not_known(f"{call}: scheme=", scheme, PORTS))
