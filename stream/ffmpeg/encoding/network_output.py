"""How ffmpeg sends to an address of a network, or writes a folder that a web server shows."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from stream.errors import StreamError
from stream.ffmpeg.encoding.codecs import Encoding
from stream.ffmpeg.encoding.formats import DEFAULT_FPS, encoder_options, keyframes
from stream.frame import OutputInfo

HLS_PREFIX = "hls:"
PLAYLIST = "index.m3u8"
SEGMENTS = "maskcast-*.ts"
UNFINISHED = ".tmp"  # what ffmpeg adds to the name of what it is still writing

_KEYFRAME_S = 2
_LIVE_SEGMENTS = 6
_BITS_A_PIXEL = 0.15
_LEAST_RATE = 1_000_000
_TIMEOUT_US = 10_000_000
_LINGER_S = 3
_UDP_PACKET = 1316  # seven packets of MPEG-TS, which fit the usual frame of an ethernet


def check_address(address: str) -> None:
    """Raise `StreamError` unless all is there that the protocol needs."""
    if address.startswith(HLS_PREFIX):
        if not address.removeprefix(HLS_PREFIX):
            raise StreamError(f"{address}: names no folder; write hls:FOLDER/")
        return
    try:
        parts = urlsplit(address)
        host, port, path = parts.hostname, parts.port, parts.path.strip("/")
    except ValueError as error:
        raise StreamError(f"{without_secrets(address)}: is no address ({error})") from None
    if parts.scheme.lower().startswith("rtmp"):
        if not host or "/" not in path:
            raise StreamError(
                f"{without_secrets(address)}: must look like rtmp://HOST/APPLICATION/KEY"
            )
    elif not port or not (host or parts.scheme.lower() == "srt"):
        raise StreamError(f"{without_secrets(address)}: must look like {parts.scheme}://HOST:PORT")


def folder_of(address: str) -> Path | None:
    """Return the folder of an address `hls:FOLDER/`, `None` where it is no such address."""
    return Path(address.removeprefix(HLS_PREFIX)) if address.startswith(HLS_PREFIX) else None


def without_secrets(address: str) -> str:
    """Return `address` without what may be secret in it: names, keys and passwords."""
    if address.startswith(HLS_PREFIX):
        return address
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest)[0].rpartition('@')[2]}"


def files_of_playlist(folder: Path) -> list[Path]:
    """Return the playlist in a folder and what belongs to it, finished or not."""
    names = [name + ending for name in (PLAYLIST, SEGMENTS) for ending in ("", UNFINISHED)]
    return [path for name in names for path in folder.glob(name)]


def picture_options(
    encoding: Encoding, info: OutputInfo, pixels: str, preset: str, crf: int, *, live: bool
) -> list[str]:
    """Return ffmpeg's arguments that encode the picture, with a keyframe every two seconds.

    Args:
        encoding: H.264.
        info: see `OutputInfo.as_shown`.
        pixels: of the frames ffmpeg is given.
        preset: see `Encoding.arguments`.
        crf: of encoders in software, up to a bit rate that suits the size.
        live: each frame leaves the encoder at once.
    """
    stream = info.stream
    fps = float(stream.fps or DEFAULT_FPS)
    rate = max(_LEAST_RATE, round(stream.width * stream.height * fps * _BITS_A_PIXEL))
    # what hardware makes of a factor and a rate at once is another thing for each
    quality = crf if encoding.in_software else None
    options = encoder_options(encoding, ".mp4", info, pixels, preset, quality)
    options += [] if encoding.in_software else ["-b:v", str(rate * 3 // 4)]
    options += ["-maxrate", str(rate), "-bufsize", str(rate)]
    options += keyframes(info, _KEYFRAME_S)
    return [*options, *encoding.encoder.low_delay] if live else options


def output_options(address: str, *, live: bool, again: bool) -> list[str]:
    """Return ffmpeg's arguments that open the output.

    For a folder it must run there: in the names of segments a `%` of a folder would mean more.

    Args:
        address: `rtmp://`, `rtmps://`, `srt://`, `udp://` or `hls:FOLDER/`.
        live: it never ends by itself, so old segments are deleted.
        again: it goes on where another process ended.
    """
    if address.startswith(HLS_PREFIX):
        return _hls_options(live=live, again=again)
    if address.lower().startswith("rtmp"):
        options = ["-flvflags", "no_duration_filesize", "-rw_timeout", str(_TIMEOUT_US)]
        return [*options, "-f", "flv", address]
    if address.lower().startswith("udp") and "pkt_size=" not in address:
        address += f"{'&' if '?' in address else '?'}pkt_size={_UDP_PACKET}"
    # what is under way when the stream ends would be lost
    lingering = ["-linger", str(_LINGER_S)] if address.lower().startswith("srt") else []
    options = ["-muxdelay", "0.1", "-muxpreload", "0", "-flush_packets", "1", *lingering]
    return [*options, "-f", "mpegts", address]


def _hls_options(*, live: bool, again: bool) -> list[str]:
    flags = "independent_segments+temp_file"
    if live:
        flags += "+delete_segments+append_list" + ("+discont_start" if again else "")
    return [
        *("-f", "hls", "-hls_time", str(_KEYFRAME_S), "-hls_flags", flags),
        *("-hls_list_size", str(_LIVE_SEGMENTS if live else 0)),
        *([] if live else ["-hls_playlist_type", "vod"]),
        *("-hls_segment_filename", SEGMENTS.replace("*", "%06d"), "-y", PLAYLIST),
    ]
