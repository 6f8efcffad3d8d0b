"""Source: a video file, a network address or the screen, through ffmpeg."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from segmentation.picture import Picture, letterboxed
from stream.errors import StreamError
from stream.ffmpeg.inputs import is_network_address
from stream.ffmpeg.screen import SCREEN_FPS, is_screen_address
from stream.frame import Frame, Source, StreamInfo
from stream.pace import Pace
from stream.sources.attempts import IN_BURSTS, Attempts
from stream.sources.beside import contents_of, start_of
from stream.sources.clock import Clock
from stream.sources.decoder import Decoded, Decoder

SILENT_S = 10.0  # a live source that gives nothing for so long is lost
_DEFAULT_FPS = Fraction(25)

#: Containers without timestamps, for which ffmpeg makes some up.
_CLOCKLESS = ("mpjpeg", "mjpeg", "h261", "h263", "h264", "hevc", "vvc", "m4v", "mpegvideo", "obu")
#: Those of which ffmpeg does not mend the clocks, though they start anywhere.
_ANY_CLOCK = ("flv", "dash")
# How far a frame may be ahead of the one before, beyond the time that has passed since.
_MAX_GAP_S, _MAX_LIVE_GAP_S, _MAX_BURST_GAP_S = 10.0, 3.0, 30.0
_BROKE_OFF = "Error during demuxing"  # in the log of ffmpeg
_MAX_BEHIND_S = 10.0  # what bursts that come late may add to the delay


class VideoSource(Source):
    """Frames of a local video file, of a network address or of the screen, see `Source`.

    One ffmpeg decodes and rotates as the file demands. 8-bit 4:2:0, which nearly all videos are,
    stays as it is, a `YuvPicture`, with the file's own matrix and range (BT.601 where it names no
    matrix, as ffmpeg does everywhere); for anything else ffmpeg is started again, to convert it
    exactly to RGB. A file that is damaged somewhere gives the frames ffmpeg can decode. Pictures of
    another shape than the first are fitted into it, on black. Transparency is ignored.

    A network address is live if its protocol is (rtsp, udp, ...) or it announces no length. What is
    live and breaks off, ends or falls silent is tried again after growing pauses for as long as it
    takes; frames are of another `take` then, and as much later as they came.

    Args:
        address: path, an address with a network protocol, or `screen:[WxH+X+Y]`.
        on_message: told, in one line each, that the source is waited for, lost, back or of another
            size, and, at its end, that a file is damaged.
        from_s: time of a file's frames from which on they are read, which should know no jumps;
            `None` for all of it. Of a part it is not told that it is damaged: a decoder that begins
            in the middle may miss what whole files give it.

    Raises:
        StreamError: not there, not readable, no video, or ffmpeg failed before the first frame.
    """

    def __init__(
        self,
        address: str,
        on_message: Callable[[str], None] = lambda text: None,
        from_s: float | None = None,
    ) -> None:
        """Start ffmpeg and wait for the first frame."""
        super().__init__()
        self._address, self._on_message = address, on_message
        self._is_part = from_s is not None
        self._screen = is_screen_address(address)
        self._remote = self._screen or is_network_address(address)
        if not self._remote:
            _check_file(Path(address))
        self._attempts = Attempts(address, on_message, from_s)
        self._name = self._attempts.name
        self._decoder: Decoder | None = self._attempts.first()
        try:
            self.info = self._stream_info(self._decoder)
        except BaseException:
            self._attempts.close()
            raise
        self._has_told_fields = False
        self._tell_fields(self._decoder)
        self._clock = self._new_clock(self._decoder)
        self._num_frames, self._is_read = 0, False
        self._last_s = 0.0
        self._told_sizes = {(self.info.width, self.info.height)}

    def _stream_info(self, decoder: Decoder) -> StreamInfo:
        header, listing = decoder.header, decoder.listing
        # ffmpeg guesses a screen's from the first pictures, which come late on a busy machine
        fps = Fraction(SCREEN_FPS) if self._screen else header.fps or _DEFAULT_FPS
        live = self._attempts.live
        is_clockless = live and listing.container in _CLOCKLESS
        contents = contents_of(self._address, listing, decoder.track, header.side_data)
        return StreamInfo(
            width=header.width,
            height=header.height,
            fps=fps,
            live=live,
            pixel_aspect=header.pixel_aspect,
            duration_s=None if live else listing.duration_s,
            colour=header.colour,
            time_base=None if is_clockless else decoder.time_base,
            contents=None if live else contents,
            depth=decoder.depth,
            source_depth=header.bits,
            codec=decoder.track.codec,
            light=decoder.light,
        )

    def _new_clock(self, decoder: Decoder) -> Clock:
        step_s = float(1 / (self.info.fps or _DEFAULT_FPS))
        listing = decoder.listing
        if self.info.live:
            max_gap_s = _MAX_BURST_GAP_S if listing.container in IN_BURSTS else _MAX_LIVE_GAP_S
            return Clock(step_s, max_gap_s=max_gap_s, by_arrival=listing.container in _CLOCKLESS)
        return Clock(
            step_s,
            max_gap_s=_MAX_GAP_S if listing.container in _ANY_CLOCK else math.inf,
            start_s=start_of(listing) - (0.0 if decoder.keeps_clock else listing.start_s or 0.0),
        )

    @property
    def num_errors(self) -> int:
        """How many errors the decoder has reported so far."""
        return 0 if self._decoder is None else self._decoder.num_errors

    def close(self) -> None:
        """End ffmpeg."""
        self._attempts.close()

    def interrupt(self) -> None:
        """See `Source.interrupt`."""
        super().interrupt()
        self._attempts.interrupt()

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; see `Source`.

        Raises:
            StreamError: ffmpeg was killed, or the network broke off, and it is no live source; or
                it was read to its end before.
        """
        if self._is_read and not self._interrupted.is_set():
            raise StreamError(f"{self._name}: was read to its end; open it anew to read it again")
        decoder, take = self._decoder, 0
        while decoder is not None and not self._interrupted.is_set():
            is_silent = yield from self._frames(decoder, take)
            if not self.info.live:
                self._is_read = True
                self._check_end(decoder)
                return
            decoder = self._attempts.again(self._why_lost(decoder, is_silent=is_silent))
            self._clock.begin_anew()
            take += 1

    def _frames(self, decoder: Decoder, take: int) -> Generator[Frame, None, bool]:
        """Yield what a decoder gives; returns whether it has fallen silent."""
        live = self.info.live
        in_bursts = live and decoder.listing.container in IN_BURSTS
        pace = Pace(max_behind_s=_MAX_BEHIND_S) if in_bursts else None
        held: Frame | None = None  # of a file, whose last frame says how long it is seen
        pts_s = 0.0
        while not self._interrupted.is_set():
            try:
                decoded = decoder.read(SILENT_S if live else None)
            except TimeoutError:
                decoder.kill()
                return True
            self._tell_fields(decoder)
            if decoded is None:
                break
            arrival_s = time.monotonic() if live else 0.0
            self._last_s = time_s = self._clock.time_s(decoded.pts, decoded.time_base, arrival_s)
            if pace is not None and self._interrupted.wait(pace.early_s(time_s)):
                break
            frame = Frame(
                self._fitted(decoded),
                self._num_frames,
                time_s,
                take=take,
                pixel_aspect=self.info.pixel_aspect,
            )
            self._num_frames += 1
            given = frame if live else held
            held, pts_s = frame, float(decoded.pts * decoded.time_base)
            if given is not None:
                yield given
        if held is not None and not live:
            yield replace(held, lasts_s=self._lasts_s(decoder, pts_s))
        return False

    def _tell_fields(self, decoder: Decoder) -> None:
        """Say once that frames are not shown as they are."""
        if decoder.has_deinterlaced and not self._has_told_fields:
            self._has_told_fields = True
            self._on_message(f"{self._name}: is interlaced, and is deinterlaced")

    @staticmethod
    def _lasts_s(decoder: Decoder, pts_s: float) -> float | None:
        """Return how long the last frame is seen, of which `pts_s` is the timestamp."""
        end_s = decoder.end_s
        return None if end_s is None or end_s <= pts_s else end_s - pts_s

    def _fitted(self, decoded: Decoded) -> Picture:
        """Return the picture in the shape of the first one; what is fitted is told once."""
        shape, info = decoded.shape, self.info
        size_wh = shape.width, shape.height
        if size_wh not in self._told_sizes:
            self._told_sizes.add(size_wh)
            self._on_message(
                f"{self._name}: its pictures are {shape.width}x{shape.height} now, "
                f"fitted into {info.width}x{info.height}"
            )
        aspect = Fraction(shape.width, shape.height) * shape.pixel_aspect
        return letterboxed(decoded.picture, aspect, (info.height, info.width), info.pixel_aspect)

    def _why_lost(self, decoder: Decoder, *, is_silent: bool) -> str:
        status = decoder.wait()
        if is_silent:
            return f"no picture for {SILENT_S:.0f} s"
        if status or decoder.has_reported(_BROKE_OFF):
            return decoder.failure().removeprefix(f"{_BROKE_OFF}: ")
        return "it ended"

    def _check_end(self, decoder: Decoder) -> None:
        """Say what was wrong with a file.

        Raises:
            StreamError: it was not read to its end.
        """
        status = decoder.wait()
        if self._interrupted.is_set():
            return
        broke_off = self._remote and decoder.has_reported(_BROKE_OFF)
        if status < 0 or broke_off:
            raise StreamError(f"{self._name}: broke off ({decoder.failure()})")
        if not (self._remote or self._is_part) and (status or decoder.has_reported("")):
            self.num_left_out += int(self._ended_early())
            self._on_message(
                f"{self._name}: is damaged, {self._num_frames} frames{self._share()} could be read "
                f"({decoder.failure()})"
            )

    def _ended_early(self) -> bool:
        """Return whether more than a frame is missing of the announced length."""
        whole_s, fps = self.info.duration_s, self.info.fps or _DEFAULT_FPS
        return whole_s is not None and self._last_s + float(2 / fps) < whole_s - 0.001

    def _share(self) -> str:
        """Say how much of the announced length has come, "" where none was announced."""
        whole_s = self.info.duration_s
        if whole_s is None:
            return ""
        return f" ({min(self._last_s, whole_s):.1f} of {whole_s:.1f} s)"


def _check_file(path: Path) -> None:
    """Say what is wrong with a file before ffmpeg does, in better words.

    Raises:
        StreamError: it cannot be a video.
    """
    try:
        if path.is_dir():
            raise StreamError(f"{path}: is a folder, not a video")
        if not path.exists():
            raise StreamError(f"{path}: no such file")
        if not os.access(path, os.R_OK):
            raise StreamError(f"{path}: may not be read; check its permissions")
        if path.is_file() and path.stat().st_size == 0:
            raise StreamError(f"{path}: is empty")
    except (OSError, ValueError) as error:
        raise StreamError(f"{str(path)!r}: cannot be read ({error})") from None
