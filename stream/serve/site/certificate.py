"""TLS: certificates from files, or one made for this run."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

import idna
import ifaddr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stream.errors import StreamError

VALID_DAYS = 30


def read_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the TLS of a certificate and its key, both PEM.

    Raises:
        StreamError: they cannot be read or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except OSError as error:  # SSLError is one
        reason = error.strerror or str(error)
        raise StreamError(
            f"--tls-cert {certificate}, --tls-key {key}: cannot be used ({reason}); both must be "
            "PEM files, belong together, and the key have no password"
        ) from error
    return context


def fingerprint_of(certificate: Path) -> str:
    """Return the SHA-256 of the first certificate in a PEM file, which was read before."""
    found = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    return found.fingerprint(hashes.SHA256()).hex()


def self_signed(names: Sequence[str]) -> tuple[ssl.SSLContext, str]:
    """Return TLS with a certificate nobody vouches for, and its SHA-256 fingerprint.

    It is made anew for each run and valid for a month; its key is on disk only while it is read.

    Args:
        names: host names and addresses it is for; what can be neither is left out.

    Raises:
        StreamError: nothing remains of the names.
    """
    general = [one for one in map(_general, names) if one is not None]
    if not general:
        raise StreamError(
            f"--self-signed: {', '.join(names)} can be no name in a certificate; give --host an "
            "address of this machine, or a name that a browser can open"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "maskcast, made for this run")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(general), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with tempfile.TemporaryDirectory() as folder:  # which nobody else may enter
        path = Path(folder) / "certificate.pem"
        path.write_bytes(pem)
        context = read_certificate(path, path)
    return context, certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _general(name: str) -> x509.GeneralName | None:
    """Return a name as a certificate holds it, `None` where it cannot."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if name.isascii():  # machines have names with "_", which IDNA does not know
        return x509.DNSName(name)
    try:
        return x509.DNSName(idna.encode(name, uts46=True).decode())  # as browsers ask for it
    except UnicodeError:
        return None


def own_names(host: str) -> list[str]:
    """Return the names and addresses under which a server bound to `host` can be reached."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return [host]
    if not address.is_unspecified:
        return [host]
    return [*_addresses(address.version), socket.gethostname(), "localhost"]


def _addresses(version: int) -> list[str]:
    """Return the addresses of this machine, those of its network first."""
    found = [entry.ip for adapter in ifaddr.get_adapters() for entry in adapter.ips]
    texts = [entry if isinstance(entry, str) else entry[0] for entry in found]
    addresses = [ipaddress.ip_address(text) for text in texts]
    usable = [one for one in addresses if one.version == version and not one.is_link_local]
    return [str(one) for one in sorted(usable, key=lambda one: one.is_loopback)]
