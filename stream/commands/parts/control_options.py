"""The control page of a run: where it is, and who comes in."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from stream.commands.parts.command_line import CommandError, Parser, say
from stream.commands.parts.site_options import (
    add_tls_options,
    new_token,
    packages_needed,
    tls_of,
)

if TYPE_CHECKING:
    from stream.live.opening import Attend

HOST, PORT = "127.0.0.1", 8090
GROUP = "control page"
#: A token that stays, for buttons that are set up once.
TOKEN = "MASKCAST_TOKEN"
MIN_TOKEN = 16


def add_control_options(parser: Parser) -> None:
    """Add the control page."""
    add = partial(parser.add_argument, group=GROUP)
    add(
        "--control",
        nargs="?",
        const=f"{HOST}:{PORT}",
        metavar="HOST:PORT",
        type=_address,
        help=f"a page with preview, buttons and sliders, and an API; default: {HOST}:{PORT}",
    )
    add_tls_options(partial(add, is_rare=True))


def attend_of(options: argparse.Namespace, stack: ExitStack) -> Attend | None:
    """Begin to serve the page, where one is asked for, until `stack` ends.

    Its address is printed with the token, without which nobody could open it.

    Call it before anything is loaded that brings TensorFlow.

    Raises:
        CommandError: what is said of it makes no sense, or packages are missing.
        StreamError: it cannot be served there.
    """
    if options.control is None:
        for name in ("tls_cert", "tls_key", "self_signed"):
            if getattr(options, name):
                raise CommandError(f"--{name.replace('_', '-')}: goes with --control only")
        return None
    with packages_needed("--control"):
        import aiohttp  # noqa: F401
        import cryptography  # noqa: F401
    from stream.control.server import LIMITS, ControlServer
    from stream.ffmpeg.address_secrets import secrets_hidden
    from stream.serve.site.gate import is_loopback
    from stream.serve.site.settings import Settings

    host, port = options.control
    tls = tls_of(options, host, f"--control {host}:{port}")
    settings = Settings(
        host=host,
        port=port,
        is_loopback=is_loopback(host),
        token=_token(is_loopback(host)),
        for_programs=True,
        tls=None if tls is None else tls.context,
        limits=LIMITS,
    )
    source = secrets_hidden(str(options.source))
    server = ControlServer(settings, source, None if tls is None else tls.sha256, say)
    return stack.enter_context(server).attend


def _token(is_loopback: bool) -> str | None:
    """Return what whoever comes in must know, `None` for nothing.

    Raises:
        CommandError: the one that was set is too short.
    """
    kept = os.environ.get(TOKEN)
    if kept is None:
        return None if is_loopback else new_token()
    if len(kept) < MIN_TOKEN or not kept.isascii() or not kept.isprintable() or " " in kept:
        raise CommandError(
            f"{TOKEN}: must have {MIN_TOKEN} letters, digits and signs at least, and no blanks"
        )
    return kept


def _address(text: str) -> tuple[str, int]:
    """Read HOST:PORT, HOST or PORT."""
    if text.count(":") > 1 and not text.startswith("["):
        raise argparse.ArgumentTypeError(
            f"an IPv6 address stands in brackets, such as [::1]:{PORT}, got {text!r}"
        )
    if os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"{text} is a file; name it before --control")
    host, _, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not host and not port.isdecimal():
        host, port = text, ""
    host, port = host.strip("[]") or HOST, port or str(PORT)
    is_name = bool(text) and all(letter.isalnum() or letter in ".-_:" for letter in host)
    if (
        not port.isdecimal()
        or int(port) > 65535
        or not is_name
        or "." * 2 in host
        or text[-1] == ":"
    ):
        raise argparse.ArgumentTypeError(f"must look like {HOST}:{PORT}, got {text!r}")
    return host, int(port)
