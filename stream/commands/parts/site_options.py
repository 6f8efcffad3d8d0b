"""Where a page of the program is served, and who vouches for it."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segmentation.pip_command import install_extra
from stream.commands.parts.command_line import CommandError, on_disk, say

if TYPE_CHECKING:
    import ssl


def add_tls_options(add: Callable[..., Any]) -> None:
    """Add the options of a certificate, with a parser's `add_argument`."""
    add("--tls-cert", type=on_disk, metavar="FILE", help="certificate (chain), PEM")
    add("--tls-key", type=on_disk, metavar="FILE", help="its key, PEM")
    add("--self-signed", action="store_true", help="make a certificate for this run")


@contextmanager
def packages_needed(command: str) -> Iterator[None]:
    """Turn the error of an import that fails into a line.

    What a page needs is imported before any network: loaded after TensorFlow, its OpenSSL crashes.

    Raises:
        CommandError: a package is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise CommandError(
            f"{command} needs more packages ({error}): {install_extra('serve')}"
        ) from error


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate.

    Attributes:
        context: with which it is shown.
        sha256: of it, 64 hexadecimal digits.
    """

    context: ssl.SSLContext
    sha256: str


def tls_of(options: argparse.Namespace, host: str, command: str) -> Tls | None:
    """Return the TLS that the options ask for, `None` where only this machine reaches the page.

    Args:
        options: see `add_tls_options`.
        host: that is listened on.
        command: as errors call what listens; with the address after it.

    Raises:
        CommandError: they contradict each other, or others could reach the page without TLS.
        StreamError: a certificate cannot be used.
    """
    from stream.serve.site.certificate import (
        fingerprint_of,
        own_names,
        read_certificate,
        self_signed,
    )
    from stream.serve.site.gate import is_loopback

    name = command.split()[0]
    if (options.tls_cert is None) != (options.tls_key is None):
        raise CommandError(f"{name}: --tls-cert and --tls-key belong together")
    if options.self_signed and options.tls_cert is not None:
        raise CommandError(f"{name}: --self-signed or --tls-cert, not both")
    if options.tls_cert is not None:
        context = read_certificate(options.tls_cert, options.tls_key)
        return Tls(context, fingerprint_of(options.tls_cert))
    if options.self_signed:
        context, fingerprint = self_signed(own_names(host))
        say(f"certificate made for this run, SHA-256 {fingerprint}")
        return Tls(context, fingerprint.replace(":", ""))
    if not is_loopback(host):
        raise CommandError(
            f"{command}: others can reach this address, so it needs TLS: "
            "--tls-cert FILE --tls-key FILE, or --self-signed"
        )
    return None


def new_token() -> str:
    """Return what whoever comes in from another machine must know."""
    return secrets.token_urlsafe(24)
