"""What mail servers log about TLS, against the reading made without this program, and what must not be kept."""

import csv
import gzip
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import toolkit
from tests.conftest import SHARED
from toolkit import schema
from toolkit.errors import ReadError, ReadWarning
from toolkit.readers.mail_suites import read_suite
from toolkit.readers.spelling import protocol_of

LOGS = SHARED / "recorded" / "others" / "logs"
EXTRA = {"dovecot-2.3.13.log": 1}
"""Connections with TLS that ended without a log-in, which the reading does not count."""

STAMP = "2026-11-28T04:27:58.295161+00:00 mx "
PEER = "TLSv1.2 with cipher AES128-SHA (128/128 bits)"


def readings() -> dict[str, Counter[tuple[str | None, str | None, int]]]:
    found: dict[str, Counter[tuple[str | None, str | None, int]]] = {}
    if LOGS.exists():
        with (LOGS / "READING.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["cipher_text"]:
                    protocol = protocol_of(row["protocol_text"])
                    suite, bits = read_suite(row["cipher_text"], protocol)[0], int(row["bits_text"].split("/")[0])
                    found.setdefault(row["file"], Counter())[protocol, suite, bits] += int(row["lines"])
    return found


READINGS = readings()


def read(folder: Path, *lines: str) -> pd.DataFrame:
    (folder / "mail.log").write_text("".join(f"{line}\n" for line in lines))
    return toolkit.read(folder / "mail.log").observations


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("name", READINGS or ["(none)"])
def test_a_log_is_read_as_it_was_by_others(name: str) -> None:
    tables = toolkit.read(LOGS / name)
    looks = tables.observations[tables.observations["outcome"] == "ok"]
    counts = Counter(
        (None if pd.isna(row["protocol"]) else str(row["protocol"]), str(row["suite"]), int(row["printed_bits"]))
        for row in looks.to_dict("records")
    )
    wanted = Counter({(protocol, str(suite), bits): n for (protocol, suite, bits), n in READINGS[name].items()})
    assert not wanted - counts
    assert (counts - wanted).total() == EXTRA.get(name, 0)
    assert looks["suite_code"].notna().all()
    for table in schema.TABLES:
        schema.check(table, getattr(tables, table))
        kept = getattr(tables, table).to_csv()
        for secret in ("alice", "bob", "@", "session", "1xXA1", "bd4014"):
            assert secret not in kept


def test_only_the_servers_that_were_connected_to_have_a_name(tmp_path: Path) -> None:
    looks = read(
        tmp_path,
        f"{STAMP}postfix/smtp[1]: Verified TLS connection established to mx.a.test[192.0.2.1]:25: {PEER}",
        f"{STAMP}postfix/smtpd[1]: Anonymous TLS connection established from client.b.test[198.51.100.7]: {PEER}",
        f"{STAMP}sm-mta[1]: STARTTLS=server, relay=client.b.test [198.51.100.7], version=TLSv1.3, verify=NO, "
        "cipher=TLS_AES_256_GCM_SHA384, bits=256/256",
        f"{STAMP}sm-mta[1]: STARTTLS=client, relay=mx.a.test., version=TLSv1/SSLv3, verify=FAIL, cipher=DES-CBC3-SHA, "
        "bits=112/168",
        f"{STAMP}dovecot: imap-login: Login: user=<lip=203.0.113.9, TLSv1 with cipher X (1/1 bits)>, rip=198.51.100.7, "
        "lip=192.0.2.2, TLS, session=<x>, TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits)",
    )
    assert looks["service"].dropna().tolist() == ["smtp://mx.a.test:25"]
    assert looks["host"].tolist() == ["mx.a.test", "mx", "mx", "mx.a.test", "mx"]
    assert looks["address"].dropna().tolist() == ["192.0.2.1", "192.0.2.2"]
    assert looks["printed_bits"].tolist() == [128, 128, 256, 112, 128]
    assert looks["reason"][3] == "112/168 bits; version: TLSv1/SSLv3; verification: FAIL"
    assert "client.b.test" not in looks.to_csv()
    assert "198.51.100.7" not in looks.to_csv()
    assert set(looks["observed_at"]) == {pd.Timestamp("2026-11-28T04:27:58.295161Z")}


def test_a_time_without_a_zone_bounds_and_one_without_a_year_does_not_date(tmp_path: Path) -> None:
    looks = read(
        tmp_path,
        "2026-11-28 04:26:36 1xXA1D-00051R-Q8 => alice@a.test R=o T=smtp H=mx.a.test [192.0.2.1]:25 "
        "X=TLS1.2:RSA_AES_256_CBC_SHA1:256 CV=no",
        f"Nov 28 04:17:42 mx postfix/smtp[1]: Trusted TLS connection established to mx.a.test[192.0.2.1]:465: {PEER}",
    )
    assert looks["observed_at"].isna().all()
    assert (looks["observed_until"][0] - looks["observed_from"][0]) == pd.Timedelta(hours=26)
    assert looks["date_basis"].tolist() == [
        "between: a local time, whose zone is not in the log",
        "undated: Nov 28 04:17:42, without a year and a zone",
    ]
    assert looks["suite_code"].tolist() == [0x0035, 0x002F]
    assert looks["service"].tolist() == ["smtp://mx.a.test:25", "smtps://mx.a.test:465"]


def test_a_connection_that_failed_is_a_row(tmp_path: Path) -> None:
    failed = f"{STAMP}postfix/smtp[1]: SSL_connect error to mx.a.test[192.0.2.1]:25: "
    looks = read(
        tmp_path, f"{failed}lost connection", f"{failed}Connection reset by peer", f"{failed}Connection timed out"
    )
    assert looks["outcome"].tolist() == ["closed", "reset", "timeout"]
    assert looks["sample"].tolist() == [0, 1, 2]


DOVECOT = f"{STAMP}dovecot: imap-login: Disconnected: user=<>, rip=198.51.100.7, lip=192.0.2.2, TLS handshaking"
EXIM = "2026-11-28 04:26:36 TLS error on connection from c.b.test (me) [198.51.100.7]:5 I=[192.0.2.2]:25"
POSTFIX = f"{STAMP}postfix/smtpd[1]: SSL_accept error from"
UNSAID = "; the line does not say whether an alert was sent"
SENDMAIL = f"{STAMP}sm-mta[1]: STARTTLS=server, error: accept failed=0, reason"


@pytest.mark.parametrize(
    ("line", "outcome", "reason"),
    [
        (f"{POSTFIX} c.b.test[198.51.100.7]: -1", "closed", f"SSL_accept: -1{UNSAID}"),
        (f"{POSTFIX} unknown[unknown]: Connection timed out", "timeout", "SSL_accept: Connection timed out"),
        (f"{SENDMAIL}=tlsv1 alert protocol version, SSL_error=1", "ok", "accept: tlsv1 alert protocol version"),
        (f"{SENDMAIL}=sslv3 alert handshake failure, SSL_error=1", "closed", "accept: sslv3 alert handshake failure"),
        (f"{SENDMAIL}=no shared cipher, SSL_error=1, relay=c.b.test", "refused", "accept: no shared cipher"),
        (f"{EXIM} (SSL_accept): unsupported protocol", "refused", "SSL_accept: unsupported protocol"),
        (f"{EXIM} (gnutls_handshake): timed out", "timeout", "gnutls_handshake: timed out"),
        (f"{DOVECOT}, session=<x>", "closed", "log-in by imap; TLS handshaking"),
        (f"{DOVECOT}: SSL_accept() failed: error:0A000418:SSL routines::tlsv1 alert unknown ca, session=<x>", "ok",
         "log-in by imap; TLS handshaking: SSL_accept() failed: error:0A000418:SSL routines::tlsv1 alert unknown ca"),
    ],
)  # fmt: skip
def test_a_client_whose_handshake_failed_is_a_row_without_the_client(
    tmp_path: Path, line: str, outcome: str, reason: str
) -> None:
    looks = read(tmp_path, line)
    assert looks[["outcome", "reason"]].to_numpy().tolist() == [[outcome, reason]]
    assert looks["service"].isna().all()
    assert looks["host"].fillna("").tolist() == ["" if line.startswith(EXIM) else "mx"]
    assert "198.51.100.7" not in looks.to_csv()
    assert "c.b.test" not in looks.to_csv()


def test_a_handshake_that_exim_began_and_that_failed_is_a_look_at_the_other_server(tmp_path: Path) -> None:
    line = "2026-11-29 10:00:08 TLS error on connection to mx.a.test [192.0.2.1] (SSL_connect): sslv3 alert failure"
    (row,) = read(tmp_path, line).to_dict("records")
    assert (row["host"], row["address"], row["outcome"]) == ("mx.a.test", "192.0.2.1", "refused")


PROBLEM = "warning: TLS library problem: error:0A00010B:SSL routines"
ACCEPT = "postfix/smtpd[1]: SSL_accept error from c.b.test[198.51.100.7]: -1"
ALERT = f"postfix/smtp[1]: {PROBLEM}:f:sslv3 alert handshake failure:s.c:5:SSL alert number 40:"
CONNECT = "postfix/smtp[1]: SSL_connect error to mx.a.test[192.0.2.1]:25: -1"
STARTTLS = "sm-mta[1]: STARTTLS=client, error: connect failed=-1"
REPEATED = "sm-mta[1]: STARTTLS=client: 9:error:1:SSL routines:f:tlsv1 alert protocol version:s.c:1:"
RULESET = "sm-mta[1]: ruleset=tls_server, arg1=SOFTWARE, relay=mx.a.test, reject=403 4.7.0 TLS handshake failed."
SESSION = "smtpd[1]: bd40145891331d02"
MTA = f"{SESSION} mta connecting address=smtp://192.0.2.1:25 host=mx.a.test"


@pytest.mark.parametrize(
    ("lines", "outcome", "reason", "host"),
    [
        (
            f"{ACCEPT}\npostfix/smtpd[1]: {PROBLEM}::version too low:../ssl/s.c:1780:",
            "refused", "SSL_accept: error:0A00010B:SSL routines::version too low", "mx",
        ),
        (
            f"{CONNECT}\npostfix/smtp[2]: {PROBLEM}::other\n{ALERT}",
            "refused", "SSL_connect: error:0A00010B:SSL routines:f:sslv3 alert handshake failure:SSL alert number 40",
            "mx.a.test",
        ),
        (
            f"{CONNECT}\npostfix/smtp[1]: {PROBLEM}:f:wrong version number:../ssl/s.c:331:",
            "not_tls", "SSL_connect: error:0A00010B:SSL routines:f:wrong version number", "mx.a.test",
        ),
        (
            f"{STARTTLS}, reason=tlsv1 alert protocol version, SSL_error=1, errno=0\n{REPEATED}\n{RULESET}",
            "refused", "connect: tlsv1 alert protocol version", "mx.a.test",
        ),
        (f"{RULESET}\n{STARTTLS}, SSL_error=5, errno=104", "reset", "connect: SSL_error=5, errno=104", "mx.a.test"),
        (f"{STARTTLS}, SSL_error=5, errno=104, retry=-1", "reset", "connect: SSL_error=5, errno=104", None),
        (
            f"{MTA}\n{SESSION} mta error reason=IO Error: handshake failed: error:14:SSL routines::alert x",
            "refused", "handshake failed: error:14:SSL routines::alert x", "mx.a.test",
        ),
        (
            f"{MTA}\nsmtpd[1]: smtp-out: Error on session bd40145891331d02: opportunistic TLS failed, downgrading",
            "closed", f"opportunistic TLS failed{UNSAID}", "mx.a.test",
        ),
        (
            f'{SESSION} smtp disconnected reason="io-error: handshake failed: error:14:SSL routines::no shared cipher"',
            "refused", "handshake failed: error:14:SSL routines::no shared cipher", "mx",
        ),
    ],
)  # fmt: skip
def test_what_other_lines_say_of_a_failed_handshake_is_in_its_row(
    tmp_path: Path, lines: str, outcome: str, reason: str, host: str | None
) -> None:
    (row,) = read(tmp_path, *(STAMP + line for line in lines.split("\n"))).to_dict("records")
    assert (row["outcome"], row["reason"], None if pd.isna(row["host"]) else row["host"]) == (outcome, reason, host)


def test_sendmail_may_name_each_server_before_or_after_it_failed(tmp_path: Path) -> None:
    """Lines of one second, in both orders; a server that was named in another second is not that of the failure."""
    after = [f"{STARTTLS}, SSL_error=5", RULESET, f"{STARTTLS}, SSL_error=5", RULESET.replace("mx.", "mx2.")]
    looks = read(tmp_path, *(STAMP + line for line in after))
    assert looks["host"].tolist() == ["mx.a.test", "mx2.a.test"]
    looks = read(tmp_path, *(STAMP + line for line in (after[1], after[0], after[3], after[2])))
    assert looks["host"].tolist() == ["mx.a.test", "mx2.a.test"]
    looks = read(tmp_path, STAMP + after[1], STAMP.replace(":58", ":59") + after[0])
    assert looks["host"].isna().all()


def test_a_reason_is_that_of_the_failure_directly_before_it(tmp_path: Path) -> None:
    failed = f"{POSTFIX} c.b.test[198.51.100.7]: -1"
    good = f"{STAMP}postfix/smtpd[1]: Anonymous TLS connection established from c.b.test[198.51.100.7]: {PEER}"
    problem = f"{STAMP}postfix/smtpd[1]: {PROBLEM}::no shared cipher:s.c:1:"
    between = ["x"] * 1000
    looks = read(tmp_path, failed, good, problem, failed, *between, problem, failed, failed, problem, problem)
    assert looks["outcome"].tolist() == ["closed", "ok", "closed", "closed", "refused"]


def test_repeated_lines_of_several_clients_and_times_are_rows_by_their_time(tmp_path: Path) -> None:
    line = "postfix/smtpd[{}]: Anonymous TLS connection established from c{}.test[198.51.100.7]: " + PEER
    stamps = [
        "2026-11-28T04:27:58.000001+00:00",
        "2026-11-28T05:27:58.5+01:00",
        "Nov 28 04:27:58",
        "2026-11-28T04:27:59Z",
    ]
    looks = read(tmp_path, *(f"{stamp} mx " + line.format(n, n) for n, stamp in enumerate(stamps)))
    assert [at.isoformat()[17:-6] for at in looks["observed_at"].dropna()] == ["58.000001", "58.500000", "59"]
    assert looks["host"].tolist() == ["mx"] * 4
    assert looks["date_basis"][2].startswith("undated: Nov 28")


def test_lines_may_end_with_a_carriage_return(tmp_path: Path) -> None:
    line = f"{STAMP}postfix/smtp[1]: Trusted TLS connection established to mx.a.test[192.0.2.1]:25: {PEER}"
    for name, packed in (("mail.log", lambda data: data), ("mail.log.gz", gzip.compress)):
        (tmp_path / name).write_bytes(packed(f"{STAMP}x\r{line}\r{line}\r".encode()))
        assert toolkit.read(tmp_path / name).observations["host"].tolist() == ["mx.a.test"] * 2


def test_bytes_that_are_not_utf_8_are_said(tmp_path: Path) -> None:
    (tmp_path / "mail.log").write_bytes(f"{POSTFIX} c.b.test[198.51.100.7]: gescheitert: ".encode() + b"ung\xfcltig\n")
    with pytest.warns(ReadWarning, match=r"line 1: bytes that are not UTF-8 are read as U\+FFFD"):
        assert toolkit.read(tmp_path / "mail.log").observations["reason"].item().endswith("ung\ufffdltig")


TRUSTED = f"Trusted TLS connection established to victim.test[192.0.2.66]:25: {PEER}"
WEAK = "X=TLS1.0:RSA_ARCFOUR_SHA1:128 CV=divorce"
DELIVERED = f"H=victim.test [192.0.2.66]:25 {WEAK}"
EXIM_AT = "2026-11-28 04:26:36 1xXA1D-00051R-Q8"
CLIENT = "H=(c.b.test) [198.51.100.7]:5"
VICTIM = "STARTTLS=client, relay=victim.test, version=TLSv1, verify=OK, cipher=RC4-MD5, bits=128/128"
NEW = "version=TLSv1.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256/256"
LOG_IN = f"{STAMP}dovecot: imap-login: Disconnected (auth failed): user=<"
OF_US = ">, method=PLAIN, rip=198.51.100.7, lip=192.0.2.2, session=<x>"
OF_THEM = "divorce>, lip=192.0.2.66, TLS"

FORGED = [
    *(
        f"{STAMP}{program} {text}"
        for program in (
            "postfix/cleanup[1]: 4ABC: warning: header Subject:", "postfix/cleanup[1]:", "spamd[1]:", "postfix/pickup:",
            "postfix/smtp[1]: 4ABC: to=<x@y.test>, status=bounced (host y.test[192.0.2.9] said: 550", "sm-mta[1]: 6AS:",
            "sm-mta[1]: 6AS: <--", "smtpd[1]: bd40145891331d02 smtp failed-command command=", "dovecot: lmtp(x):",
            "exim[1]: 1xXA1D-00051R-Q8", "postfix/smtp[1]: Divorce-papers",
        )
        for text in (
            TRUSTED, f"Divorce-papers {TRUSTED}", "SSL_connect error to victim.test[192.0.2.66]:25: divorce papers",
            "SSL_accept error from victim.test[192.0.2.66]: divorce papers", f"x {VICTIM}", f"Subject: {VICTIM}",
            "imap-login: Login: user=<x>, rip=192.0.2.9, lip=192.0.2.66, TLSv1 with cipher RC4-MD5 (128/128 bits)",
            "smtpd[1]: bd40145891331d02 smtp tls ciphers=TLSv1:RC4-MD5:128", f"{EXIM_AT} => x {DELIVERED}",
            "imap-login: x: user=<x>, lip=192.0.2.66, TLS handshaking: divorce papers",
        )
        if not (program.startswith("sm-mta") and text == VICTIM)
    ),
    f"{STAMP}postfix/smtpd[1]: {VICTIM}",
    f"{STAMP}sm-mta[1]: {VICTIM.replace('client', 'server')} [192.0.2.66], {NEW}",
    f'{EXIM_AT} <= bob@b.test {CLIENT} P=esmtp S=335 id=1@b.test T="re: {WEAK}"',
    f'{EXIM_AT} <= bob@b.test {CLIENT} P=esmtp S=335 T="\\" {WEAK} \\"x"',
    f'{EXIM_AT} <= bob@b.test {CLIENT} P=esmtp S=335 id="x {WEAK} x"@b.test',
    f'{EXIM_AT} <= "x {DELIVERED} x"@b.test {CLIENT} P=esmtp S=335',
    f"{EXIM_AT} <= bob@b.test H=(x {WEAK} x) [198.51.100.7]:5 P=esmtp S=335",
    f'{EXIM_AT} => "x {DELIVERED} x"@a.test R=o T=smtp H=mx.a.test [192.0.2.1]:25 C="250 OK"',
    f'{EXIM_AT} => a@a.test F=<"x {DELIVERED} x"@b.test> R=o T=smtp H=mx.a.test [192.0.2.1]:25 C="250 {WEAK}"',
    f'{EXIM_AT} => a@a.test R=o T=smtp H=mx.a.test [192.0.2.1]:25 C="250 OK" {WEAK}',
    f"{EXIM_AT} == a@a.test R=o T=smtp defer (-44) H=mx.a.test [192.0.2.1]: SMTP error: 450 {DELIVERED}",
    f"{EXIM_AT} ** a@a.test R=o T=smtp H=mx.a.test [192.0.2.1]: SMTP error: 550 {DELIVERED}",
    f'{EXIM_AT} {CLIENT} rejected HELO "TLS error on connection to victim.test [192.0.2.66] (SSL_connect): divorce"',
    f'{EXIM_AT} {CLIENT} rejected HELO "TLS error on connection from x [192.0.2.66] (SSL_accept): divorce"',
    f"{LOG_IN}{OF_THEM}, TLSv1 with cipher RC4-MD5 (128/128 bits){OF_US}",
    f"{LOG_IN}{OF_THEM}, TLSv1 with cipher RC4-MD5 (128/128 bits), session=<y{OF_US}",
    f"{LOG_IN}{OF_THEM} handshaking: divorce papers, session=<y{OF_US}",
]  # fmt: skip
"""What a stranger can have a mail server write: subjects, replies, names of hosts and users, with words about TLS."""


@pytest.mark.filterwarnings("ignore::toolkit.errors.ReadWarning")
def test_what_strangers_have_a_server_write_is_neither_a_row_nor_in_one(tmp_path: Path) -> None:
    good = f"{STAMP}postfix/smtp[7]: Verified TLS connection established to mx.a.test[192.0.2.1]:25: {PEER}"
    failed = f"{STAMP}postfix/smtpd[1]: SSL_accept error from c.b.test[198.51.100.7]: -1"
    quoted = f"{STAMP}postfix/smtpd[1]: NOQUEUE: reject: helo=<warning: TLS library problem: divorce papers>"
    tables = read(tmp_path, good, failed, quoted, *FORGED)
    assert tables["host"].tolist() == ["mx.a.test", "mx"], tables[["host", "tool", "protocol", "reason"]].to_string()
    assert not any(word in tables.to_csv().lower() for word in ("victim", "divorce", "192.0.2.66"))


FROM = "Anonymous TLS connection established from"
TO = f"Trusted TLS connection established to a.test[192.0.2.1]:25: {PEER}"
MX = "H=a.test [192.0.2.1]:25*"
X = "X=TLS1.2:RSA_AES_256_CBC_SHA1:256 CV=no"


@pytest.mark.parametrize(
    ("line", "tool", "host"),
    [
        (f"<22>1 2026-11-28T04:27:58Z mx postfix/a/smtpd 9 - - {FROM} c[::1]: {PEER}", "Postfix", "mx"),
        (f"Nov 28 04:17:42 mx mail.info postfix/tlsproxy[1]: {FROM} [::1]:5: {PEER}", "Postfix", "mx"),
        (f"{STAMP}postfix/smtpd[1]: {FROM} c[192.0.2.9] to mx.b.test: {PEER}", "Postfix", "mx"),
        (f"posttls-finger: Untrusted TLS connection established to a.test[::1]:25: {PEER}", "Postfix", "a.test"),
        (f'{EXIM_AT} => "b o b"@a.test <x@a.test> F=<"b b"@b.test> R=o T=smtp S=9 {MX} {X}', "Exim", "a.test"),
        (f"{EXIM_AT} ** a@a.test R=o T=smtp {MX} {X}: SMTP error from remote mail server: 550 no", "Exim", "a.test"),
        (f"Nov 28 04:17:42 mx exim4[1]: {EXIM_AT} => a@a.test R=o T=smtp {MX} {X}", "Exim", "a.test"),
        (f"mail-1  | {EXIM_AT} => a@a.test R=o T=smtp {MX} {X}", "Exim", "a.test"),
        (f"mail  | 2026-11-28T04:27:58.295161234Z {STAMP[33:]}postfix/smtp[1]: {TO}", "Postfix", "a.test"),
        (f"2026-11-28T04:27:58.295161234Z Nov 28 04:27:58 mx postfix/smtp[1]: {TO}", "Postfix", "a.test"),
        (f"Sat 2026-11-28 04:27:58 UTC mx postfix/smtp[1]: {TO}", "Postfix", "a.test"),
        (f"{STAMP}exim[1]: {EXIM_AT[20:]} <= a@a.test {CLIENT} I=[192.0.2.1]:25 P=esmtps L. {X} S=9", "Exim", "mx"),
    ],
)  # fmt: skip
def test_a_line_is_read_behind_what_syslog_and_the_server_write_before_it(
    tmp_path: Path, line: str, tool: str, host: str
) -> None:
    (row,) = read(tmp_path, line).to_dict("records")
    assert (row["tool"], row["host"], row["outcome"]) == (tool, host, "ok")


def test_what_is_no_failed_handshake_is_no_row(tmp_path: Path) -> None:
    good = f"{STAMP}postfix/smtp[1]: Trusted TLS connection established to mx.a.test[192.0.2.1]:25: {PEER}"
    after = "2026-11-28 04:26:36 TLS error on connection from [198.51.100.7] (recv): The TLS connection was terminated."
    assert len(read(tmp_path, good, after)) == 1


def test_a_line_that_almost_matches_is_named(tmp_path: Path) -> None:
    good = f"{STAMP}postfix/smtp[1]: Trusted TLS connection established to mx.a.test[192.0.2.1]:25: "
    with pytest.warns(ReadWarning, match="left out: line 2: its words about TLS"):
        assert len(read(tmp_path, good + PEER, good + "TLSv1.2 with cipher (12")) == 1


@pytest.mark.parametrize(
    "line",
    [
        f"{EXIM_AT} => a@a.test R=o T=smtp {MX} {X}",
        f"{EXIM_AT} <= a@a.test {CLIENT} I=[192.0.2.1]:25 P=esmtps L. {X} S=9",
        f"{EXIM} (SSL_accept): unsupported protocol",
        f"{STAMP}dovecot: imap-login: Login: user=<x>, rip=192.0.2.9, lip=192.0.2.66, TLS, {PEER}",
        f"{STAMP}dovecot: imap-login: Disconnected: user=<>, rip=192.0.2.9, lip=192.0.2.66, TLS handshaking",
        f"{STAMP}postfix/smtp[1]: {TO}",
        f"{STAMP}sm-mta[1]: {VICTIM}",
        f"{STAMP}sm-mta[1]: STARTTLS=client, error: connect failed=0, SSL_error=5",
    ],
)
def test_a_line_behind_words_that_are_not_known_is_named(tmp_path: Path, line: str) -> None:
    with pytest.warns(ReadWarning, match="left out: line 2: its words about TLS"):
        assert len(read(tmp_path, f"{STAMP}postfix/smtp[1]: {TO}", f"stack/mail@1 :: {line}")) == 1


@pytest.mark.parametrize(
    ("stamp", "at", "until"),
    [
        ("Sat 2026-11-28 04:27:58 UTC", "2026-11-28T04:27:58Z", None),
        ("Sat 2026-11-28 04:27:58 CET", None, "2026-11-28T16:27:58Z"),
        ("2026-11-28T04:27:58.295161234Z", "2026-11-28T04:27:58.295161Z", None),
        ("mail-1 | 2026-11-28T04:27:58.295161234Z Nov 28 05:27:58", "2026-11-28T04:27:58.295161Z", None),
    ],
)
def test_times_of_the_journal_and_of_containers_are_read(
    tmp_path: Path, stamp: str, at: str | None, until: str | None
) -> None:
    looks = read(tmp_path, f"{stamp} mx postfix/smtp[1]: {TO}")
    assert looks["observed_at"].tolist() == [pd.Timestamp(at)]
    assert looks["observed_until"].tolist() == [pd.Timestamp(until)]


def test_a_log_without_tls_says_how_to_have_it(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="smtp_tls_loglevel = 1"):
        read(tmp_path, f"{STAMP}postfix/smtpd[62]: connect from x")


def test_opensmtpd_names_the_certificate(shared: Path) -> None:
    looks = toolkit.read(shared / "recorded" / "others" / "logs" / "opensmtpd-7.6.0.log").observations
    assert looks["leaf_sha256"].dropna().str[:8].tolist() == ["d97cd6f5", "4a368188"]
    assert looks["service"].dropna().tolist() == ["smtp://mx.tp.lab.example:25", "smtp://mx.bp.lab.example:25"]


def test_dovecot_may_write_a_file_of_its_own(tmp_path: Path) -> None:
    """`log_path`: no name of the machine and of the program, and a level."""
    looks = read(
        tmp_path,
        "Jan 01 00:00:00 imap-login: Info: Login: user=<bob>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=2, "
        "TLS, session=<x>, TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)",
    )
    assert looks["suite"].tolist() == ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]
    assert looks["address"].tolist() == ["192.0.2.1"]
    assert looks["host"].isna().all()
    assert "bob" not in looks.to_csv()
