"""A client that this project did not write: Python's own smtplib, imaplib, poplib and ssl."""

import hashlib
import imaplib
import poplib
import smtplib
import socket
import ssl
from dataclasses import dataclass

from toolkit.targets import Target

TIMEOUT_S = 20


@dataclass(frozen=True)
class Answer:
    leaf_sha256: str
    protocol: str
    suite: str


def context(ciphers: str = "ALL:@SECLEVEL=0", maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A client that takes any certificate: the lab's time is not ours."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_ciphers(ciphers)
    made.maximum_version = maximum
    return made


CONTEXT = context()


def look(target: Target, using: ssl.SSLContext = CONTEXT) -> Answer:
    """One handshake with a target of a lab, after STARTTLS where its scheme asks for it."""
    assert target.connect_to is not None
    host, port = target.connect_to
    if target.scheme == "smtp":
        with smtplib.SMTP(host, port, local_hostname="client.lab.test", timeout=TIMEOUT_S) as client:
            client._host = target.server_name  # what smtplib puts into the hello
            client.starttls(context=using)
            return _answer(client.sock)
    if target.scheme == "imap":
        with imaplib.IMAP4(host, port, timeout=TIMEOUT_S) as mailbox:
            mailbox.starttls(using)
            return _answer(mailbox.sock)
    if target.scheme == "pop3":
        pop = poplib.POP3(host, port, timeout=TIMEOUT_S)
        try:
            pop.stls(using)
            return _answer(pop.sock)
        finally:
            pop.quit()
    with (
        socket.create_connection((host, port), timeout=TIMEOUT_S) as connection,
        using.wrap_socket(connection, server_hostname=target.server_name) as secured,
    ):
        return _answer(secured)


def _answer(secured: object) -> Answer:
    assert isinstance(secured, ssl.SSLSocket)
    der, protocol, cipher = secured.getpeercert(True), secured.version(), secured.cipher()
    assert der is not None
    assert protocol is not None
    assert cipher is not None
    return Answer(hashlib.sha256(der).hexdigest(), protocol, cipher[0])
