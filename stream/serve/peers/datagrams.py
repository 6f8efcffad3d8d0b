"""What comes from one visitor by UDP: so much of each kind, and no more.

What is too much is lost, as on a link that is too narrow, which every sender of video copes with.
That costs less than to look at it. Who goes on far above that is reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aioice.ice
from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket

from stream.serve.fairness.allowance import Allowance

#: What was kept back by a link that stood still comes at once: so many seconds' worth.
BURST_S = 5.0
#: Those of other kinds than media, a second. A browser sends checks, reports and messages by the
#: half-dozen; at the beginning, checks from each of its addresses to each of this machine's.
MAX_CHECKS_S, MAX_REPORTS_S, MAX_RECORDS_S = 20.0, 40.0, 200.0
#: Addresses and streams that may send to one visitor's port. Each is remembered.
MAX_SENDERS, MAX_STREAMS = 32, 32
#: Streams that a visitor may have. A browser has two, and new ones after it changed the camera.
MAX_OWN_STREAMS = 16
#: Datagrams of anybody who is not connected yet: a handshake takes some dozens, a few times.
MAX_UNCONNECTED = 400
#: Share of a processor that handling what one visitor sends may take, and how long it may take all.
MAX_SHARE, MAX_BUSY_S = 0.25, 3.0


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
    """Judges the datagrams of one visitor by their first bytes. Source: RFC 7983.

    Args:
        limits: above them they are lost; at twice as many, or more bytes, `on_excess` is called.
        is_connected: who sends has shown that they are who was answered.
        on_excess: called once; from then on all are lost.
    """

    def __init__(
        self,
        limits: DatagramLimits,
        is_connected: Callable[[], bool],
        on_excess: Callable[[], None],
    ) -> None:
        """Begin with nothing received."""
        media, most = limits.max_media_s, 2 * limits.max_media_s
        self._media = Allowance(media, BURST_S * media, at_first=media / 2)
        self._checks = Allowance(MAX_CHECKS_S, 10 * MAX_CHECKS_S)
        self._reports = Allowance(MAX_REPORTS_S, 10 * MAX_REPORTS_S)
        self._records = Allowance(MAX_RECORDS_S, 5 * MAX_RECORDS_S, at_first=MAX_RECORDS_S)
        self._all = Allowance(most, BURST_S * most, at_first=media)
        self._bytes = Allowance(
            limits.max_bytes_s, BURST_S * limits.max_bytes_s, at_first=2 * limits.max_bytes_s
        )
        self._is_connected = is_connected
        self._num_unconnected = 0
        self._on_excess = on_excess
        self._senders: set[tuple[str, int]] = set()
        self._streams: set[bytes] = set()
        self.is_over = False

    def admit(self, data: bytes, sender: tuple[str, int]) -> bool:
        """Return whether a datagram is looked at."""
        if self.is_over:
            return False
        is_many = self._num_unconnected >= MAX_UNCONNECTED and not self._is_connected()
        self._num_unconnected += 1
        if is_many or not self._all.allows() or not self._bytes.allows(len(data)):
            self.exceed()
            return False
        return self._is_one_of_few(data, sender) and self._kind(data).allows()

    def exceed(self) -> None:
        """Report that this visitor sends too much; nothing more is looked at."""
        if not self.is_over:
            self.is_over = True
            self._on_excess()

    def _kind(self, data: bytes) -> Allowance:
        first = data[0] if data else 0
        if first < 20:
            return self._checks
        if first < 128:
            return self._records
        return self._reports if len(data) > 1 and 192 <= data[1] <= 223 else self._media

    def _is_one_of_few(self, data: bytes, sender: tuple[str, int]) -> bool:
        if sender not in self._senders:
            if len(self._senders) >= MAX_SENDERS:
                return False
            self._senders.add(sender)
        if len(data) < 12 or data[0] < 128 or 192 <= data[1] <= 223:
            return True
        stream = data[8:12]
        if stream not in self._streams:
            if len(self._streams) >= MAX_STREAMS:
                return False
            self._streams.add(stream)
        return True


def limit_datagrams(
    peer: RTCPeerConnection, limits: DatagramLimits, on_excess: Callable[[], None]
) -> None:
    """Judge what a peer receives, once its addresses are gathered."""
    secured: Any = peer.getReceivers()[0].transport
    transport = secured.transport
    datagrams = Datagrams(limits, lambda: secured.state == "connected", on_excess)
    for protocol in transport._connection._protocols:
        _judge(protocol, datagrams)
    _count_streams(secured._rtp_router, datagrams)
    _measure(transport, datagrams)


def _judge(protocol: aioice.ice.StunProtocol, datagrams: Datagrams) -> None:
    receive = protocol.datagram_received

    def received(data: bytes | str, sender: tuple[Any, ...]) -> None:
        if isinstance(data, bytes) and datagrams.admit(data, (sender[0], sender[1])):
            receive(data, sender)

    protocol.datagram_received = received  # type: ignore[method-assign, assignment]


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
    """Count the time from each datagram that aiortc takes until it comes for the next one."""
    receive = transport._recv
    busy = Allowance(MAX_SHARE, MAX_BUSY_S)
    taken_at: float | None = None

    async def receive_next() -> bytes:
        nonlocal taken_at
        if taken_at is not None:
            busy.spend(time.thread_time() - taken_at)
            taken_at = None
        if busy.left < 0:
            datagrams.exceed()
        data: bytes = await receive()
        taken_at = time.thread_time()
        return data

    transport._recv = receive_next
