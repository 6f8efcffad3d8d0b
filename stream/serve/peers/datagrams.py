"""What comes for one visitor by UDP: so much of each kind, and no more.

What is too much is lost, as on a link that is too narrow, which every sender of video copes with.
That costs less than to look at it. Whoever goes on far above that is reported: the visitor, for
what comes from where they have answered a check. Anybody can send to a port, so that what comes
from elsewhere is never theirs. Of that nothing is looked at but a few checks, of a visitor who is
about to come or whose address has changed: those with what the answer to their offer told them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aioice.ice import CandidatePair, Connection, StunProtocol
from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket

from stream.serve.fairness.allowance import Allowance

T = TypeVar("T")
Sender = tuple[str, int]
#: What was kept back by a link that stood still comes at once: so many seconds' worth.
BURST_S = 5.0
#: Those of other kinds than media, a second. A browser sends checks, reports and messages by the
#: half-dozen; at the beginning, checks from each of its addresses to each of this machine's.
MAX_CHECKS_S, MAX_REPORTS_S, MAX_RECORDS_S = 20.0, 40.0, 200.0
#: Of the handshake and of alerts once it is done; a browser repeats the last of it a few times.
MAX_HANDSHAKES_S, MAX_HANDSHAKES = 0.5, 30.0
#: Of these kinds, how many may be lost because they are too many, a second and at once.
MAX_LOST_S, MAX_LOST = 10.0, 600.0
#: Addresses and streams that a visitor may send from. Each is remembered.
MAX_SENDERS, MAX_STREAMS = 32, 32
#: Streams that a visitor may have. A browser has two, and new ones after it changed the camera.
MAX_OWN_STREAMS = 16
#: Datagrams of a visitor who is not connected yet: a handshake takes some dozens, a few times.
MAX_UNCONNECTED = 400
#: Share of a processor that handling what one visitor sends may take, and how long it may take all.
MAX_SHARE, MAX_BUSY_S = 0.25, 3.0
#: Of so many datagrams, one is measured.
ONE_IN = 8


@dataclass(frozen=True, slots=True)
class DatagramLimits:
    """Of one visitor, in the long run.

    Attributes:
        max_media_s: datagrams of video a second.
        max_bytes_s: of everything, a second.
    """

    max_media_s: float
    max_bytes_s: float


class Datagrams:
    """Judges the datagrams of one visitor by their first bytes. Sources: RFC 7983, RFC 6347.

    Args:
        limits: above them they are lost; at twice as many, or more bytes, `on_excess` is called.
        is_connected: the visitor has shown that they are who was answered.
        is_invited: whether a check holds what only the visitor knows, or answers one of ours.
        is_theirs: whether they have answered a check from an address and port.
        on_excess: called once; from then on all are lost.
    """

    def __init__(
        self,
        limits: DatagramLimits,
        is_connected: Callable[[], bool],
        is_invited: Callable[[bytes, Sender], bool],
        is_theirs: Callable[[Sender], bool],
        on_excess: Callable[[], None],
    ) -> None:
        """Begin with nothing received."""
        media, most = limits.max_media_s, 2 * limits.max_media_s
        self._media = Allowance(media, BURST_S * media, at_first=media / 2)
        self._checks = Allowance(MAX_CHECKS_S, 10 * MAX_CHECKS_S)
        self._others = Allowance(MAX_CHECKS_S, 10 * MAX_CHECKS_S)
        self._reports = Allowance(MAX_REPORTS_S, 10 * MAX_REPORTS_S)
        self._records = Allowance(MAX_RECORDS_S, 5 * MAX_RECORDS_S, at_first=MAX_RECORDS_S)
        self._handshakes = Allowance(MAX_HANDSHAKES_S, MAX_HANDSHAKES)
        self._lost = Allowance(MAX_LOST_S, MAX_LOST)
        self._all = Allowance(most, BURST_S * most, at_first=media)
        self._bytes = Allowance(
            limits.max_bytes_s, BURST_S * limits.max_bytes_s, at_first=2 * limits.max_bytes_s
        )
        self._is_connected = is_connected
        self._is_invited = is_invited
        self._is_theirs = is_theirs
        self._num_unconnected = 0
        self._on_excess = on_excess
        self._senders: set[Sender] = set()
        self._streams: set[bytes] = set()
        self.is_over = False

    def admit(self, data: bytes, sender: Sender) -> bool:
        """Return whether a datagram is looked at."""
        if self.is_over:
            return False
        if not self._is_theirs(sender):
            is_check = bool(data) and data[0] < 4
            is_invited = is_check and self._is_invited(data, sender)
            return is_invited and self._is_one_of_few(sender) and self._others.allows()
        is_connected = self._is_connected()
        if not is_connected:
            if self._num_unconnected >= MAX_UNCONNECTED:
                return self.exceed()
            self._num_unconnected += 1
        if not self._all.allows() or not self._bytes.allows(len(data)):
            return self.exceed()
        if not self._is_one_of_few(sender) or not self._is_of_few_streams(data):
            return False
        if is_connected and _is_handshake(data) and not self._handshakes.allows():
            return self.exceed()
        kind = self._kind(data)
        if kind.allows():
            return True
        return False if kind is self._media or self._lost.allows() else self.exceed()

    def exceed(self) -> bool:
        """Report that this visitor sends too much; nothing more is looked at, so returns false."""
        if not self.is_over:
            self.is_over = True
            self._on_excess()
        return False

    def _kind(self, data: bytes) -> Allowance:
        first = data[0] if data else 0
        if first < 20:
            return self._checks
        if first < 128:
            return self._records
        return self._reports if len(data) > 1 and 192 <= data[1] <= 223 else self._media

    def _is_one_of_few(self, sender: Sender) -> bool:
        return _is_known(sender, self._senders, MAX_SENDERS)

    def _is_of_few_streams(self, data: bytes) -> bool:
        if len(data) < 12 or data[0] < 128 or 192 <= data[1] <= 223:
            return True
        return _is_known(data[8:12], self._streams, MAX_STREAMS)


def _is_handshake(data: bytes) -> bool:
    """Whether it is DTLS, and no application data."""
    return bool(data) and 20 <= data[0] <= 22


def _is_known(one: T, known: set[T], most: int) -> bool:
    """Return whether something is known, or can be remembered."""
    if one not in known:
        if len(known) >= most:
            return False
        known.add(one)
    return True


def limit_datagrams(
    peer: RTCPeerConnection, limits: DatagramLimits, on_excess: Callable[[], None]
) -> None:
    """Judge what a peer receives, once its addresses are gathered."""
    secured: Any = peer.getReceivers()[0].transport
    transport = secured.transport
    connection = transport._connection

    username = f"{connection.local_username}:".encode()  # begins that of checks; RFC 8445, 7.2.2

    def is_invited(data: bytes, sender: Sender) -> bool:
        return username in data or any(
            pair.remote_addr == sender for pair in connection._check_list
        )

    def is_theirs(sender: Sender) -> bool:
        # the others of the list have not answered yet, or failed to
        return any(
            pair.remote_addr == sender and pair.state is CandidatePair.State.SUCCEEDED
            for pair in connection._check_list
        )

    datagrams = Datagrams(
        limits,
        is_connected=lambda: secured.state == "connected",
        is_invited=is_invited,
        is_theirs=is_theirs,
        on_excess=on_excess,
    )
    checked = _waits_for_a_check(connection)
    for protocol in connection._protocols:
        _judge(protocol, datagrams, checked)
    _count_streams(secured._rtp_router, datagrams)
    _measure(transport, datagrams)


def _judge(protocol: StunProtocol, datagrams: Datagrams, checked: Callable[[], None]) -> None:
    receive = protocol.datagram_received

    def received(data: bytes | str, sender: tuple[Any, ...]) -> None:
        if isinstance(data, bytes) and datagrams.admit(data, (sender[0], sender[1])):
            # aioice fails in many ways at checks that lack what they should hold
            with contextlib.suppress(Exception):
                receive(data, sender)
            checked()

    protocol.datagram_received = received  # type: ignore[method-assign, assignment]


def _waits_for_a_check(connection: Connection) -> Callable[[], None]:
    """Let a connection that knows no address of its visitor do nothing until they check it.

    Without that it looks fifty times a second for something to check. Returns what tells it of
    what came.
    """
    connect, close = connection.connect, connection.close
    has_come = asyncio.Event()
    if connection._remote_candidates:
        has_come.set()

    async def connect_then() -> None:
        await has_come.wait()
        await connect()

    async def close_now() -> None:
        has_come.set()
        await close()

    def checked() -> None:
        if connection._early_checks:
            has_come.set()

    connection.connect = connect_then  # type: ignore[method-assign]
    connection.close = close_now  # type: ignore[method-assign]
    return checked


def _count_streams(router: Any, datagrams: Datagrams) -> None:
    """Count the streams of packets whose encryption shows that they are the visitor's own."""
    route = router.route_rtp

    def routed(packet: RtpPacket) -> Any:
        receiver = route(packet)
        if len(router.ssrc_table) > MAX_OWN_STREAMS:
            datagrams.exceed()
        return receiver

    router.route_rtp = routed


def _measure(transport: Any, datagrams: Datagrams) -> None:
    """Count the time from each datagram that aiortc takes until it comes for the next one.

    To ask for the time costs as much as many a datagram, so that few, by chance, stand for all.
    """
    receive = transport._recv
    busy = Allowance(MAX_SHARE, MAX_BUSY_S)
    taken_at: float | None = None

    async def receive_next() -> bytes:
        nonlocal taken_at
        if taken_at is not None:
            busy.spend((time.thread_time() - taken_at) * ONE_IN)
            taken_at = None
            if busy.left < 0:
                datagrams.exceed()
        data: bytes = await receive()
        if random.random() * ONE_IN < 1:
            taken_at = time.thread_time()
        return data

    transport._recv = receive_next
