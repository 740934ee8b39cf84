"""A file that is not read yet is named by what it holds, and every refusal says what to do."""

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from cryptography.x509 import CertificateSigningRequestBuilder, Name

import toolkit
from tests.certificates import der
from toolkit.errors import ReadError
from toolkit.tables import as_pem

SYSLOG = "Nov 28 04:17:42 mx "

TEXTS = {
    '<?xml version="1.0"?>\n<NessusClientData_v2>': "a Nessus report",
    "\n<!DOCTYPE html>\n<html><body>": "a web page (HTML)",
    '<?xml version="1.0"?><feed/>': "an XML file of an unknown tool",
    "#separator \\x09\n#path\tconn\n": "a Zeek log whose header (#path) names neither ssl nor x509, or is cut off",
    json.dumps([{"issuer_ca_id": 27, "name_value": "x"}]): "certificates that crt.sh lists, in JSON",
    '{"@timestamp": "2026", "event.module": "zeek", "tls.version": "1.3"}': "a Zeek log in the Elastic Common Schema",
    "[]": "a JSON file of an unknown tool",
    f"{SYSLOG}sshd[2]: x": "a syslog file",
    "version: STSv1\nmode: enforce\n": "an MTA-STS policy (RFC 8461)",
    "a,b,c\n1,2,3\n": "a CSV file of unknown columns",
}
BINARIES = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Excel workbook",
    b"%PDF-1.7": "a PDF document",
}


def refusal(path: Path) -> str:
    """The message; an additional warning would be an error."""
    with pytest.raises(ReadError) as caught:
        toolkit.read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert len(message) < 800
    return message.removeprefix(f"{path} ")


@pytest.mark.parametrize(
    ("content", "words"), [*TEXTS.items(), *BINARIES.items()], ids=[*TEXTS.values(), *BINARIES.values()]
)
def test_a_file_of_another_tool_is_named(content: str | bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = refusal(path)
    assert message.startswith(f"seems to be {words}, which is not read yet. What is read: a store, a folder that ")
    assert "openssl x509" not in message
    assert message.endswith(
        (
            "Tables.from_frames; toolkit.schema.dictionary() lists their columns.",
            "given.pem",
            "own.",
            "Zeek wrote them.",
            "with its whole header.",
        )
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_hides_nothing(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "given.xml"
    path.write_bytes('<?xml version="1.0"?><NessusClientData_v2>'.encode(encoding))
    assert refusal(path).startswith("seems to be a Nessus report")


def test_containers_are_named(tmp_path: Path) -> None:
    pem = as_pem(der.certificate()).encode()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as listed:
        listed.addfile(tarfile.TarInfo("cert.pem"))
    for content, words in [
        (tar.getvalue(), "a tar archive"),
        (gzip.compress(pem), "PEM, compressed by gzip"),
        (gzip.compress(der.certificate()), "a certificate, compressed by gzip"),
        (gzip.compress(gzip.compress(pem)), "a file compressed by gzip, twice"),
        (bz2.compress(pem), "a file compressed by bzip2"),
        (lzma.compress(pem), "a file compressed by xz"),
    ]:
        path = tmp_path / "given"
        path.write_bytes(content)
        message = refusal(path)
        assert message.startswith(f"seems to be {words}, which is not read yet.")
        assert message.endswith("Unpack it, and name the file or the folder that was in it.")
    path.write_bytes(gzip.compress(b'[{"issuer_ca_id": 1}]' + b" " * (1 << 24)))
    assert refusal(path).startswith("seems to be certificates that crt.sh lists, in JSON, compressed by gzip, which")


def test_databases_and_tables_of_other_libraries_are_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table a (b)")
    database.close()
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    assert refusal(tmp_path / "a.db").startswith("seems to be an SQLite database")
    assert refusal(tmp_path / "a.parquet").startswith("seems to be a Parquet file")


EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER], ids=["PEM", "DER"])
@pytest.mark.parametrize("key", [EC, RSA], ids=["EC", "RSA"])
def test_keys_and_requests_are_named_and_never_shown(
    encoding: Encoding, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    secret, plain = BestAvailableEncryption(b"x"), NoEncryption()
    request = CertificateSigningRequestBuilder().subject_name(Name([])).sign(EC, SHA256())
    path = tmp_path / "given.pem"
    for content, words in [
        (key.private_bytes(encoding, PrivateFormat.PKCS8, plain), "a private key"),
        (key.private_bytes(encoding, PrivateFormat.TraditionalOpenSSL, plain), "a private key"),
        (key.private_bytes(encoding, PrivateFormat.PKCS8, secret), "an encrypted private key"),
        (key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo), "a public key"),
        (request.public_bytes(encoding), "a certificate signing request"),
    ]:
        path.write_bytes(content)
        message = refusal(path)
        assert message.startswith(f"holds {words} and no certificate. Name the ")
        assert not any(
            len(line) > 3 and line in message.encode("utf-8", "replace") for line in content.splitlines()[1:-1]
        )


def test_a_pkcs12_file_of_a_key_alone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "my keys.p12"
    path.write_bytes(pkcs12.serialize_key_and_certificates(None, EC, None, None, BestAvailableEncryption(b"x")))
    with pytest.raises(ReadError, match="holds a private key and no certificate"):
        toolkit.read(path, password="x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty. Get the file again"),
        (b"\r\n\n", "is empty"),
        (bytes(5000), "is damaged: it holds nothing but NUL bytes"),
        (b"hello\n", "holds no certificate: it is text of an unknown form. What is read: a store, "),
        (b"\x00\x01\x02hello", "holds no certificate: it is binary data of an unknown form"),
    ],
)
def test_what_is_not_known_is_said_to_be_unknown(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_bytes(content)
    assert refusal(path).startswith(message)


def test_a_log_of_zeek_without_its_header_says_which_are_read(tmp_path: Path) -> None:
    (tmp_path / "ssl.log.gz").write_bytes(gzip.compress(b"#separator \\x09\n#fields\tts\n"))
    with pytest.raises(
        ReadError, match=r"or is cut off, compressed by gzip, which .* Of Zeek's logs, ssl\.log and x509"
    ):
        toolkit.read(tmp_path / "ssl.log.gz")


def test_a_folder_says_what_its_files_seem_to_be(tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_text("#separator \\x09\n#path\tconn\n")
    (tmp_path / "notes").write_text("x")
    with pytest.raises(ReadError, match=r"nor a PEM file: conn\.log seems to be a Zeek log whose header"):
        toolkit.read(tmp_path)


def test_a_folder_of_folders_says_which_there_are(tmp_path: Path) -> None:
    (tmp_path / "mail.example").mkdir()
    (tmp_path / "mail.example" / "observations.csv").touch()
    with pytest.raises(ReadError, match=r"name one of its folders, such as mail\.example\."):
        toolkit.read(tmp_path)


def test_a_report_with_certificates_in_it_is_not_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "sslscan.xml"
    path.write_text(f"<NessusClientData_v2>\n<certificate-blob>\n{as_pem(der.certificate())}")
    assert refusal(path).startswith("seems to be a Nessus report")
