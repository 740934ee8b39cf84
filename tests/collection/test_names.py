"""Names are asked for through a resolver on loopback: every address, mail servers by preference, each failure a row."""

import asyncio
import socket
import threading

import dns.asyncresolver
import dns.resolver
import pytest

from tests.collection.servers import Loopback
from toolkit.collection import Limits, observe
from toolkit.collection.names import NotResolvedError, Resolver, find_addresses, find_mail_servers
from toolkit.targets import MailDomain


@pytest.fixture
def resolver(loopback: Loopback) -> Resolver:
    return loopback.answer_dns(
        {
            ("two.test", "A"): ["127.0.0.1", "127.0.0.2"],
            ("two.test", "AAAA"): ["::1"],
            ("four.test", "A"): ["127.0.0.3"],
            ("four.test", "AAAA"): "SERVFAIL",
            ("nothing.test", "TXT"): ['"here"'],
            ("silent.test", "A"): "SILENT",
            ("silent.test", "AAAA"): "SILENT",
            ("silent.test", "MX"): "SILENT",
            ("broken.test", "A"): "SERVFAIL",
            ("broken.test", "AAAA"): "SERVFAIL",
            ("mail.test", "MX"): ["20 backup.mail.test.", "10 b.mail.test.", "10 a.mail.test.", "20 two.test."],
            ("null.test", "MX"): ["0 ."],
            ("odd.test", "MX"): [
                "10 bad!name.test.",
                "20 *.test.",
                "5 two.test.",
                "30 192.0.2.1.",
                "40 TWO.test.",
                "50 .",
            ],
            ("-dash.test", "A"): ["127.0.0.8"],
            ("mapped.test", "A"): ["127.0.0.9"],
            ("mapped.test", "AAAA"): ["::ffff:127.0.0.9"],
            ("implicit.test", "A"): ["127.0.0.1"],
            ("failing.test", "MX"): "SERVFAIL",
        }
    )


def addresses(host: str, resolver: Resolver | None) -> list[str]:
    return asyncio.run(find_addresses(host, seconds=0.5, resolver=resolver))


def mail_servers(domain: str, resolver: Resolver) -> list[str]:
    found = asyncio.run(find_mail_servers(MailDomain(domain), seconds=0.5, resolver=resolver))
    return [target.service for target, reason in found.items() if reason is None]


def test_every_address_is_found(resolver: Resolver) -> None:
    found = addresses("two.test", resolver)
    assert found[0] == "::1"
    assert set(found[1:]) == {"127.0.0.1", "127.0.0.2"}


def test_an_ipv4_mapped_address_is_the_ipv4_address(resolver: Resolver) -> None:
    assert addresses("mapped.test", resolver) == ["127.0.0.9"]


def test_one_kind_of_address_is_enough(resolver: Resolver) -> None:
    assert addresses("four.test", resolver) == ["127.0.0.3"]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_an_address_is_its_own(address: str) -> None:
    assert addresses(address, None) == [address]


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("absent.test", "does not exist"),
        ("nothing.test", "has none"),
        ("silent.test", "no answer in time"),
        ("broken.test", "SERVFAIL"),
    ],
)
def test_why_a_host_has_no_address(resolver: Resolver, host: str, why: str) -> None:
    with pytest.raises(NotResolvedError, match=f"{host}.*{why}"):
        addresses(host, resolver)


def test_the_operating_system_is_asked_without_a_resolver() -> None:
    assert "127.0.0.1" in addresses("localhost", None)


def test_a_name_that_the_operating_system_does_not_ask_for_is_asked_for(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns.asyncresolver, "Resolver", lambda: resolver)
    assert addresses("-dash.test", None) == ["127.0.0.8"]
    monkeypatch.setattr(dns.asyncresolver, "Resolver", lambda: dns.resolver.Resolver("/nowhere/resolv.conf"))
    with pytest.raises(NotResolvedError, match=r"-dash\.test"):
        addresses("-dash.test", None)


def test_the_operating_system_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(NotResolvedError, match=r"host\.test: Temporary failure in name resolution"):
        addresses("host.test", None)


def test_the_operating_system_may_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: never.wait(10))
    with pytest.raises(NotResolvedError, match=r"no answer within 0\.5 s"):
        addresses("host.test", None)
    never.set()


def test_mail_servers_come_by_preference(resolver: Resolver) -> None:
    servers = ["a.mail.test", "b.mail.test", "backup.mail.test", "two.test"]
    assert mail_servers("mail.test", resolver) == [f"smtp://{name}:25" for name in servers]


def test_a_domain_without_mx_is_its_own_mail_server(resolver: Resolver) -> None:
    assert mail_servers("implicit.test", resolver) == ["smtp://implicit.test:25"]


@pytest.mark.parametrize(
    ("domain", "why"),
    [
        ("null.test", "accepts no mail"),
        ("absent.test", "does not exist"),
        ("silent.test", "no answer in time"),
        ("failing.test", "SERVFAIL"),
    ],
)
def test_why_a_domain_has_no_mail_server(resolver: Resolver, domain: str, why: str) -> None:
    with pytest.raises(NotResolvedError, match=f"{domain}.*{why}"):
        mail_servers(domain, resolver)


def test_a_bad_mx_hides_none_of_the_others(resolver: Resolver, brief: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(asyncio.SelectorEventLoop, "create_connection", refuse)
    targets = ["mx:odd.test", "mx:null.test", "smtp://192.0.2.2", "mx:odd.test"]
    tables = observe(targets, resolver=resolver, limits=brief, progress=False)
    reasons = tables.observations.groupby("service")["reason"].first().to_dict()
    assert set(reasons) == {
        "smtp://two.test:25", "smtp://bad!name.test:25", "smtp://*.test:25", "smtp://192.0.2.1:25",
        "smtp://null.test:25", "smtp://192.0.2.2:25",
    }  # fmt: skip
    assert reasons["smtp://*.test:25"] == "an MX of odd.test: '*.test' is not a host name."
    assert reasons["smtp://192.0.2.1:25"].startswith("an MX of odd.test: 192.0.2.1 is an address")
    outcomes = tables.observations.groupby("service")["outcome"].first()
    assert {outcomes.pop(f"smtp://{asked}:25") for asked in ("two.test", "192.0.2.2")} == {"port_closed"}
    assert set(outcomes) == {"not_resolved"}
    assert set(tables.rounds["services"].iloc[0]) == set(reasons)
    assert tables.observations["address"].dropna().nunique() == 4, "the three of two.test, and the one that was named"


def test_a_failure_does_not_name_the_resolver(resolver: Resolver) -> None:
    resolver.nameservers = ["127.0.0.1", "127.0.0.2"]
    for ask, name in ((mail_servers, "failing.test"), (addresses, "broken.test")):
        with pytest.raises(NotResolvedError) as caught:
            ask(name, resolver)
        assert not any(address in str(caught.value) for address in ("127.0.0", str(resolver.port)))


def test_what_does_not_resolve_is_a_row_for_each_target_and_offer(resolver: Resolver, brief: Limits) -> None:
    tables = observe(
        ["smtp://absent.test", "mx:null.test", "mx:silent.test"],
        offers=("rsa", "ecdsa"),
        samples=2,
        resolver=resolver,
        limits=brief,
        progress=False,
    )
    looks = tables.observations
    assert set(looks["outcome"]) == {"not_resolved"}
    assert set(looks["stage"]) == {"resolve"}
    assert looks["address"].isna().all()
    services = ("smtp://absent.test:25", "smtp://null.test:25", "smtp://silent.test:25")
    assert set(looks["service"]) == set(services)
    assert set(looks.groupby("service")["offer"].nunique()) == {2}
    assert tables.rounds["services"].iloc[0] == services
    assert list(tables.rounds["looks"].dropna()) == [6]


def test_each_address_is_asked_and_named(loopback: Loopback, resolver: Resolver, brief: Limits) -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    port = loopback.serve(close)
    url = f"https://two.test:{port}"
    looks = observe(url, samples=2, resolver=resolver, limits=brief, progress=False).observations
    assert set(looks["address"]) == {"::1", "127.0.0.1", "127.0.0.2"}
    assert set(looks["server_name"]) == {"two.test"}
    first = observe(url, addresses=2, resolver=resolver, limits=brief, progress=False).observations
    assert len(first) == 2
    assert set(first["address"]) < set(looks["address"])


def test_mail_servers_are_looked_at_under_their_own_names(
    loopback: Loopback, resolver: Resolver, brief: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(asyncio.SelectorEventLoop, "create_connection", refuse)
    tables = observe("mx:mail.test", resolver=resolver, limits=brief, progress=False)
    looks = tables.observations
    unresolved = looks["outcome"] == "not_resolved"
    assert set(looks.loc[unresolved, "host"]) == {"a.mail.test", "b.mail.test", "backup.mail.test"}
    assert set(looks.loc[~unresolved, "host"]) == {"two.test"}
    assert set(looks.loc[~unresolved, "outcome"]) == {"port_closed"}
