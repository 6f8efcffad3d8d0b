"""How ffmpeg opens an address, and what it may open on the way."""

from __future__ import annotations

import os
import re

from stream.ffmpeg.screen import is_screen_address, screen_options

_NETWORK = re.compile(r"(https?|rtsps?|rtmps?|udp|tcp|srt|rtp)://", re.IGNORECASE)
_LIVE = re.compile(r"(rtsps?|rtmps?|udp|tcp|srt|rtp)://", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/@\s]*@")

#: Containers and bare streams that hold frames themselves. Playlists, scripts and lists of other
#: files (hls, dash, concat, sdp, image2, avisynth, ...) are missing on purpose: a local file must
#: not make ffmpeg open anything else.
_FILE_FORMATS = (
    "apng,asf,av1,avi,dv,flv,gif,h261,h263,h264,hevc,ivf,m4v,matroska,mjpeg,mov,mpeg,mpegts,"
    "mpegvideo,mxf,nsv,nut,obu,ogg,rm,swf,vc1,vvc,wtv,yuv4mpegpipe"
)
_NETWORK_PROTOCOLS = (
    "http,https,httpproxy,tcp,tls,udp,rtp,srtp,rtsp,rtsps,rtmp,rtmps,srt,crypto,data"
)
_TIMEOUT_US = 10_000_000
_LIVE_ANALYSIS_US = 1_000_000


def is_network_address(address: str) -> bool:
    """Return whether `address` is opened over a network; it is a local path otherwise."""
    return _NETWORK.match(address) is not None


def is_live_address(address: str) -> bool:
    """Return whether `address` only gives what happens now: such a protocol, or the screen."""
    return _LIVE.match(address) is not None or is_screen_address(address)


def without_password(address: str) -> str:
    """Return `address` without the user's name and password, for messages."""
    return _USER.sub("", address) if is_network_address(address) else address


def input_options(address: str, *, low_delay: bool = False) -> list[str]:
    """Return ffmpeg's arguments that open `address` and keep its own timestamps.

    A local file opens as that file and nothing else, whatever it contains; a network address may
    lead to other network addresses, never to a local file.

    Args:
        address: path, an address with a network protocol, or `screen:`.
        low_delay: hand out each frame as soon as it is there, at some cost of throughput.

    Raises:
        StreamError: there is no such screen.
    """
    if is_screen_address(address):
        return screen_options(address)
    options = ["-copyts"]
    if not is_network_address(address):
        options += ["-threads", str(_num_threads()), "-protocol_whitelist", "file"]
        options += ["-format_whitelist", _FILE_FORMATS]
        return [*options, "-i", f"file:{address}"]
    options += ["-protocol_whitelist", _NETWORK_PROTOCOLS]
    if address.lower().startswith("rtsp"):
        options += ["-rtsp_flags", "prefer_tcp", "-timeout", str(_TIMEOUT_US)]
    else:
        options += ["-rw_timeout", str(_TIMEOUT_US)]
    if low_delay:
        options += ["-thread_type", "slice", "-analyzeduration", str(_LIVE_ANALYSIS_US)]
    return [*options, "-i", address]


def _num_threads() -> int:
    """Return how many threads decode a file: each costs time, and more of them wait for us."""
    return max(1, (os.cpu_count() or 1) // 4)
