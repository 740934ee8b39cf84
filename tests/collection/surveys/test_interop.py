"""What a survey finds of real servers is what they are configured to accept, and what other clients get from them.

Truth comes from trying each suite alone with another client (the standard library's OpenSSL, JSSE), or from the
server's own configuration read by its own program (GnuTLS, NSS, tlslite-ng).
"""

import re
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.collection.surveys import daemons
from tests.collection.surveys.serving import dropping
from tests.conftest import need
from tests.interop import daemons as common, scanners
from toolkit.analyse.support.tools import QUESTION, compare_tools
from toolkit.certificates import parse_certificate
from toolkit.collection.surveys.surveying import survey
from toolkit.dissection import dissect
from toolkit.readers.pem import read_certificates
from toolkit.reference import askable, find_suite, suites
from toolkit.schema import PROTOCOLS
from toolkit.tables import Tables
from toolkit.targets import parse_target

pytestmark = pytest.mark.interop

Pairs = set[tuple[str, int]]

VERSIONS = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
}
NSS_SUITES = (
    0x0004, 0x0005, 0x000A, 0x0009, 0x002F, 0x0035, 0x003C, 0x009C, 0x009D, 0x0033, 0x0039, 0xC013, 0xC014, 0xC02F,
    0xC030, 0xCCA8, 0xC009, 0xC00A, 0xC02B, 0xC02C, 0xCCA9, 0xC011, 0xC012, 0xC007, 0xC008,
)  # fmt: skip
_UPGRADES = {"smtp": (b"", b"EHLO me\r\n", b"STARTTLS\r\n"), "imap": (b"", b"a STARTTLS\r\n")}
_SUITES_ALONE = ("--no-groups", "--no-compression", "--no-fallback", "--no-heartbleed", "--no-renegotiation")
EVERYTHING = "ALL:!aNULL:!PSK:!SRP:@SECLEVEL=0"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that servers can enter, with certificates."""
    with common.state_folder() as made:
        common.make_certificates(made)
        daemons.make_more(made)
        yield made


def found(port: int, scheme: str = "tls", **settings: object) -> Tables:
    target = parse_target(f"{scheme}://mail.interop.test:9999", connect_to=f"127.0.0.1:{port}")
    given = {"rate": None, "concurrency": 8, "pause_seconds": 0, "progress": False, "parts": ("suites",)} | settings
    tables = survey(target, **given)  # type: ignore[arg-type]  # the settings of a test are a dict
    assert isinstance(tables, Tables)
    end = tables.rounds.iloc[-1]
    assert end["connections"] <= end["connections_bound"] + 8
    return tables


def accepted(tables: Tables, *, is_sound: bool | None = None) -> Pairs:
    asked = tables.support[tables.support["suite_code"].notna()]
    chosen = asked[asked["state"] == "accepted"]
    if is_sound is not None:
        chosen = chosen[chosen["is_sound"] == is_sound]
    return set(zip(chosen["protocol"], chosen["suite_code"].astype(int), strict=True))


def first_choices(tables: Tables) -> dict[str, int]:
    first = tables.support[(tables.support["rank"] == 1) & tables.support["suite_code"].notna()]
    return dict(zip(first["protocol"], first["suite_code"].astype(int), strict=True))


def untested(tables: Tables) -> pd.DataFrame:
    asked = tables.support[tables.support["suite_code"].notna()]
    return asked[asked["state"] == "untested"]


def alone(port: int, scheme: str = "tls", *, shows: Path | None = None) -> Pairs:
    """The suites before TLS 1.3 that the server takes from the standard library's OpenSSL, each offered alone.

    `shows`: a certificate and its key, for a server that asks for one.
    """
    known = {}
    for entry in ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).get_ciphers() + _every_cipher():
        suite = find_suite(entry["name"])
        if suite is not None and "TLS 1.3" not in suite.versions:
            known[suite.code] = entry["name"]
    pairs = set()
    for protocol, version in VERSIONS.items():
        for code, name in known.items():
            if _is_taken(port, scheme, version, name, shows):
                pairs.add((protocol, code))
    return pairs


def _every_cipher() -> list[dict[str, object]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return context.get_ciphers()  # type: ignore[return-value]  # typeshed's _Cipher


def _is_taken(port: int, scheme: str, version: ssl.TLSVersion, name: str, shows: Path | None) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if shows is not None:
        context.load_cert_chain(shows.with_suffix(".crt"), shows.with_suffix(".key"))
    try:
        context.set_ciphers(f"{name}:@SECLEVEL=0")
    except ssl.SSLError:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            for command in _UPGRADES.get(scheme, ()):
                connection.sendall(command)
                connection.recv(4096)
            with context.wrap_socket(connection) as secured:
                return secured.version() is not None
    except (ssl.SSLError, ConnectionError):
        return False


def before_13(pairs: Pairs) -> Pairs:
    return {pair for pair in pairs if pair[0] != "TLS 1.3"}


def in_13(*codes: int) -> Pairs:
    return {("TLS 1.3", code) for code in codes}


def test_nginx_of_today(folder: Path) -> None:
    settings = "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20; ssl_protocols TLSv1.2 TLSv1.3;"
    with common.nginx(folder, settings) as ports:
        tables = found(ports["https"])
        truth = alone(ports["https"])
    assert len(truth) == 6
    assert accepted(tables) == truth | in_13(0x1301, 0x1302, 0x1303) == accepted(tables, is_sound=True)
    assert untested(tables).empty
    assert first_choices(tables) == {}  # it follows the client


def test_postfix_with_everything(folder: Path) -> None:
    settings = (
        "smtpd_tls_protocols = >=TLSv1\nsmtpd_tls_ciphers = low\ntls_low_cipherlist = ALL:!SRP:!PSK:@SECLEVEL=0\n"
    )
    with common.postfix(folder, settings) as ports:
        tables = found(ports["smtp"], "smtp")
        truth = alone(ports["smtp"], "smtp")
    assert ("TLS 1.0", 0xC018) in truth  # anonymous, as mail servers offer to each other
    assert accepted(tables) == truth | in_13(0x1301, 0x1302, 0x1303)
    assert untested(tables).empty


def test_dovecot_in_its_own_order(folder: Path) -> None:
    settings = f"ssl_dh = <{folder}/dh.pem\n"
    settings += f"ssl_min_protocol = TLSv1\nssl_cipher_list = {EVERYTHING}\nssl_prefer_server_ciphers = yes\n"
    with common.dovecot(folder, settings) as ports:
        tables = found(ports["imap"], "imap")
        truth = alone(ports["imap"], "imap")
    assert accepted(tables) == truth | in_13(0x1301, 0x1302, 0x1303)
    assert untested(tables).empty
    # Its own order is OpenSSL's for that list.
    printed = subprocess.run(
        [need("openssl"), "ciphers", EVERYTHING], capture_output=True, text=True, check=True, timeout=20
    ).stdout
    ordered = [suite.code for name in printed.strip().split(":") if (suite := find_suite(name))]
    rows = tables.support[(tables.support["protocol"] == "TLS 1.2") & tables.support["rank"].notna()]
    ranked = rows[rows["suite_code"].notna()].sort_values("rank")["suite_code"].tolist()
    assert ranked == [code for code in ordered if code in ranked]
    assert len(ranked) == len([pair for pair in truth if pair[0] == "TLS 1.2"])


def test_dovecot_without_finite_field_parameters(folder: Path) -> None:
    """It chooses DHE all the same, where that is its next choice, and then closes without a word."""
    settings = f"ssl_min_protocol = TLSv1\nssl_cipher_list = {EVERYTHING}\nssl_prefer_server_ciphers = yes\n"
    with common.dovecot(folder, settings) as ports:
        tables = found(ports["imaps"])
        truth = alone(ports["imaps"])
    assert ("TLS 1.0", 0x0035) in truth
    assert ("TLS 1.0", 0x0039) not in truth
    assert accepted(tables) == truth | in_13(0x1301, 0x1302, 0x1303)
    assert first_choices(tables)["TLS 1.2"] == 0xC02C


def test_openssl_with_everything_that_it_was_built_with(folder: Path) -> None:
    suites_13 = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256"
    options = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-ciphersuites", suites_13, "-min_protocol", "TLSv1")
    with daemons.s_server(folder, *options) as port:
        tables = found(port, parts=("suites", "groups", "signature_schemes"))
        truth = alone(port)
        groups = {name for name in _groups_of_s_client() if _takes_group(port, name)}
    assert accepted(tables) == truth | in_13(0x1301, 0x1302, 0x1303, 0x1304)
    assert untested(tables).empty
    listed = tables.support[tables.support["group"].notna() & (tables.support["protocol"] == "TLS 1.3")]
    by_name = set(listed[listed["state"] == "accepted"]["group"])
    assert by_name == groups
    keys = tables.support[tables.support["key_type"].notna() & (tables.support["state"] == "accepted")]
    assert {(p, k) for p, k in zip(keys["protocol"], keys["key_type"], strict=True)} == {
        (protocol, kind) for protocol in (*VERSIONS, "TLS 1.3") for kind in ("RSA", "EC")
    }


@pytest.mark.parametrize("lengths", [{10, 14}, {1200 % 256}, set(range(0, 256, 2))], ids=["some", "ours", "even"])
def test_behind_a_path_that_drops_some_lengths(folder: Path, lengths: set[int]) -> None:
    with daemons.s_server(folder, "-cipher", "ALL:@SECLEVEL=0", "-min_protocol", "TLSv1") as port:
        direct = found(port)
        with dropping(port, lengths) as behind:
            target = parse_target("tls://mail.interop.test:9999", connect_to=f"127.0.0.1:{behind}")
            tables = survey(target, rate=None, concurrency=8, pause_seconds=0, progress=False, parts=("suites",))
    rows = tables.support[tables.support["suite_code"].notna()]
    refused = rows[rows["state"] == "refused"]
    assert not accepted(direct) & set(zip(refused["protocol"], refused["suite_code"].astype(int), strict=True))
    assert accepted(tables) == accepted(direct)


def test_an_anonymous_server_that_asks_for_a_certificate_is_not_sound(folder: Path) -> None:
    """OpenSSL chooses the suite and then asks for what it may not (RFC 5246, 7.4.4): its own client gives up."""
    options = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-min_protocol", "TLSv1", "-Verify", "1")
    with daemons.s_server(folder, *options) as port:
        tables = found(port)
        truth = alone(port, shows=folder / "rsa")
    unsound = accepted(tables, is_sound=False)
    assert {suites()[code].authentication for _, code in unsound} == {"anon"}
    assert before_13(accepted(tables, is_sound=True)) == truth
    anonymous = {(p, code) for p, code in accepted(tables) if suites()[code].authentication == "anon"}
    assert unsound == anonymous
    assert len(unsound) > 20


def _groups_of_s_client() -> dict[str, str]:
    return {
        "x25519": "X25519", "x448": "X448", "secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521",
        "ffdhe2048": "ffdhe2048", "ffdhe3072": "ffdhe3072", "ffdhe4096": "ffdhe4096", "ffdhe6144": "ffdhe6144",
        "ffdhe8192": "ffdhe8192", "brainpoolP256r1tls13": "brainpoolP256r1", "secp256k1": "secp256k1",
    }  # fmt: skip


def _takes_group(port: int, name: str) -> bool:
    command = [need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3"]
    done = subprocess.run(
        [*command, "-groups", _groups_of_s_client()[name]], input=b"", capture_output=True, timeout=30, check=False
    )
    return b"Server Temp Key" in done.stdout


def test_gnutls_as_its_priority_string_says(folder: Path) -> None:
    priority = (
        "NORMAL:%COMPAT:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0:+ARCFOUR-128:+3DES-CBC:"
        "+AES-128-CCM-8:+AES-256-CCM-8:+CAMELLIA-256-CBC:+CAMELLIA-128-GCM:+MD5:+SHA256:+SHA384"
    )
    printed = subprocess.run(
        [need("gnutls-cli"), "--list", "--priority", priority], capture_output=True, text=True, check=True, timeout=20
    ).stdout
    truth: Pairs = set()
    for first, second, oldest in re.findall(r"^TLS_\S+\s+0x(\w\w), 0x(\w\w)\s+(\S+)$", printed, re.MULTILINE):
        since = {"SSL3.0": "SSL 3.0", "TLS1.0": "TLS 1.0", "TLS1.2": "TLS 1.2", "TLS1.3": "TLS 1.3"}[oldest]
        until = "TLS 1.3" if since == "TLS 1.3" else "TLS 1.2"
        span = PROTOCOLS[PROTOCOLS.index(since) : PROTOCOLS.index(until) + 1]
        truth |= {(protocol, int(first + second, 16)) for protocol in span if protocol != "SSL 3.0"}
    with daemons.gnutls(folder, priority) as port:
        tables = found(port)
    assert len(truth) > 90
    assert accepted(tables) == truth
    assert untested(tables).empty


@pytest.mark.parametrize("versions", ["tls1.0:tls1.3", "ssl3:tls1.2"])
def test_nss_as_configured(folder: Path, tmp_path: Path, versions: str) -> None:
    oldest, newest = (f"TLS {v[3:]}" if v != "ssl3" else "SSL 3.0" for v in versions.split(":"))
    configured = NSS_SUITES + ((0x1301, 0x1302, 0x1303) if newest == "TLS 1.3" else ())
    truth: Pairs = set()
    for protocol in PROTOCOLS[PROTOCOLS.index(oldest) : PROTOCOLS.index(newest) + 1]:
        for code in configured:
            since = suites()[code].versions[0]
            if since in ("TLS 1.2", "TLS 1.3"):
                is_taken = protocol == since
            else:  # NSS ties these to no version, but that SSL 3.0 lacks elliptic curves
                is_taken = protocol != "TLS 1.3" and not (protocol == "SSL 3.0" and code > 0xC000)
            if is_taken:
                truth.add((protocol, code))
    with daemons.nss(folder, tmp_path, versions, configured) as port:
        tables = found(port)
    assert accepted(tables) == truth
    assert set(untested(tables)["protocol"]) == {"SSL 2.0"}  # it answers unexpected_message, which is not a refusal
    assert set(first_choices(tables)) == {protocol for protocol, _ in truth}


def test_jsse_suite_for_suite_as_its_own_client_gets_them(folder: Path, tmp_path: Path) -> None:
    names = {"SSLv3": "SSL 3.0", "TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}
    with daemons.jsse(folder, tmp_path) as (port, state):
        tables = found(port, keep_bytes=True)
        printed = subprocess.run(
            [*daemons.java(state), "JsseAlone", str(port)], capture_output=True, text=True, check=True, timeout=120
        ).stdout
        (closed,) = common.free_ports(1)
        nmap = scanners.scan_with_nmap(need("nmap"), tmp_path / "nmap.xml", "127.0.0.1", port, closed)
        sslscan = scanners.scan_with_sslscan(need("sslscan"), tmp_path / "sslscan.xml", port, *_SUITES_ALONE)
        sslyze = scanners.scan_with_sslyze(need("sslyze"), tmp_path / "sslyze.json", port)
    truth: Pairs = set()
    for line in printed.splitlines():
        version, name = line.split()
        suite = find_suite(name)
        assert suite is not None
        truth.add((names[version], suite.code))
    assert len(truth) > 100  # 162 with Java 17
    assert accepted(tables) == truth
    assert untested(tables).empty
    # Under SSL 3.0 it picks a curve that was not offered: chosen, but not sound.
    unsound = {pair for pair in truth if pair[0] == "SSL 3.0" and suites()[pair[1]].key_exchange == "ECDHE"}
    assert accepted(tables, is_sound=False) == unsound
    assert unsound
    assert accepted(tables, is_sound=True) == truth - unsound
    _can_take_apart(tables)
    _looks_of_nmap(nmap, port, closed, folder)
    assert set(sslyze.observations["leaf_sha256"]) == _leaves(folder)  # both: it asks for each key type
    compared = compare_tools(
        Tables.concat([tables, nmap, sslscan, sslyze]),
        aliases={tables.support["service"][0]: f"tls://127.0.0.1:{port}"},
    )
    _side_by_side(compared, {(protocol, suites()[code].name) for protocol, code in truth})


def _looks_of_nmap(nmap: Tables, port: int, closed: int, folder: Path) -> None:
    looks = nmap.observations.set_index("port")
    assert looks["outcome"].to_dict() == {port: "ok", closed: "port_closed"}
    assert looks.loc[port, "leaf_sha256"] in _leaves(folder)
    assert nmap.certificates.set_index("cert_sha256").loc[looks.loc[port, "leaf_sha256"], "der"] is not None
    assert looks["tool"].str.match(r"nmap \d+\.\d+").all()


def _leaves(folder: Path) -> set[object]:
    return {parse_certificate(read_certificates(folder / f"{kind}.crt")[0])["cert_sha256"] for kind in ("rsa", "ec")}


def _side_by_side(compared: pd.DataFrame, truth: set[tuple[str, str]]) -> None:
    """The survey and nmap name every suite; sslscan and SSLyze all but those of SSL 3.0.

    sslscan sees that version and could not ask for its suites. SSLyze gives it up, because the server picks a curve
    that was not offered.
    """
    assert "disputed" not in set(compared["agreement"])
    of = {tool.partition(" ")[0]: rows for tool, rows in compared.groupby("tool")}
    assert sorted(of) == ["nmap", "sslscan", "sslyze", "tls-toolkit"]
    for tool, rows in of.items():
        named = rows[rows["suite"].notna() & (rows["state"] == "accepted")]
        knows_old = tool not in ("sslscan", "sslyze")
        could_know = {pair for pair in truth if knows_old or pair[0] != "SSL 3.0"}
        assert set(zip(named["protocol"], named["suite"], strict=True)) == could_know
        versions = rows[rows[list(QUESTION[2:])].isna().all(axis=1)].set_index("protocol")
        seen = PROTOCOLS[1 + (tool == "sslyze") :]
        assert set(versions.index[versions["state"] == "accepted"]) == set(seen)
        assert versions["is_backed"].dropna().to_dict() == {
            protocol: knows_old or protocol != "SSL 3.0" for protocol in seen
        }
        untold = rows[(rows["protocol"] == "SSL 3.0") & rows["suite"].notna()]
        assert knows_old or set(untold["state"]) == {"untested"}
    assert of["sslyze"]["reason"].str.endswith("wrong curve").sum() == 1


def _can_take_apart(tables: Tables) -> None:
    """Every field of every flight has its form; a temporary RSA key is not taken for finite-field parameters."""
    flights = tables.observations[tables.observations["suite_code"].notna()]
    for code, flight in zip(flights["suite_code"], flights["answer_bytes"], strict=True):
        names = set(dissect(flight)["name"])
        assert not {name for name in names if name.endswith("unread") or name == "ServerKeyExchange.body"}
        exchange = suites()[code].key_exchange
        assert ("ServerKeyExchange.params.rsa_modulus" in names) == exchange.startswith("RSA_EXPORT")
        assert ("ServerKeyExchange.params.dh_p" in names) == exchange.startswith("DHE")
        assert ("ServerKeyExchange.params.namedcurve" in names) == (exchange == "ECDHE")
    assert {"RSA_EXPORT", "DHE_EXPORT"} <= {suites()[code].key_exchange for code in flights["suite_code"]}


def test_tlslite_as_its_own_lists_say(folder: Path) -> None:
    settings = daemons.tlslite_settings()
    truth: Pairs = set()
    for number, protocol in enumerate(PROTOCOLS[1:]):
        version = (3, number)
        of = daemons.CipherSuite
        getters = [of.getEcdsaSuites, of.getEcdheCertSuites, of.getDheCertSuites, of.getCertSuites]
        if protocol == "TLS 1.3":
            getters = [of.getTLS13Suites]
        listed = [code for getter in getters for code in getter(settings, version)]
        allowed = of.filterForVersion(listed, minVersion=version, maxVersion=version)
        truth |= {(protocol, code) for code in allowed}
    with daemons.tlslite(folder) as port:
        tables = found(port)
    assert accepted(tables) == truth
    assert all(code in askable(protocol) for protocol, code in truth)


def test_split_chains_find_the_same(folder: Path) -> None:
    settings = f"ssl_ciphers {EVERYTHING}; ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on;"
    with common.nginx(folder, settings) as ports:
        whole, split = found(ports["https"]), found(ports["https"], splits=8)
    assert accepted(whole) == accepted(split)
    assert first_choices(whole) == first_choices(split)
    assert split.support["rank"].notna().sum() < whole.support["rank"].notna().sum()


@pytest.mark.parametrize("is_own_order", [False, True])
def test_an_ec_certificate_needs_its_curve_in_every_offer(folder: Path, *, is_own_order: bool) -> None:
    """Before TLS 1.3 OpenSSL refuses every curve where the certificate's own is missing: that refuses no curve."""
    command = [need("openssl"), "s_server", "-accept", "127.0.0.1:0", "-WWW", "-cert", f"{folder}/ec.crt"]
    command += ["-key", f"{folder}/ec.key", "-cipher", "ECDHE+AESGCM", *(["-serverpref"] if is_own_order else [])]
    with daemons.running(*command) as process:
        port = int(daemons.read_until(process, r"^ACCEPT 127\.0\.0\.1:(\d+)")[0])
        tables = found(port, parts=("suites", "groups"))
    asked = tables.support[tables.support["group"].notna() & (tables.support["protocol"] == "TLS 1.2")]
    states = dict(zip(asked["group"], asked["state"], strict=True))
    assert states["x25519"] == states["secp256r1"] == "accepted"
    # A server that prefers P-256 cannot be asked about the other curves alone.
    assert states["secp384r1"] == ("untested" if is_own_order else "accepted")
    assert states["sect163k1"] == ("untested" if is_own_order else "refused")
