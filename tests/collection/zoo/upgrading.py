"""Animals that misbehave before TLS, in every protocol that upgrades."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.collection.zoo.animals import Animal, Behaviour, Connection
from tests.wire.peers import InMemory, context


@dataclass(frozen=True)
class Script:
    """What a server of the protocol says, in turn.

    - `greets`: it speaks first.
    - `later`: per turn, a reply that puts the client off.
    - `never`: a last reply that refuses the upgrade, and its outcome.
    - `endless`: the turn that never comes to its end, and the piece that it repeats.
    - `unanswered`: bytes of a request between the last turn and the hello, which has no answer.
    """

    turns: tuple[bytes, ...]
    later: tuple[tuple[int, bytes], ...]
    never: tuple[tuple[bytes, str], ...]
    endless: tuple[tuple[int, bytes], ...]
    greets: bool = True
    unanswered: int = 0


MYSQL = b"\x0a8.0.36\0" + bytes(range(1, 13)) + b"\0\xff\xff" + bytes(4)
"""The payload of a greeting: version, thread, salt, filler, flags (TLS among them)."""


def _mysql(payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + b"\0" + payload


def _rdp(kind: int, value: int) -> bytes:
    """MS-RDPBCGR, 2.2.1.2: a connection confirm with the result of the negotiation."""
    return b"\x03\0\0\x13\x0e\xd0\0\0\0\0\0" + bytes((kind, 0, 8, 0, value, 0, 0, 0))


_STREAM = b"<?xml version='1.0'?><stream:stream id='1' version='1.0' xmlns='jabber:client' xmlns:stream='s'>"
_FEATURES = _STREAM + b"<stream:features><starttls xmlns='t'/></stream:features>"
_BUSY = b"<stream:error><resource-constraint xmlns='e'/></stream:error>"
_XMPP = Script(
    (_FEATURES, b"<proceed xmlns='t'/>"),
    ((0, _STREAM + _BUSY), (1, _BUSY)),
    ((b"<failure xmlns='t'/>", "rejected"),),
    ((0, _STREAM + b"<stream:features><x a='1'/>" * 99), (1, b"<y/>" * 99)),
    greets=False,
)


def _mail(verb_reply: bytes) -> Script:
    return Script(
        (b"220 mx.test ESMTP\r\n", verb_reply, b"220 2.0.0 go ahead\r\n"),
        ((0, b"421 4.7.0 later\r\n"), (1, b"421 4.7.0 later\r\n"), (1, b"450 4.7.1 later\r\n"),
         (2, b"421 4.7.0 later\r\n"), (2, b"454 4.7.0 later\r\n")),
        ((b"554 5.7.1 go away\r\n", "rejected"),),
        ((0, b"220-\x1b[2J" + b"x" * 1000 + b"\r\n"), (1, b"250-AUTH PLAIN\r\n" * 99), (2, b"220" * 999)),
    )  # fmt: skip


def _ldap(code: int) -> bytes:
    """RFC 4511, 4.14: an ExtendedResponse to message 1."""
    return b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01" + bytes((code,)) + b"\x04\x00\x04\x00"


SCRIPTS = {
    "smtp": _mail(b"250-mx.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"),
    "lmtp": _mail(b"250-mx.test\r\n250 STARTTLS\r\n"),
    "imap": Script(
        (b"* OK IMAP4 ready\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n", b"a2 OK begin\r\n"),
        ((0, b"* BYE [UNAVAILABLE] later\r\n"), (1, b"* BYE [UNAVAILABLE] later\r\n"),
         (2, b"a2 NO [UNAVAILABLE] later\r\n")),
        ((b"a2 BAD no\r\n", "rejected"),),
        ((0, b"* OK" * 999), (1, b"* OK still here\r\n" * 99), (2, b"* 1 EXISTS\r\n" * 99)),
    ),
    "pop3": Script(
        (b"+OK ready\r\n", b"+OK list\r\nUIDL\r\nSTLS\r\n.\r\n", b"+OK begin\r\n"),
        ((0, b"-ERR [SYS/TEMP] later\r\n"), (2, b"-ERR [IN-USE] later\r\n")),
        ((b"-ERR no\r\n", "rejected"),),
        ((0, b"+OK" * 999), (1, b"+OK\r\n" + b"UIDL\r\n" * 99)),
    ),
    "sieve": Script(
        (b'"IMPLEMENTATION" "zoo"\r\n"STARTTLS"\r\nOK "ready"\r\n', b'OK "begin"\r\n'),
        ((0, b'BYE (TRYLATER) "later"\r\n'), (1, b'NO (TRYLATER) "later"\r\n')),
        ((b'NO "never"\r\n', "rejected"),),
        ((0, b'"SASL" ""\r\n' * 99), (1, b"OK" * 999)),
    ),
    "ftp": Script(
        (b"220-welcome\r\n any text\r\n220 ready\r\n", b"234 go ahead\r\n"),
        ((0, b"120 in 5 minutes\r\n"), (0, b"421 later\r\n"), (1, b"421 later\r\n"), (1, b"431 later\r\n")),
        ((b"534 policy\r\n", "rejected"), (b"502 what?\r\n", "no_starttls")),
        ((0, b"220-\r\n" * 99), (1, b"234- \r\n" * 99)),
    ),
    "ldap": Script(
        (_ldap(0),),
        ((0, _ldap(51)), (0, _ldap(52))),
        ((_ldap(2), "no_starttls"), (_ldap(53), "rejected")),
        ((0, b"\x30\x84\x7f\xff\xff\xff" + bytes(999)),),
        greets=False,
    ),
    "postgres": Script((b"S",), (), ((b"N", "no_starttls"), (b"E", "rejected")), (), greets=False),
    "nntp": Script(
        (b"200 ready\r\n", b"382 go ahead\r\n"),
        ((0, b"400 later\r\n"), (1, b"400 later\r\n")),
        ((b"580 no\r\n", "rejected"), (b"500 what?\r\n", "no_starttls")),
        ((0, b"200-\x1b[2J\r\n" * 99), (1, b"382" * 999)),
    ),
    "irc": Script(
        (b":zoo NOTICE * :*** Looking up\r\n:zoo 670 * :STARTTLS successful\r\n",),
        ((0, b"ERROR :Closing link (Throttled)\r\n"),),
        ((b":zoo 691 * :no\r\n", "rejected"), (b":zoo 421 * STARTTLS :Unknown command\r\n", "no_starttls"),
         (b"ERROR :Closing link\r\n", "rejected")),
        ((0, b":zoo NOTICE * :wait\r\n" * 99),),
        greets=False,
    ),
    "xmpp": _XMPP,
    "xmpp-server": _XMPP,
    "mysql": Script(
        (_mysql(MYSQL),),
        ((0, _mysql(b"\xff\x10\x04Too many connections")),),
        ((_mysql(b"\xff\x6a\x04Host is not allowed"), "rejected"),
         (_mysql(MYSQL.replace(b"\xff\xff", b"\xff\xf7")), "no_starttls")),
        (),
        unanswered=36,
    ),
    "rdp": Script(
        (_rdp(2, 1),), (), ((_rdp(3, 2), "no_starttls"), (_rdp(3, 5), "rejected"), (_rdp(2, 0), "no_starttls")), (),
        greets=False,
    ),
}  # fmt: skip

_TLS12 = context("RSA", ciphers="ECDHE-RSA-AES128-GCM-SHA256")
_TLS12.maximum_version = _TLS12.maximum_version.TLSv1_2


async def _until(connection: Connection, script: Script, turn: int) -> None:
    """Play the script up to that turn, and read the command before it."""
    for at in range(turn + 1):
        if at or not script.greets:
            await connection.command()
        if at < turn:
            await connection.send(script.turns[at])


def _at(script: Script, turn: int, said: bytes) -> Behaviour:
    """Says that in that turn, then nothing."""

    async def behave(connection: Connection) -> None:
        await _until(connection, script, turn)
        await connection.send(said)
        await connection.wait()

    return behave


def _closing_at(script: Script, turn: int) -> Behaviour:
    async def behave(connection: Connection) -> None:
        await _until(connection, script, turn)

    return behave


def _resetting_at(script: Script, turn: int) -> Behaviour:
    async def behave(connection: Connection) -> None:
        await _until(connection, script, turn)
        connection.reset()

    return behave


def _endless_at(script: Script, turn: int, piece: bytes) -> Behaviour:
    async def behave(connection: Connection) -> None:
        await _until(connection, script, turn)
        await connection.flood(piece)

    return behave


def _slow(turns: tuple[bytes, ...], script: Script) -> Behaviour:
    """Everything right, a byte at a time, and TLS 1.2 by OpenSSL at the end."""

    async def behave(connection: Connection) -> None:
        for at, said in enumerate(turns):
            if at or not script.greets:
                await connection.command()
            await connection.drip(said)
        await connection.skip(script.unanswered)
        await connection.send(InMemory(_TLS12)(await connection.hello()))
        await connection.wait()

    return behave


def _animals(scheme: str, script: Script) -> Iterator[Animal]:
    def animal(name: str, behaviour: Behaviour, ending: str) -> Animal:
        return Animal(f"{scheme}: {name}", scheme, behaviour, ending)

    def real(name: str, turns: tuple[bytes, ...]) -> Animal:
        named = frozenset({"TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "x25519", "rsa_pss_rsae_sha256", "RSA"})
        behaviour = _slow(turns, script)
        return Animal(f"{scheme}: {name}", scheme, behaviour, "ok at finished", 1, "TLS 1.2", named, refuses=True)

    last = len(script.turns) - 1
    go_ahead = script.turns[last]
    for turn in range(len(script.turns)):
        yield animal(f"silent in turn {turn}", _at(script, turn, b""), "timeout at upgrade")
        yield animal(f"closes in turn {turn}", _closing_at(script, turn), "closed at upgrade")
        resets = animal(f"resets in turn {turn}", _resetting_at(script, turn), "reset at upgrade")
        # A reset before the greeting may come before the client has seen that it is connected.
        yield replace(resets, or_ending=None if turn else "reset at connect")
    for turn, piece in script.endless:
        yield animal(f"endless in turn {turn}", _endless_at(script, turn, piece), "too_large at upgrade")
    for at, (turn, said) in enumerate(script.later):
        yield animal(f"puts off in turn {turn} ({at})", _at(script, turn, said), "deferred at upgrade")
    for said, outcome in script.never:
        yield animal(f"refuses with {said[:20]!r}", _at(script, last, said), f"{outcome} at upgrade")
    for name, said in {
        "HTTP": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        "NUL bytes": bytes(500) + b"\r\n",
        "noise": bytes(range(255, -1, -1)) * 9 + b"\r\n",
        "a TLS alert in clear text": b"\x15\x03\x03\x00\x02\x02\x0a",
    }.items():
        yield animal(name, _at(script, 0, said), "not_tls at upgrade")
    yield animal("injects a reply", _at(script, last, go_ahead + b"250 and this\r\n"), "injected at upgrade")
    yield animal(
        "injects a TLS alert", _at(script, last, go_ahead + b"\x15\x03\x03\x00\x02\x02\x28"), "injected at upgrade"
    )
    yield animal("goes ahead, then silent", _at(script, last, go_ahead), "timeout at hello")
    yield real("right, a byte at a time", script.turns)
    if b"\r" in go_ahead:
        yield real("right, with bare LF", tuple(turn.replace(b"\r", b"") for turn in script.turns))

    async def without_tls(connection: Connection) -> None:
        await _until(connection, script, last)
        await connection.send(go_ahead)
        await connection.skip(script.unanswered)
        await connection.hello()
        await connection.send(b"500 5.5.1 what?\r\n")
        await connection.wait()

    async def closes_after_go_ahead(connection: Connection) -> None:
        await _until(connection, script, last)
        await connection.send(go_ahead)
        await connection.skip(script.unanswered)
        await connection.hello()

    yield animal("goes ahead without TLS", without_tls, "not_tls at hello")
    yield animal("goes ahead and closes", closes_after_go_ahead, "closed at hello")


ANIMALS = tuple(animal for scheme, script in SCRIPTS.items() for animal in _animals(scheme, script))
