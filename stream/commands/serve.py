"""`run.py serve`: the page for live demos."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentation.loading import DETAILED
from stream.commands.parts.command_line import (
    Parser,
    add_debug_option,
    positive,
    say,
)
from stream.commands.parts.interruption import Presses, ending_signals
from stream.commands.parts.model_options import (
    add_model_options,
    load_segmenter,
    network,
    wanted_objects,
)
from stream.commands.parts.site_options import (
    add_tls_options,
    new_token,
    packages_needed,
    tls_of,
)

if TYPE_CHECKING:
    from segmentation.segmenter import Segmenter
    from stream.foreground import Keep, Wanted
    from stream.serve.site.settings import Settings

EXAMPLES = """\
A visitor's webcam goes out by WebRTC and comes back masked. Nothing of a visit is kept.

Only this machine reaches the page unless --host says otherwise. Anywhere else TLS is required,
without which browsers give no camera to a page, and the token in the address that is printed.

examples:
  run.py serve                               http://localhost:8000, for this machine
  run.py serve --port 9000 --visitors 2
  run.py serve --also mask-rcnn              visitors choose between two networks
  run.py serve --host 0.0.0.0 --self-signed  for phones in the same network
  run.py serve --host 0.0.0.0 --tls-cert fullchain.pem --tls-key privkey.pem
  run.py serve --host 0.0.0.0 --self-signed --stun stun:stun.example.org:3478

With --self-signed browsers warn once; the fingerprint of the certificate is printed. --stun is for
a server, or visitors, behind a NAT.

Ctrl-C ends it.
"""
INTERRUPTED = 130
#: After the first Ctrl-C: whatever keeps a thread or a visitor busy, then it is over.
STOPPING_S = 5.0


def run(arguments: Sequence[str]) -> int:
    """Run `serve` until Ctrl-C; returns `INTERRUPTED`."""
    options = command_parser().parse_args(arguments)
    with packages_needed("serve"):
        import aiohttp  # noqa: F401
        import aiortc  # noqa: F401
    settings = _settings(options)
    # what goes wrong on a connection is between it and its visitor
    for name in ("aiohttp", "aiortc", "aioice", "asyncio", "libav"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    wanted = wanted_objects(
        options, objects_allowed=False, because="each visitor has ids of their own"
    )
    segmenters = _segmenters(options, wanted)
    asyncio.run(_serve(settings, segmenters, _choose(wanted, segmenters)))
    return INTERRUPTED


def command_parser() -> Parser:
    """Return the parser."""
    parser = Parser(
        "serve",
        description="A page on which webcams are masked live, for several visitors at once.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on; default: this machine only")
    add("--port", type=_port, default=8000, help="default: 8000; 0 takes a free one")
    add("--visitors", type=positive, default=4, metavar="N", help="at a time; default: 4")
    add(
        "--idle",
        type=positive,
        default=30,
        metavar="SECONDS",
        help="a visitor without video for so long is sent away; default: 30",
    )
    add_tls_options(add)
    add("--stun", type=_stun, metavar="stun:HOST:PORT", help="to ask for addresses behind a NAT")
    add_debug_option(parser)
    add_model_options(parser)
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        type=network,
        metavar="MODEL",
        input_after="",
        help="another network that visitors may choose; repeatable",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a number from 0 to 65535, got {text!r}")
    return int(text)


def _stun(text: str) -> str:
    scheme, _, rest = text.partition(":")
    host, _, port = rest.partition(":")
    if scheme != "stun" or not host or (port and not port.isdecimal()):
        raise argparse.ArgumentTypeError(f"must look like stun:HOST:3478, got {text!r}")
    return text


def _settings(options: argparse.Namespace) -> Settings:
    from stream.serve.site.gate import is_loopback
    from stream.serve.site.limits import Limits
    from stream.serve.site.settings import Settings

    tls = tls_of(options, options.host, f"serve --host {options.host}")
    local = is_loopback(options.host)
    return Settings(
        host=options.host,
        port=options.port,
        is_loopback=local,
        token=None if local else new_token(),
        tls=None if tls is None else tls.context,
        stun=options.stun,
        limits=Limits(max_visitors=options.visitors, idle_s=options.idle),
    )


def _segmenters(options: argparse.Namespace, wanted: Wanted | None) -> list[Segmenter]:
    """Load the network that visitors begin with, and those they may choose beside."""
    segmenters = [_first(options, wanted)]
    for name in options.also:
        if Path(name).name not in [segmenter.name for segmenter in segmenters]:
            others = dict[str, Any].fromkeys(("weights", "classes", "size", "mean", "std"))
            if name not in DETAILED:
                others["detail"] = "auto"
            other = argparse.Namespace(**{**vars(options), **others, "model": name})
            segmenters.append(load_segmenter(other, wanted, asks_for_instances=False))
    return segmenters


def _first(options: argparse.Namespace, wanted: Wanted | None) -> Segmenter:
    """Load the network that visitors begin with; `--detail` is for whichever has it."""
    if set(DETAILED) & set(options.also) and options.model not in DETAILED:
        undetailed = argparse.Namespace(**{**vars(options), "detail": "auto"})
        first = load_segmenter(undetailed, wanted, asks_for_instances=False)
        if first.name not in DETAILED:
            return first
    return load_segmenter(options, wanted, asks_for_instances=False)


def _choose(wanted: Wanted | None, segmenters: Sequence[Segmenter]) -> dict[str, Keep]:
    """Return by network what of its objects is foreground."""
    from stream.foreground import Keep

    if wanted is None:
        return {}
    return {segmenter.name: Keep.of(wanted, segmenter.classes) for segmenter in segmenters}


async def _serve(
    settings: Settings, segmenters: Sequence[Segmenter], choose: dict[str, Keep]
) -> None:
    """Serve until a signal comes; what takes too long to end then is not waited for."""
    from stream.serve.server import Server
    from stream.serve.shared_networks import SharedNetworks
    from stream.serve.site.addresses import addresses

    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.set_exception_handler(_teller())
    _heed_signals(lambda: loop.call_soon_threadsafe(stopped.set))
    networks = SharedNetworks(segmenters, choose)
    server = Server(settings, networks, say)
    try:
        preparing = loop.run_in_executor(None, networks.prepare)
        await _either(preparing, stopped)
        if not stopped.is_set():
            await server.start()
            for address in addresses(server.settings):
                say(f"open {address}")
            await stopped.wait()
    finally:
        await server.close()
        networks.close()
    say("ended")


async def _either(work: asyncio.Future[None], stopped: asyncio.Event) -> None:
    """Wait for some work, or until there is no need for it."""
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if work.done():
        work.result()


def _heed_signals(stop: Callable[[], object]) -> None:
    """Call `stop` at the first of these signals, and leave without more ado when it takes long.

    Nothing of a visit is on disk, and the process that decodes photos ends with this one.
    """
    leaving = threading.Timer(STOPPING_S, os._exit, (INTERRUPTED,))
    leaving.daemon = True
    presses = Presses()

    def handle(number: int, frame: object) -> None:
        if presses.is_echo(number):
            return
        if leaving.ident is not None:  # it has begun with the first one
            os._exit(INTERRUPTED)
        leaving.start()
        stop()

    for number in ending_signals():
        signal.signal(number, handle)


def _teller() -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Return what says in a line what went wrong where nobody waits for it.

    Connections that break are their visitors' business, and nobody fills the terminal.
    """
    from stream.serve.fairness.allowance import Allowance

    lines = Allowance(per_s=0.1, most=10)

    def tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) and lines.allows():
            what = f" ({type(error).__name__}: {error})" if error else ""
            say(f"warning: {context['message']}{what}")

    return tell
