"""A certificate made for this run: the names it is for."""

from __future__ import annotations

import datetime
import socket
import ssl

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

from cryptography import x509

from stream.errors import StreamError
from stream.serve.site.certificate import own_names, self_signed


def names_of(context: ssl.SSLContext) -> tuple[list[str], list[str]]:
    """What a browser reads in the certificate: host names, addresses."""
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    server = context.wrap_bio(ours, theirs, server_side=True)
    client = trusting.wrap_bio(theirs, ours)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    certificate = x509.load_der_x509_certificate(client.getpeercert(binary_form=True) or b"")
    assert certificate.not_valid_before_utc < datetime.datetime.now(datetime.UTC)
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = [str(one) for one in held.get_values_for_type(x509.IPAddress)]
    return held.get_values_for_type(x509.DNSName), addresses


@pytest.mark.parametrize(
    ("names", "hosts", "addresses"),
    [
        (["localhost", "127.0.0.1", "::1"], ["localhost"], ["127.0.0.1", "::1"]),
        (["b\xfcro"], ["xn--bro-hoa"], []),
        (["B\xdcRO.Example"], ["xn--bro-hoa.example"], []),
        (["stra\xdfe"], ["xn--strae-oqa"], []),
        (["living_room"], ["living_room"], []),
        (["192.0.2.7", "\N{SNOWMAN}..x", "\udcfc", "x"], ["x"], ["192.0.2.7"]),
    ],
)
def test_names_in_the_certificate(names: list[str], hosts: list[str], addresses: list[str]) -> None:
    context, fingerprint = self_signed(names)
    assert names_of(context) == (hosts, addresses)
    assert len(fingerprint.split(":")) == 32


def test_a_machine_whose_name_is_not_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "b\xfcro")
    hosts, addresses = names_of(self_signed(own_names("0.0.0.0"))[0])
    assert hosts == ["xn--bro-hoa", "localhost"]
    assert "127.0.0.1" in addresses


def test_no_name_that_a_certificate_can_hold() -> None:
    with pytest.raises(StreamError, match=r"can be no name .* --host an address"):
        self_signed(["b\xfc..ro"])
