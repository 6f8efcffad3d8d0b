"""How ffmpeg opens an address, and what it may open on the way."""

from __future__ import annotations

import re

from segmentation.processors import num_processors
from stream.ffmpeg.listing import listing_of
from stream.ffmpeg.process import log_of
from stream.ffmpeg.screen import is_screen_address, screen_options

_NETWORK = re.compile(r"(https?|rtsps?|rtmps?|udp|tcp|srt|rtp)://", re.IGNORECASE)
_LIVE = re.compile(r"(rtsps?|rtmps?|udp|tcp|srt|rtp)://", re.IGNORECASE)

#: Containers and bare streams that hold frames themselves. Playlists, scripts and lists of other
#: files (hls, dash, concat, sdp, image2, avisynth, ...) are missing on purpose: a local file must
#: not make ffmpeg open anything else.
_FILE_FORMATS = (
    "apng,asf,av1,avi,dv,flv,gif,h261,h263,h264,hevc,ivf,jpeg_pipe,m4v,matroska,mjpeg,mov,mpeg,mpegts,"
    "mpegvideo,mxf,nsv,nut,obu,ogg,rm,swf,vc1,vvc,wtv,yuv4mpegpipe"
)
_NETWORK_PROTOCOLS = (
    "http,https,httpproxy,tcp,tls,udp,rtp,srtp,rtsp,rtsps,rtmp,rtmps,srt,crypto,data"
)
#: Parts of a playlist may have any ending or none. Only of what is a playlist: elsewhere ffmpeg
#: refuses these.
_PLAYLIST_OPTIONS = (
    *("-f", "hls", "-allowed_extensions", "ALL"),
    *("-allowed_segment_extensions", "ALL", "-extension_picky", "0"),
)
_PLAYLIST = re.compile(r"https?://[^?#]*\.m3u8([?#]|$)", re.IGNORECASE)
_TIMEOUT_US = 10_000_000
_DATAGRAM_TIMEOUT_US = 25_000_000  # whoever sends may begin after us; `SILENT_S` ends it sooner
_LENGTH_TIMEOUT_US = 3_000_000  # a camera may serve one visitor at a time
_LIVE_ANALYSIS_US = 1_000_000


def is_network_address(address: str) -> bool:
    """Return whether `address` is opened over a network; it is a local path otherwise."""
    return _NETWORK.match(address) is not None


def is_live_address(address: str) -> bool:
    """Return whether `address` only gives what happens now: such a protocol, or the screen."""
    return _LIVE.match(address) is not None or is_screen_address(address)


def input_options(
    address: str,
    *,
    keeps_clock: bool = True,
    low_delay: bool = False,
    is_playlist: bool = False,
    from_s: float = 0.0,
) -> list[str]:
    """Return ffmpeg's arguments that open `address`.

    A local file opens as that file and nothing else, whatever it contains; a network address may
    lead to other network addresses, never to a local file.

    Args:
        address: path, an address with a network protocol, or `screen:`.
        keeps_clock: timestamps stay as they are; otherwise they count from the start of the input,
            and go on where its clock starts over or jumps by more than ten seconds.
        low_delay: hand out each frame as soon as it is there, at some cost of throughput.
        is_playlist: it is one of HLS, also where its ending does not say so.
        from_s: what lies before is left out; counts from the start of the input.

    Raises:
        StreamError: there is no such screen.
    """
    if is_screen_address(address):
        return screen_options(address)
    options = ["-copyts"] if keeps_clock else []
    options += ["-ss", f"{from_s:.6f}"] if from_s > 0 else []
    if not is_network_address(address):
        options += ["-threads", str(_num_threads()), "-protocol_whitelist", "file"]
        options += ["-format_whitelist", _FILE_FORMATS]
        return [*options, "-i", f"file:{address}"]
    options += ["-protocol_whitelist", _NETWORK_PROTOCOLS]
    if address.lower().startswith("rtsp"):
        options += ["-rtsp_flags", "prefer_tcp", "-timeout", str(_TIMEOUT_US)]
    elif address.lower().startswith("udp"):
        options += ["-timeout", str(_DATAGRAM_TIMEOUT_US)]
    else:
        options += ["-rw_timeout", str(_TIMEOUT_US)]
    if is_playlist or _PLAYLIST.match(address):
        options += _PLAYLIST_OPTIONS
    if low_delay:
        options += ["-thread_type", "slice", "-analyzeduration", str(_LIVE_ANALYSIS_US)]
    return [*options, "-i", address]


def announces_length(address: str) -> bool:
    """Return whether a web server says how long what lies at `address` is, as of a file.

    Raises:
        StreamError: ffmpeg is not there or cannot be run.
    """
    if not address.lower().startswith("http"):
        return False
    # to ffmpeg every byte is a sample of sound, so that their number is a duration
    options = ["-protocol_whitelist", _NETWORK_PROTOCOLS, "-rw_timeout", str(_LENGTH_TIMEOUT_US)]
    return listing_of(log_of([*options, "-f", "s8", "-i", address])).duration_s is not None


def _num_threads() -> int:
    """Return how many threads decode a file: each costs time, and more of them wait for us."""
    return max(1, num_processors() // 4)
