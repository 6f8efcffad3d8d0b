"""aiortc as it is used here: VP8 alone, small frames and messages, the addresses of the page.

VP8 because every browser has to know it (RFC 7742, section 5), because one decoder is less to
attack than two, and because aiortc encodes it in a quarter of the time it spends on H.264.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import aioice.ice
import aiortc.codecs
import aiortc.rtcrtpreceiver
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
)
from aiortc.codecs.vpx import Vp8Decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcsctptransport import Chunk, DataChunk, ForwardTsnChunk, RTCSctpTransport
from aiortc.sdp import SessionDescription
from av.frame import Frame

from stream.serve.limits import Limits, Rate, Refusal

MAX_CANDIDATES = 16
#: Of messages that are not whole yet: bytes by those of the longest, pieces by messages a second.
UNFINISHED_BYTES, UNFINISHED_PIECES = 8, 4
#: Pieces a second by messages a second; the longest message of a browser comes in two.
PIECES_S = 8


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


def limit_messages(peer: RTCPeerConnection, limits: Limits, on_excess: Callable[[], None]) -> None:
    """Take no more of messages than may become of them, once the offer is set.

    aiortc keeps a message that never ends however long it is, also beyond the window that it
    announces, and looks through what it keeps at every piece that arrives.

    Args:
        peer: of a visitor.
        limits: of messages.
        on_excess: called when there is too much; nothing that comes after that is looked at.
    """
    sctp = peer.sctp
    assert sctp is not None  # since the offer holds a data channel
    receive, is_over = sctp._receive_chunk, False
    pieces = Rate(PIECES_S * limits.max_messages_s, 1.0)

    async def receive_some(chunk: Chunk) -> None:
        nonlocal is_over
        if not isinstance(chunk, DataChunk | ForwardTsnChunk):
            await receive(chunk)
        elif not is_over:
            is_over = not pieces.allows()
            if not is_over:
                await receive(chunk)
                is_over = _keeps_too_much(sctp, limits)
            if is_over:
                on_excess()

    sctp._receive_chunk = receive_some  # type: ignore[method-assign]


def _keeps_too_much(sctp: RTCSctpTransport, limits: Limits) -> bool:
    streams = sctp._inbound_streams.values()
    kept = [len(chunk.user_data) for stream in streams for chunk in stream.reassembly]
    # numbers of pieces that came too early are kept even where the pieces are not, and so is
    # something for each stream
    num_pieces = len(kept) + len(sctp._sack_misordered) + len(streams)
    return (
        sum(kept) > UNFINISHED_BYTES * limits.max_message_bytes
        or num_pieces > UNFINISHED_PIECES * limits.max_messages_s
    )


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
    lines = [line.strip() for line in sdp.splitlines()]
    kept, num_candidates = [], 0
    for line in lines:
        if line.startswith(("a=candidate:", "a=end-of-candidates")):
            num_candidates += 1
            is_name = re.search(r"\.local\b", line)
            if not keep_candidates or is_name or num_candidates > MAX_CANDIDATES:
                continue
        kept.append(line)
    text = "\r\n".join(filter(None, kept)) + "\r\n"
    try:
        kinds = sorted(media.kind for media in SessionDescription.parse(text).media)
    except Exception as error:  # of many kinds, depending on where the text stops making sense
        raise Refusal(400, "the offer is no session description") from error
    if kinds != ["application", "video"]:
        raise Refusal(400, "the offer must hold one video and one data channel, nothing else")
    return text


class Decoder(Vp8Decoder):
    """Looks at the size of a VP8 frame before memory for it is taken.

    Once something is refused nothing more is decoded: whoever sent it is about to be dismissed.
    """

    def __init__(self, limits: Limits) -> None:
        """Prepare for the frames of one visitor."""
        super().__init__()
        self._limits = limits
        self._rate = Rate(limits.max_fps, 1.0, time.monotonic)
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
        if not self._rate.allows():
            return f"more than {self._limits.max_fps} frames a second are too many"
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
