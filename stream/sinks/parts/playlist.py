"""What ffmpeg has written of a folder for web servers: whether it is whole, and says so.

ffmpeg's muxer does not look whether its files could be written. On a full disk it goes on with
empty ones and ends as if all were well, without a word: so what lies there is looked at here.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from stream.ffmpeg.encoding.network_output import PLAYLIST, SEGMENTS, UNFINISHED
from stream.files.outputs import save, writing

_TS_PACKET = 188  # bytes, of which segments consist
_OPENING = re.compile(rf"\[info\] Opening '(.+){re.escape(UNFINISHED)}' for writing")
_END = "#EXT-X-ENDLIST"
# "vod" promises that this is the whole video, "event" that what is there stays
_VOD, _EVENT = "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-PLAYLIST-TYPE:EVENT"


class PlaylistCheck:
    """Finds out, while one ffmpeg after the other writes a folder, what could not be written.

    Args:
        folder: in which they run.
    """

    def __init__(self, folder: Path) -> None:
        """Know no file yet."""
        self._folder = folder
        self._written: str | None = None  # the file that is written now, by its final name

    def failure(self, line: str) -> str:
        """Take a line of ffmpeg's log; returns why the file before is not whole, "" where it is."""
        opening = _OPENING.search(line)
        if opening is None:
            return ""
        before, self._written = self._written, opening[1]
        return "" if before is None or self._is_whole(before) else self._why()

    def failure_at_end(self) -> str:
        """Return why the folder is not whole, though ffmpeg found no fault; "" where it is."""
        whole = all(self._is_whole(path.name) for path in self._folder.glob(SEGMENTS))
        return "" if whole and _END in _text(self._folder / PLAYLIST) else self._why()

    def _is_whole(self, name: str) -> bool:
        """Return whether a file that ffmpeg is done with is, or has been deleted since."""
        size = _TS_PACKET
        with contextlib.suppress(FileNotFoundError):
            size = (self._folder / name).stat().st_size
        return size > 0 and (name == PLAYLIST or size % _TS_PACKET == 0)

    def _why(self) -> str:
        """Ask the file system what ffmpeg does not say."""
        probe = self._folder / f".{PLAYLIST}.probe"
        try:
            probe.write_bytes(bytes(1 << 16))
        except OSError as error:
            return error.strerror or str(error)
        finally:
            with contextlib.suppress(OSError):
                probe.unlink()
        return "a file in it is not whole; was the disk full?"


def mark_as_cut_off(folder: Path) -> None:
    """Let a playlist no longer say that it is the whole video.

    Raises:
        StreamError: it cannot be written.
    """
    playlist = folder / PLAYLIST
    with writing(playlist):
        text = playlist.read_text("utf-8")
    save(text.replace(_VOD, _EVENT).replace(f"{_END}\n", "").encode(), playlist)


def _text(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8")
    return ""
