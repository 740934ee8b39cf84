"""Clear-text dialogues: each a table of what the server says and what comes of it, whole and byte by byte."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from toolkit.errors import UsageError
from toolkit.schema import OUTCOMES
from toolkit.schemes import PORTS, UPGRADES
from toolkit.wire import Upgrade
from toolkit.wire.dialogues import DIALOGUES

EHLO = b"EHLO client.test\r\n"
EHLO_REPLY = b"250-mx.lab.test at your service\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n"
LDAP_REQUEST = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"

Said = list[bytes]


def ldap(code: int, words: bytes = b"", *, kind: int = 0x78, message_id: int = 1) -> bytes:
    result = b"\x0a\x01" + bytes((code,)) + b"\x04\x00" + b"\x04" + bytes((len(words),)) + words
    operation = bytes((kind, len(result))) + result
    return b"\x30" + bytes((len(operation) + 3,)) + b"\x02\x01" + bytes((message_id,)) + operation


# More digits than Python turns into text.
LONG_CODE = bytes.fromhex("30820718 020101 78820711 0a820709 7f") + bytes(1800) + b"\x04\x00\x04\x00"

STREAM = b"<?xml version='1.0'?><stream:stream id='1' version='1.0' xmlns='jabber:client' xmlns:stream='s'>"
FEATURES = STREAM + b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
OPENED = (
    b"<?xml version='1.0'?><stream:stream to='mx.lab.test' version='1.0' xmlns='jabber:client' "
    b"xmlns:stream='http://etherx.jabber.org/streams'>"
)
XMPP_TLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

MYSQL = b"\x31\0\0\0\x0a5.5.5-10.11.6-MariaDB\0" + bytes(range(1, 13)) + b"\0\xff\xff" + bytes(11)
"""A greeting with every flag, TLS among them."""
MYSQL_TLS = bytes.fromhex("20000001008a00000000000121") + bytes(23)
RDP = bytes.fromhex("030000130ee000000000000100080003000000")

# Scheme, what the server says turn by turn, outcome, words of the reason, what we send turn by turn.
CASES: list[tuple[str, Said, str, str | None, Said]] = [
    ("smtp", [b"220 mx ESMTP\r\n", EHLO_REPLY, b"220 2.0.0 go\r\n"], "ok", None, [b"", EHLO, b"STARTTLS\r\n", b""]),
    ("smtp", [b"220-mx\r\n220-policy\r\n220 \r\n", EHLO_REPLY, b"220\r\n"], "ok", None,
     [b"", EHLO, b"STARTTLS\r\n", b""]),
    ("smtp", [b"220 mx\n", EHLO_REPLY.replace(b"\r", b""), b"220 go\n"], "ok", None, [b"", EHLO, b"STARTTLS\r\n", b""]),
    ("smtp", [b"220 mx\r\n", b"250 mx\r\n", b"502 what?\r\n"], "no_starttls", "EHLO did not list STARTTLS; 502 what?",
     [b"", EHLO, b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("smtp", [b"220 mx\r\n", b"250 mx\r\n", b"220 go\r\n"], "ok", "EHLO did not list STARTTLS",
     [b"", EHLO, b"STARTTLS\r\n", b""]),
    ("smtp", [b"220 mx\r\n", b"250 mx\r\n", b"454 not now\r\n"], "deferred", "454",
     [b"", EHLO, b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("smtp", [b"220 mx\r\n", b"250-starttls.test\r\n250 HELP STARTTLS\r\n", b"220 go\r\n"], "ok", "did not list",
     [b"", EHLO, b"STARTTLS\r\n", b""]),
    ("smtp", [b"220 mx\r\n", b"250-STARTTLS\r\n250 HELP\r\n", b"503 no\r\n"], "no_starttls", "EHLO",
     [b"", EHLO, b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("smtp", [b"421 4.7.0 too many\r\n"], "deferred", "421 4.7.0 too many", [b"", b"QUIT\r\n"]),
    ("smtp", [b"220 mx\r\n", b"450 4.7.1 later\r\n"], "deferred", "450 4.7.1", [b"", EHLO, b"QUIT\r\n"]),
    ("smtp", [b"220 mx\r\n", EHLO_REPLY, b"454 4.7.0 no TLS now\r\n"], "deferred", "454",
     [b"", EHLO, b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("smtp", [b"554-no\r\n554 service\r\n"], "rejected", "554-no / 554 service", [b"", b"QUIT\r\n"]),
    ("smtp", [b"220 mx\r\n", b"421 4.7.0 busy\r\n"], "deferred", "421", [b"", EHLO, b"QUIT\r\n"]),
    ("smtp", [b"220 mx\r\n", b"502 5.5.1 what?\r\n", b"500 what?\r\n"], "no_starttls", "500 what?",
     [b"", EHLO, b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("smtp", [b"220 mx\r\n", b"550 bad name\r\n", b"503 EHLO first\r\n"], "rejected", "550 bad name",
     [b"", EHLO, b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("smtp", [b"220 mx\r\n", b"550 bad name\r\n", b"220 go\r\n"], "ok", None, [b"", EHLO, b"STARTTLS\r\n", b""]),
    ("smtp", [b"220 mx\r\n", EHLO_REPLY, b"530 5.7.0 no\r\n"], "rejected", "530",
     [b"", EHLO, b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("smtp", [b"220 mx\r\n", EHLO_REPLY, b"220 go\r\n250 hello\r\n"], "injected", "250 hello",
     [b"", EHLO, b"STARTTLS\r\n", b""]),
    ("smtp", [b"220 mx\r\n", EHLO_REPLY, b"220 go\r\n\x16"], "injected", "\x16", [b"", EHLO, b"STARTTLS\r\n", b""]),
    ("smtp", [b"HTTP/1.1 400 Bad\r\n"], "not_tls", "not SMTP: HTTP/1.1 400 Bad", [b"", b""]),
    ("smtp", [b"* OK IMAP4 ready\r\n"], "not_tls", "not SMTP", [b"", b""]),
    ("smtp", [b"2200 mx\r\n"], "not_tls", "not SMTP: 2200", [b"", b""]),
    ("smtp", [b"220-mx\r\n250 other\r\n"], "not_tls", "not SMTP: 250 other", [b"", b""]),
    ("smtp", [b"220 mx\r\n", EHLO_REPLY, b"354 data\r\n"], "not_tls", "354", [b"", EHLO, b"STARTTLS\r\n", b""]),
    ("smtp", [b"\xff\xfe\x00\r\n"], "not_tls", "\\xff", [b"", b""]),
    ("smtp", [b"220 " + b"a" * 70_000], "too_large", "more than 65536 bytes", [b"", b""]),
    ("smtp", [b"220-mx\r\n" * 9_000], "too_large", "more than 65536 bytes", [b"", b""]),
    ("lmtp", [b"220 mx\r\n", EHLO_REPLY, b"220 go\r\n"], "ok", None,
     [b"", b"LHLO client.test\r\n", b"STARTTLS\r\n", b""]),
    ("ftp", [b"220-hello\r\n no code\r\n220 ready\r\n", b"234 go\r\n"], "ok", None, [b"", b"AUTH TLS\r\n", b""]),
    ("ftp", [b"220 ready\r\n", b"502 not implemented\r\n", b"502 no\r\n"], "no_starttls", "502 not implemented",
     [b"", b"AUTH TLS\r\n", b"AUTH SSL\r\n", b"QUIT\r\n"]),
    ("ftp", [b"220 ready\r\n", b"504 not that\r\n", b"334 go\r\n"], "ok", "AUTH TLS was refused",
     [b"", b"AUTH TLS\r\n", b"AUTH SSL\r\n", b""]),
    ("ftp", [b"220 ready\r\n", b"431 later\r\n"], "deferred", "431", [b"", b"AUTH TLS\r\n", b"QUIT\r\n"]),
    ("ftp", [b"220 ready\r\n", b"534 policy\r\n", b"504 no\r\n"], "rejected", "534",
     [b"", b"AUTH TLS\r\n", b"AUTH SSL\r\n", b"QUIT\r\n"]),
    ("ftp", [b"120 in 5 minutes\r\n"], "deferred", "120", [b"", b"QUIT\r\n"]),
    ("ftp", [b"220 ready\r\n", b"234 go\r\n220 x\r\n"], "injected", "220 x", [b"", b"AUTH TLS\r\n", b""]),
    ("imap", [b"* OK ready\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n", b"a2 OK go\r\n"], "ok", None,
     [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b""]),
    ("imap", [b"* OK ready\r\n", b"* capability imap4rev1 starttls\r\nA1 ok done\r\n", b"* OK x\r\na2 ok go\r\n"], "ok",
     None, [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b""]),
    ("imap", [b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"a1 BAD what\r\n", b"a2 OK go\r\n"], "ok", None,
     [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b""]),
    ("imap", [b"* OK ready\r\n", b"a1 OK [CAPABILITY IMAP4rev1 STARTTLS] done\r\n", b"a2 NO no\r\n"], "rejected",
     "a2 NO no", [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b"a3 LOGOUT\r\n"]),
    ("imap", [b"* OK ready\r\n", b"* CAPABILITY IMAP4rev1\r\na1 OK done\r\n", b"a2 OK go\r\n"], "ok",
     "CAPABILITY did not list STARTTLS", [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b""]),
    ("imap", [b"* PREAUTH hello\r\n", b"* CAPABILITY IMAP4rev1\r\na1 OK done\r\n", b"a2 BAD no\r\n"], "no_starttls",
     "PREAUTH", [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b"a3 LOGOUT\r\n"]),
    ("imap", [b"* PREAUTH hello\r\n", b"* BYE no\r\n"], "no_starttls", "PREAUTH",
     [b"", b"a1 CAPABILITY\r\n", b"a3 LOGOUT\r\n"]),
    ("imap", [b"* BYE busy\r\n"], "rejected", "BYE busy", [b"", b"a3 LOGOUT\r\n"]),
    ("imap", [b"* BYE [UNAVAILABLE] later\r\n"], "deferred", "UNAVAILABLE", [b"", b"a3 LOGOUT\r\n"]),
    ("imap", [b"* OK ready\r\n", b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\na1 OK\r\n", b"a2 BAD no\r\n"], "no_starttls",
     "did not list", [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b"a3 LOGOUT\r\n"]),
    ("imap", [b"* OK ready\r\n", b"a1 BAD what\r\n", b"a2 NO [UNAVAILABLE] not now\r\n"], "deferred", "a1 BAD what",
     [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b"a3 LOGOUT\r\n"]),
    ("imap", [b"* OK ready\r\n", b"a1 BAD what\r\n", b"* BYE enough\r\n"], "rejected", "BYE enough",
     [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b"a3 LOGOUT\r\n"]),
    ("imap", [b"* OK ready\r\n", b"* BYE gone\r\n"], "rejected", "BYE gone",
     [b"", b"a1 CAPABILITY\r\n", b"a3 LOGOUT\r\n"]),
    ("imap", [b"* OK ready\r\n", b"* CAPABILITY STARTTLS\r\na1 OK\r\n", b"a2 NO no\r\n"], "rejected", "a2 NO no",
     [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b"a3 LOGOUT\r\n"]),
    ("imap", [b"* OK ready\r\n", b"* CAPABILITY STARTTLS\r\na1 OK\r\n", b"a2 OK go\r\na3 OK\r\n"], "injected", "a3 OK",
     [b"", b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n", b""]),
    ("imap", [b"220 mx\r\n"], "not_tls", "not IMAP: 220 mx", [b"", b""]),
    ("pop3", [b"+OK ready\r\n", b"+OK list\r\nUSER\r\nSTLS\r\n.\r\n", b"+OK go\r\n"], "ok", None,
     [b"", b"CAPA\r\n", b"STLS\r\n", b""]),
    ("pop3", [b"+OK ready\r\n", b"+OK list\r\nUSER\r\n.\r\n", b"-ERR no\r\n"], "no_starttls", "CAPA did not list STLS",
     [b"", b"CAPA\r\n", b"STLS\r\n", b"QUIT\r\n"]),
    ("pop3", [b"+OK ready\r\n", b"-ERR what\r\n", b"-ERR no\r\n"], "no_starttls", "-ERR what",
     [b"", b"CAPA\r\n", b"STLS\r\n", b"QUIT\r\n"]),
    ("pop3", [b"+OK ready\r\n", b"-ERR what\r\n", b"+OK go\r\n"], "ok", "-ERR what",
     [b"", b"CAPA\r\n", b"STLS\r\n", b""]),
    ("pop3", [b"+OK ready\r\n", b"+OK list\r\nSTLS\r\n.\r\n", b"-ERR no\r\n"], "rejected", "-ERR no",
     [b"", b"CAPA\r\n", b"STLS\r\n", b"QUIT\r\n"]),
    ("pop3", [b"-ERR [SYS/TEMP] later\r\n"], "deferred", "SYS/TEMP", [b"", b"QUIT\r\n"]),
    ("pop3", [b"-ERR no\r\n"], "rejected", "-ERR no", [b"", b"QUIT\r\n"]),
    ("pop3", [b"220 mx\r\n"], "not_tls", "not POP3", [b"", b""]),
    ("pop3", [b"+OK ready\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK go\r\n+OK\r\n"], "injected", "+OK",
     [b"", b"CAPA\r\n", b"STLS\r\n", b""]),
    ("sieve", [b'"IMPLEMENTATION" "x"\r\n"STARTTLS"\r\nOK "ready"\r\n', b"OK\r\n"], "ok", None,
     [b"", b"STARTTLS\r\n", b""]),
    ("sieve", [b'"SIEVE" "x"\r\nOK\r\n', b'NO "no"\r\n'], "no_starttls", "did not list",
     [b"", b"STARTTLS\r\n", b"LOGOUT\r\n"]),
    ("sieve", [b'"SIEVE" "x"\r\nOK\r\n', b"OK\r\n"], "ok", "did not list", [b"", b"STARTTLS\r\n", b""]),
    ("sieve", [b'"STARTTLS"\r\nOK\r\n', b'NO "no"\r\n'], "rejected", "NO", [b"", b"STARTTLS\r\n", b"LOGOUT\r\n"]),
    ("sieve", [b'BYE (TRYLATER) "busy"\r\n'], "deferred", "TRYLATER", [b"", b"LOGOUT\r\n"]),
    ("sieve", [b"220 mx\r\n"], "not_tls", "not ManageSieve", [b"", b""]),
    ("ldap", [ldap(0)], "ok", None, [LDAP_REQUEST, b""]),
    ("ldap", [ldap(2, b"unsupported")], "no_starttls", "result 2: unsupported", [LDAP_REQUEST, DIALOGUES["ldap"][2]]),
    ("ldap", [ldap(52)], "deferred", "result 52", [LDAP_REQUEST, DIALOGUES["ldap"][2]]),
    ("ldap", [ldap(53)], "rejected", "result 53", [LDAP_REQUEST, DIALOGUES["ldap"][2]]),
    ("ldap", [ldap(0) + b"\x30"], "injected", "0", [LDAP_REQUEST, b""]),
    ("ldap", [ldap(0, kind=0x61)], "not_tls", "type 0x61", [LDAP_REQUEST, b""]),
    ("ldap", [b"220 mx\r\n"], "not_tls", "not LDAP: 220", [LDAP_REQUEST, b""]),
    ("ldap", [b"\x30\x80\x00\x00"], "not_tls", "not LDAP", [LDAP_REQUEST, b""]),
    ("ldap", [b"\x30\x03\x02\x01\x01"], "not_tls", "cut short", [LDAP_REQUEST, b""]),
    ("ldap", [LONG_CODE], "not_tls", "a result code of 1801 bytes", [LDAP_REQUEST, b""]),
    ("ldap", [b"\x30\x84\x7f\xff\xff\xff"], "too_large", "announced", [LDAP_REQUEST, b""]),
    ("postgres", [b"S"], "ok", None, [bytes.fromhex("0000000804d2162f"), b""]),
    ("postgres", [b"N"], "no_starttls", "answered N", [bytes.fromhex("0000000804d2162f"), b""]),
    ("postgres", [b"E"], "rejected", "an error", [bytes.fromhex("0000000804d2162f"), b""]),
    ("postgres", [b"Sx"], "injected", "x", [bytes.fromhex("0000000804d2162f"), b""]),
    ("postgres", [b"H"], "not_tls", "b'H'", [bytes.fromhex("0000000804d2162f"), b""]),
    ("nntp", [b"201 no posting\r\n", b"382 go\r\n"], "ok", None, [b"", b"STARTTLS\r\n", b""]),
    ("nntp", [b"200 ready\r\n", b"502 no\r\n"], "no_starttls", "502", [b"", b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("nntp", [b"200 ready\r\n", b"580 no\r\n"], "rejected", "580", [b"", b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("nntp", [b"400 later\r\n"], "deferred", "400", [b"", b"QUIT\r\n"]),
    ("nntp", [b"220 mx\r\n"], "not_tls", "not NNTP", [b"", b""]),
    ("irc", [b":s 670 * :go\r\n"], "ok", None, [b"STARTTLS\r\n", b""]),
    ("irc", [b"NOTICE AUTH :x\r\n", b"PING :abc\r\n", b":s 670 n :go\r\n"], "ok", None,
     [b"STARTTLS\r\n", b"", b"PONG :abc\r\n", b""]),
    ("irc", [b":s 451 * :You have not registered\r\n"], "no_starttls", "451", [b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("irc", [b":s 691 * :no\r\n"], "rejected", "691", [b"STARTTLS\r\n", b"QUIT\r\n"]),
    ("irc", [b"220 mx\r\n"], "not_tls", "not IRC: 220", [b"STARTTLS\r\n", b""]),
    ("irc", [b":s 670 * :go\r\n:s x\r\n"], "injected", ":s x", [b"STARTTLS\r\n", b""]),
    ("xmpp", [FEATURES, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"], "ok", None, [OPENED, XMPP_TLS, b""]),
    ("xmpp", [STREAM + b"<stream:features/>", b"<proceed xmlns='x'></proceed>"], "ok", "did not list starttls",
     [OPENED, XMPP_TLS, b""]),
    ("xmpp", [STREAM + b"<stream:features/>", b"<failure xmlns='x'/></stream:stream>"], "no_starttls", "did not list",
     [OPENED, XMPP_TLS, b"</stream:stream>"]),
    ("xmpp", [STREAM + b"<stream:error><host-unknown xmlns='e'/></stream:error>"], "rejected", "host-unknown",
     [OPENED, b"</stream:stream>"]),
    ("xmpp", [STREAM + b"<stream:error><system-shutdown xmlns='e'/></stream:error>"], "deferred", "system-shutdown",
     [OPENED, b"</stream:stream>"]),
    ("xmpp", [b"HTTP/1.1 400"], "not_tls", "not XMPP: H", [OPENED, b""]),
    ("xmpp", [FEATURES, b"<proceed xmlns='x'/><a/>"], "injected", "<a/>", [OPENED, XMPP_TLS, b""]),
    ("xmpp-server", [FEATURES, b"<proceed xmlns='x'/>"], "ok", None,
     [OPENED.replace(b"jabber:client", b"jabber:server"), XMPP_TLS, b""]),
    ("mysql", [MYSQL], "ok", None,
     [b"", MYSQL_TLS]),
    ("mysql", [MYSQL.replace(b"\xff\xff", b"\xff\xf7")], "no_starttls", "5.5.5-10.11.6-MariaDB does not offer TLS",
     [b"", b""]),
    ("mysql", [b"\x17\0\0\0\xff\x10\x04Too many connections"], "deferred", "1040: Too many", [b"", b""]),
    ("mysql", [b"\x0c\0\0\0\xff\x6a\x04not here!"], "rejected", "1130: not here!", [b"", b""]),
    ("mysql", [b"220 mx\r\n"], "not_tls", "not MySQL", [b"", b""]),
    ("mysql", [MYSQL + b"x"], "injected", "x", [b"", b""]),
    ("rdp", [bytes.fromhex("030000130ed000001234000209080002000000")], "ok", None, [RDP, b""]),
    ("rdp", [bytes.fromhex("0300000b06d00000123400")], "no_starttls", "without negotiating", [RDP, b""]),
    ("rdp", [bytes.fromhex("030000130ed000001234000300080002000000")], "no_starttls", "failure 2", [RDP, b""]),
    ("rdp", [bytes.fromhex("030000130ed000001234000300080005000000")], "rejected", "failure 5", [RDP, b""]),
    ("rdp", [b"SSH-2.0-x\r\n"], "not_tls", "not RDP: SSH-", [RDP, b""]),
]  # fmt: skip


def upgrade(scheme: str) -> Upgrade:
    return Upgrade(scheme, host="mx.lab.test", client_name="client.test")


@pytest.mark.parametrize(("scheme", "said", "outcome", "reason", "sent"), CASES)
def test_dialogue(scheme: str, said: Said, outcome: str, reason: str | None, sent: Said) -> None:
    made = upgrade(scheme)
    assert [made.start(), *(made.receive(turn) for turn in said)] == sent
    assert made.is_done
    assert made.outcome == outcome
    assert (made.reason is None) == (reason is None)
    assert (reason or "") in (made.reason or "")
    assert len(made.reason or "") <= 400
    assert made.receive(b"anything") == b""


@pytest.mark.parametrize(("scheme", "said", "outcome", "reason", "sent"), CASES)
def test_dialogue_byte_by_byte(scheme: str, said: Said, outcome: str, reason: str | None, sent: Said) -> None:
    if outcome == "injected":  # what comes after the go-ahead is read as TLS then, and is not TLS
        outcome = "ok"
    made = upgrade(scheme)
    heard = made.start()
    for byte in b"".join(said):
        heard += made.receive(bytes((byte,)))
    if outcome == "ok" or heard == b"".join(sent):
        assert made.outcome == outcome
    else:  # it ended earlier, with less to quote
        assert made.outcome in {outcome, "not_tls"}


@pytest.mark.parametrize(
    ("said", "outcome", "reason", "sent"),
    [
        ([b"550 no such name\r\n", EHLO_REPLY, b"220 go\r\n"], "ok", "EHLO was accepted under the second name only",
         [b"EHLO other.test\r\n", b"STARTTLS\r\n", b""]),
        ([b"450 not found\r\n", b"250 mx\r\n", b"220 go\r\n"], "ok", "EHLO did not list STARTTLS",
         [b"EHLO other.test\r\n", b"STARTTLS\r\n", b""]),
        ([b"550 no\r\n", b"550 nor you\r\n", b"503 EHLO first\r\n"], "rejected", "550 nor you",
         [b"EHLO other.test\r\n", b"STARTTLS\r\n", b"QUIT\r\n"]),
        ([b"450 no\r\n", b"450 nor you\r\n"], "deferred", "450 nor you", [b"EHLO other.test\r\n", b"QUIT\r\n"]),
        ([b"421 no\r\n"], "deferred", "421 no", [b"QUIT\r\n"]),
    ],
)  # fmt: skip
def test_a_name_that_is_refused_is_followed_by_the_second(said: Said, outcome: str, reason: str, sent: Said) -> None:
    made = Upgrade("smtp", host="mx.lab.test", client_name="[192.0.2.1]", second_name="other.test")
    assert [made.start(), made.receive(b"220 mx\r\n")] == [b"", b"EHLO [192.0.2.1]\r\n"]
    assert [made.receive(turn) for turn in said] == sent
    assert (made.outcome, made.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("answer", "outcome", "sent"),
    [
        (b'* ID ("name" {3}\r\nabc)\r\ni1 OK thanks\r\n', "ok", [b"a2 STARTTLS\r\n", b""]),
        (b"i1 BAD what?\r\n", "ok", [b"a2 STARTTLS\r\n", b""]),
        (b"* BYE [UNAVAILABLE] not now\r\n", "deferred", [b"a3 LOGOUT\r\n", b""]),
    ],
)
def test_imap_says_the_contact_where_the_server_lists_id(answer: bytes, outcome: str, sent: Said) -> None:
    made = Upgrade("imap", host="mx.test", client_name="c.test", contact='"we" <https://scan.test/\\>')
    made.start()
    made.receive(b"* OK ready\r\n")
    said = made.receive(b"* CAPABILITY IMAP4rev1 ID STARTTLS\r\na1 OK done\r\n")
    assert said == b'i1 ID ("name" "tls-toolkit" "support-url" "\\"we\\" <https://scan.test/\\\\>")\r\n'
    assert [made.receive(answer), made.receive(b"a2 OK go\r\n")] == sent
    assert made.outcome == outcome


def test_imap_says_no_contact_where_the_server_does_not_list_id() -> None:
    made = Upgrade("imap", host="mx.test", client_name="c.test", contact="https://scan.test")
    made.start()
    made.receive(b"* OK ready\r\n")
    assert made.receive(b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n") == b"a2 STARTTLS\r\n"


@pytest.mark.parametrize("contact", ["", " a", "a\r\na9 LOGOUT", "ä", "a" * 201, 5])
def test_a_contact_is_one_line_of_printable_ascii(contact: Any) -> None:
    with pytest.raises(UsageError, match="one line of at most 200 printable ASCII"):
        Upgrade("imap", host="mx.test", client_name="c.test", contact=contact)


def test_a_refusal_stands_where_the_server_then_hangs_up() -> None:
    made = Upgrade("smtp", host="mx.lab.test", client_name="[192.0.2.1]", second_name="other.test")
    made.start()
    made.receive(b"220 mx\r\n")
    made.receive(b"554 5.7.1 go away\r\n")
    made.receive_eof()
    assert made.outcome == "rejected"
    assert (made.reason or "").startswith("554 5.7.1 go away; then the connection ended")


def test_a_server_that_hangs_up_when_asked_for_what_it_did_not_list_has_refused_nothing() -> None:
    made = upgrade("pop3")
    made.start()
    made.receive(b"+OK ready\r\n")
    made.receive(b"-ERR what\r\n")
    made.receive_eof()
    assert made.outcome == "closed"
    assert (made.reason or "").startswith("CAPA did not list STLS (-ERR what); the connection ended")


@pytest.mark.parametrize("scheme", sorted(DIALOGUES))
def test_the_end_of_the_stream_is_an_outcome(scheme: str) -> None:
    for end, outcome in (("receive_eof", "closed"), ("receive_reset", "reset")):
        made = upgrade(scheme)
        made.start()
        getattr(made, end)()
        assert (made.is_done, made.outcome) == (True, outcome)
        assert "before TLS" in (made.reason or "")
        made.abandon("timeout", "too late")
        assert made.outcome == outcome


@given(st.sampled_from(sorted(DIALOGUES)), st.lists(st.binary(max_size=60), max_size=8))
def test_noise_never_escapes(scheme: str, pieces: Said) -> None:
    made = upgrade(scheme)
    made.start()
    for piece in pieces:
        made.receive(piece)
    made.receive_eof()
    assert made.outcome in OUTCOMES


@given(st.sampled_from(CASES), st.data())
def test_damage_never_escapes(case: tuple[str, Said, str, str | None, Said], data: st.DataObject) -> None:
    made = upgrade(case[0])
    made.start()
    for turn in case[1]:
        changed = bytearray(turn[:2000])
        for _ in range(3):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        made.receive(bytes(changed))
    made.receive_eof()
    assert made.outcome in OUTCOMES


def test_every_upgrade_has_a_dialogue_and_a_port() -> None:
    assert set(DIALOGUES) == UPGRADES <= set(PORTS)


@pytest.mark.parametrize(
    ("scheme", "name"), [("https", "client.test"), ("smtp", ""), ("smtp", "a b"), ("smtp", "a\r\nQUIT"), ("smtp", "ä")]
)
def test_usage(scheme: str, name: str) -> None:
    with pytest.raises(UsageError):
        Upgrade(scheme, host="mx.lab.test", client_name=name)


def test_a_second_name_must_fit_too() -> None:
    with pytest.raises(UsageError, match="cannot be given by EHLO"):
        Upgrade("smtp", host="mx.lab.test", client_name="client.test", second_name="a b")
