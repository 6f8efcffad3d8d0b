"""aiortc as it is used here: VP8 alone, small frames and messages, the addresses of the page.

VP8 because every browser has to know it (RFC 7742, section 5), because one decoder is less to
attack than two, and because aiortc encodes it in a quarter of the time it spends on H.264.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aioice.ice
import aiortc.codecs
import aiortc.rtcrtpreceiver
from aiortc import (
    InvalidStateError,
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
)
from aiortc.codecs.vpx import Vp8Decoder
from aiortc.jitterbuffer import JitterFrame
from av.frame import Frame

from stream.serve.peers.datagrams import DatagramLimits, limit_datagrams
from stream.serve.peers.frame_queue import FrameQueue, limit_frames
from stream.serve.peers.messages import MessageLimits, limit_messages
from stream.serve.peers.offer import rebuilt_offer
from stream.serve.peers.retransmission import limit_retransmission
from stream.serve.site.limits import Limits, Refusal

#: Why visits end whose messages, or pieces of them, are too many.
TOO_MANY_MESSAGES = "too many messages, or too long ones"


@dataclass(frozen=True, slots=True)
class Undecoded:
    """Comes out of the decoder in place of frames that are not decoded, and says why."""

    reason: str


def restrict(limits: Limits, host: str, *, is_loopback: bool) -> None:
    """Set for the whole process what aiortc has no options for.

    Args:
        limits: of frames.
        host: address the page is served at: media is received there and nowhere else.
        is_loopback: it is this machine's own. Firefox sends no media to such an address, so that
            all addresses of this machine are taken, but only what comes from one of them.
    """
    aiortc.rtcrtpreceiver.get_decoder = lambda codec: Decoder(limits)  # type: ignore[attr-defined]
    aioice.ice.StunProtocol.datagram_received = _received  # type: ignore[method-assign]
    if is_loopback:
        aioice.ice.get_host_addresses = _own_addresses
        aioice.ice.StunProtocol.datagram_received = _received_from_here  # type: ignore[method-assign, assignment]
    elif ipaddress.ip_address(host).is_unspecified:
        aioice.ice.get_host_addresses = _get_host_addresses
    else:
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [host]


_get_host_addresses = aioice.ice.get_host_addresses
_received = aioice.ice.StunProtocol.datagram_received


def _own_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return ["127.0.0.1", *_get_host_addresses(use_ipv4, use_ipv6)]


def _received_from_here(
    protocol: aioice.ice.StunProtocol, data: bytes | str, sender: tuple[str, int]
) -> None:
    # the addresses of this machine are looked up as seldom as the sender changes
    if _is_own(sender[0]):
        _received(protocol, data, sender)


@functools.lru_cache(maxsize=64)
def _is_own(address: str) -> bool:
    return address in _own_addresses(True, True)


def connection(stun: str | None) -> RTCPeerConnection:
    """Return a new connection; without `stun` it asks no other server about anything."""
    servers = [RTCIceServer(stun)] if stun else []
    return RTCPeerConnection(RTCConfiguration(iceServers=servers))


def send_vp8(peer: RTCPeerConnection, track: MediaStreamTrack) -> None:
    """Prepare for a video there and back, of whose codecs only VP8 will be taken."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    wanted = [codec for codec in codecs if codec.name.upper() in ("VP8", "RTX")]
    peer.addTransceiver(track, "sendrecv").setCodecPreferences(wanted)


def guard(
    peer: RTCPeerConnection,
    limits: Limits,
    on_excess: Callable[[str], None],
) -> FrameQueue:
    """Limit what comes from a visitor, once the answer to the offer is set.

    Args:
        peer: of a visitor, whose offer is set.
        limits: of what they send.
        on_excess: called with a reason when there is too much of something.

    Returns:
        Where their frames wait for the decoder.
    """
    (receiver,), (sender,) = peer.getReceivers(), peer.getSenders()
    assert peer.sctp is not None  # since the offer holds a data channel
    frames = limit_frames(
        receiver,
        limits.max_fps,
        lambda: on_excess(f"more than {limits.max_fps} frames a second are too many"),
    )
    limit_retransmission(receiver, sender, frames.break_off)
    limit_messages(
        peer.sctp,
        MessageLimits(limits.max_message_bytes, limits.max_messages_s),
        lambda: on_excess(TOO_MANY_MESSAGES),
    )
    limit_datagrams(
        peer,
        DatagramLimits(limits.max_media_packets_s, limits.max_media_bytes_s),
        lambda: on_excess("this is more data than a video of this size has"),
    )
    return frames


async def close(peer: RTCPeerConnection, timeout_s: float) -> None:
    """Close a connection and its sockets, in whatever state the other side has put it."""
    transports: Any = list(peer._RTCPeerConnection__iceTransports)  # type: ignore[attr-defined]
    with contextlib.suppress(Exception):
        async with asyncio.timeout(timeout_s):
            await peer.close()
    for transport in transports:  # whose sockets may be open still where that broke off
        with contextlib.suppress(Exception):
            async with asyncio.timeout(timeout_s):
                await transport.stop()
                await transport._connection.close()


def checked_offer(sdp: str, *, keep_candidates: bool) -> str:
    """Return an offer without what is not wanted of it.

    Browsers reach this server at its own addresses. Theirs are left out, so that no offer makes
    this server send anything to a third one; behind a NAT, which `--stun` is for, they are needed.

    Args:
        sdp: the offer.
        keep_candidates: leave the addresses in it that are numbers.

    Raises:
        Refusal: it is not the offer of one video and one data channel.
    """
    try:
        return rebuilt_offer(sdp, keep_candidates=keep_candidates)
    except ValueError as error:
        raise Refusal(400, str(error)) from error


class Decoder(Vp8Decoder):
    """Looks at the size of a VP8 frame before memory for it is taken.

    Once something is refused nothing more is decoded: whoever sent it is about to be dismissed.
    """

    def __init__(self, limits: Limits) -> None:
        """Prepare for the frames of one visitor."""
        super().__init__()
        self._limits = limits
        self._refused = False

    def decode(self, encoded_frame: JitterFrame) -> list[Frame]:
        """Return the frames in this one, or the reason why not, as the last thing."""
        if self._refused:
            return []
        reason = self._reason(encoded_frame.data)
        if reason is None:
            return super().decode(encoded_frame)
        self._refused = True
        return [Undecoded(reason)]  # type: ignore[list-item]

    def _reason(self, data: bytes) -> str | None:
        size = vp8_size(data)
        if size is not None and size[0] * size[1] > self._limits.max_pixels:
            most = self._limits.max_pixels
            return f"frames of {size[0]}x{size[1]} are too large; {most} pixels are allowed"
        return None


def vp8_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a VP8 key frame, `None` for others. Source: RFC 6386, 9.1."""
    if len(data) < 10 or data[0] & 1 or data[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    return width & 0x3FFF, height & 0x3FFF


def overlook_closed(loop: asyncio.AbstractEventLoop) -> None:
    """Let nothing be said of connections that were closed while they were made.

    What makes them in aiortc then fails, in a task that nobody waits for.
    """
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), InvalidStateError):
            return
        if before is None:
            loop.default_exception_handler(context)
        else:
            before(loop, context)

    loop.set_exception_handler(handle)
