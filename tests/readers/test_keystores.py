"""Certificates as people keep them: keystores, archives, secrets, folders."""

import base64
import json
import shutil
import struct
import subprocess
import warnings
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

import toolkit
from toolkit import cli
from toolkit.cli.codes import FINE, UNREADABLE
from toolkit.errors import ReadError, ReadWarning, UsageError
from toolkit.readers import archives

KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.test")])
CERTIFICATE = (
    x509.CertificateBuilder()
    .subject_name(NAME)
    .issuer_name(NAME)
    .public_key(KEY.public_key())
    .serial_number(5)
    .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    .not_valid_after(datetime(2026, 4, 1, tzinfo=UTC))
    .sign(KEY, SHA256())
)
DER = CERTIFICATE.public_bytes(Encoding.DER)
PEM = CERTIFICATE.public_bytes(Encoding.PEM).decode()
SECRET = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def encoded(pem: str) -> str:
    return base64.b64encode(pem.encode()).decode()


def jks(*entries: bytes) -> bytes:
    return struct.pack(">III", 0xFEEDFEED, 2, len(entries)) + b"".join(entries) + bytes(20)


def listed(content: bytes) -> bytes:
    return struct.pack(">H", 5) + b"X.509" + struct.pack(">I", len(content)) + content


TRUSTED = struct.pack(">IH", 2, 1) + b"a" + bytes(8) + listed(DER)
WITH_KEY = (
    struct.pack(">IH", 1, 1) + b"b" + bytes(8) + struct.pack(">I", 3) + b"key" + struct.pack(">I", 1) + listed(DER)
)

MANIFEST = "apiVersion: v1\nkind: Secret\n"
SECRETS = {
    "yaml": f"{MANIFEST}data:\n  tls.key: {encoded(SECRET)}\n  tls.crt: {encoded(PEM)}\ntype: kubernetes.io/tls\n",
    "folded": f"{MANIFEST}data:\n  tls.crt: {encoded(PEM)[:64]}\n    {encoded(PEM)[64:]}\n",
    "quoted": f'{MANIFEST}data:\n  tls.crt: "{encoded(PEM)}"\n',
    "block": f"{MANIFEST}stringData:\n  tls.crt: |\n    " + PEM.replace("\n", "\n    ") + "\n",
    "json": json.dumps({"apiVersion": "v1", "kind": "Secret", "data": {"tls.crt": encoded(PEM + PEM)}}),
    "string": json.dumps({"apiVersion": "v1", "kind": "Secret", "stringData": {"tls.key": SECRET, "tls.crt": PEM}}),
}


def read(path: Path, **more: str) -> list[object]:
    """The certificates; warnings about keys are checked elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReadWarning)
        return list(toolkit.read(path, **more).certificates["der"])


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_of_kubernetes_is_read(secret: str, tmp_path: Path) -> None:
    (tmp_path / "given").write_text(secret)
    assert read(tmp_path / "given") == [DER]


def test_a_key_beside_a_certificate_is_named_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "given"
    for name in ("yaml", "string"):
        path.write_text(SECRETS[name])
        with pytest.warns(ReadWarning, match=r"of given the private key was not kept") as caught:
            toolkit.read(path)
        assert not any(line in str(caught[0].message) for line in SECRET.splitlines())
    path.write_text(MANIFEST + f"data:\n  tls.key: {encoded(SECRET)}\n")
    with pytest.raises(ReadError, match="holds a private key and no certificate"):
        toolkit.read(path)
    path.write_text(MANIFEST + f"data:\n  tls.crt: {encoded(PEM)[:-5]}\n")
    with pytest.raises(ReadError, match="given, line 4: the base64 of a value is damaged"):
        toolkit.read(path)


def test_a_pkcs12_file_needs_its_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, password = tmp_path / "a.p12", tmp_path / "password"
    for given, encryption in (("geheim", BestAvailableEncryption(b"geheim")), (None, NoEncryption())):
        path.write_bytes(pkcs12.serialize_key_and_certificates(b"a", KEY, CERTIFICATE, None, encryption))
        assert read(path, **({"password": given} if given else {})) == [DER]
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"a", KEY, CERTIFICATE, None, BestAvailableEncryption(b"geheim"))
    )
    with pytest.raises(UsageError, match=r"^read: password must be text, not bytes\.$"):
        toolkit.read(path, password=b"x")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ReadError, match=r"needs a password .*--password-file FILE"):
        toolkit.read(path)
    with pytest.raises(ReadError, match="the one given is wrong"):
        toolkit.read(path, password="falsch")
    password.write_text("geheim\n")
    assert cli.main(["read", str(path), "--password-file", str(password)]) == FINE
    assert "the private key was not kept" in capsys.readouterr().err
    assert cli.main(["read", str(path)]) == UNREADABLE


def test_a_password_is_not_hashed_for_hours(tmp_path: Path) -> None:
    path = tmp_path / "a.p12"
    made = pkcs12.serialize_key_and_certificates(b"a", KEY, CERTIFICATE, None, BestAvailableEncryption(b"x"))
    at = made.index(bytes.fromhex("06092a864886f70d01050c")) + 11 + 2
    at += 2 + made[at + 1]  # after the salt
    assert made[at] == 2
    size = made[at + 1]
    path.write_bytes(made[: at + 2] + b"\x7f" * size + made[at + 2 + size :])
    if size > 2:  # cryptography writes 20,000 iterations in three bytes or two
        with pytest.raises(ReadError, match="hashed more than 10,000,000 times"):
            toolkit.read(path, password="x")
    path.write_bytes(
        made[:-3] + b"\x7f\xff\xff" if made[-5:-3] == b"\x02\x03" else made[:-5] + b"\x02\x04\x7f\xff\xff\xff"
    )
    with pytest.raises(ReadError, match=r"hashed more than|needs a password"):
        toolkit.read(path, password="y")


def test_a_java_keystore_needs_no_password(tmp_path: Path) -> None:
    path = tmp_path / "a.jks"
    for content in (jks(TRUSTED), jks(WITH_KEY, TRUSTED)):
        path.write_bytes(content)
        assert read(path) == [DER]
    path.write_bytes(jks(TRUSTED, struct.pack(">I", 3)))
    with pytest.warns(ReadWarning, match="the secret key and what follows it"):
        assert len(toolkit.read(path).certificates) == 1
    for cut in (6, 20, 60):
        path.write_bytes(jks(WITH_KEY)[:cut])
        with pytest.raises(ReadError, match="the keystore is cut short"):
            toolkit.read(path)
    path.write_bytes(struct.pack(">III", 0xFEEDFEED, 2, 1 << 31) + TRUSTED)
    with pytest.raises(ReadError, match="has version 2 and 2,147,483,648 entries"):
        toolkit.read(path)
    path.write_bytes(jks(TRUSTED[:20] + b"\xff\xff\xff\xff"))
    with pytest.raises(ReadError, match="the keystore is cut short"):
        toolkit.read(path)


@pytest.mark.skipif(shutil.which("keytool") is None, reason="keytool is not installed")
def test_keystores_that_keytool_made_are_read(tmp_path: Path) -> None:
    """A private key with its certificate, and a trusted certificate."""
    path = tmp_path / "server.jks"
    (tmp_path / "a.pem").write_text(PEM)
    options = ["-keystore", str(path), "-storetype", "JKS", "-storepass", "changeit", "-noprompt"]
    for words in (["-genkeypair", "-keyalg", "EC", "-dname", "CN=jks.test", "-keypass", "changeit"],
                  ["-importcert", "-alias", "ca", "-file", str(tmp_path / "a.pem")]):  # fmt: skip
        subprocess.run(["keytool", *words, *options], check=True, capture_output=True)
    with pytest.warns(ReadWarning, match=r"of server\.jks the private key was not kept"):
        certificates = toolkit.read(path).certificates
    assert len(certificates) == 2
    assert certificates.loc[certificates["der"] != DER, "subject"].tolist() == ["CN=jks.test"]


def test_an_archive_is_read_without_being_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "given"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/cert.pem", PEM)
        archive.writestr("../../evil.pem", PEM)
        archive.writestr("privkey.pem", SECRET)
        archive.writestr("broken.pem", PEM[:200])
        archive.writestr("notes.txt", "x")
    with pytest.warns(ReadWarning) as caught:
        assert list(toolkit.read(path).certificates["der"]) == [DER]
    said = " ".join(str(one.message) for one in caught)
    assert "broken.pem, line 4: the certificate" in said
    assert "privkey.pem (a private key)" in said
    assert [file.name for file in tmp_path.rglob("*")] == ["given"]


def test_an_archive_that_is_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST_ALL", 1 << 20)
    monkeypatch.setattr(archives, "LARGEST_MEMBER", 1 << 19)
    path = tmp_path / "given"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.pem", bytes(1 << 19))
    with pytest.raises(ReadError, match="hold more than 1,048,576 bytes"):
        toolkit.read(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match="the zip archive is cut short"):
        toolkit.read(path)
    at = whole.rindex(b"PK\x05\x06")
    path.write_bytes(whole[: at + 12] + b"\xff\xff\xff\x7f" + whole[at + 16 :])
    with pytest.raises(ReadError, match="or has too many files"):
        toolkit.read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report.txt", "x")
    with pytest.raises(ReadError, match="holds a zip archive and no certificate"):
        toolkit.read(path)


def test_the_folders_of_certbot_are_read(tmp_path: Path) -> None:
    for name in ("a.test", "b.test"):
        (tmp_path / "live" / name).mkdir(parents=True)
        (tmp_path / "live" / name / "fullchain.pem").write_text(PEM)
        (tmp_path / "live" / name / "privkey.pem").write_text(SECRET)
    (tmp_path / "live" / "b.test" / "old.zip").write_bytes(b"PK\3\4")
    with (
        pytest.warns(ReadWarning, match=r"skipped, and not kept: privkey\.pem"),
        pytest.warns(ReadWarning, match=r"skipped, and not kept: b\.test/old\.zip \("),
    ):
        assert list(toolkit.read(tmp_path / "live").certificates["der"]) == [DER]


def test_values_that_almost_begin_like_pem_are_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "given"
    for value in ("LS0tLS1CRUdJTi", "LS0tLS1CRUdJTiA", "LS0tLS1CRUdJTiBDR=", f"{encoded(PEM)[:41]}=\n    AAAA"):
        path.write_text(f"{MANIFEST}data:\n  tls.crt: {value}\n")
        with pytest.raises(ReadError):
            toolkit.read(path)
