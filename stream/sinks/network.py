"""Sink: a stream to another machine, or a folder for a web server, encoded by ffmpeg."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from segmentation.picture import Picture
from stream.channel import Channel
from stream.errors import StreamError
from stream.ffmpeg.frame_feed import FEED_OPTIONS, FrameFeed
from stream.ffmpeg.network_output import (
    HLS_PREFIX,
    PLAYLIST,
    SEGMENTS,
    check_address,
    output_options,
    picture_options,
    without_secrets,
)
from stream.ffmpeg.process import INTERRUPTED, Ffmpeg
from stream.ffmpeg.sound import probe_sound, sound_input
from stream.frame import Output, OutputInfo, Sink
from stream.sinks.pace import Pace

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # before each attempt to reach the receiver again
STEADY_S = 10.0  # a connection that held so long makes the next pause short again
STALLED_S = 10.0  # how long a receiver may take nothing
FLUSH_S = 5.0  # how long the end of the stream may take


class NetworkSink(Sink):
    """Sends to `rtmp://`, `srt://` or `udp://`, or writes `hls:FOLDER/`, see `Sink`.

    Frames of a file are sent at their own pace. What the receiver does not take in time is left
    out, the newest frame wins, and `write` never waits for it. A connection that is lost, or
    that cannot be made, is tried again after growing pauses, as long as the run lasts. Only a
    file written to a folder is written whole and as fast as it goes.

    Sound of `info.stream.sound` goes along, encoded as AAC.

    Args:
        address: as above.
        info: of the outputs to come.
        preset: of x264.
        crf: constant rate factor.
        overwrite: replace the playlist that is in the folder.
        on_message: told, in one line, when a connection is lost and when it is back.

    Raises:
        StreamError: the address lacks something, or the folder must not be written to.
    """

    main_thread = False
    on_time = True

    def __init__(
        self,
        address: str,
        info: OutputInfo,
        *,
        preset: str,
        crf: int,
        overwrite: bool,
        on_message: Callable[[str], None],
    ) -> None:
        """Check the address."""
        check_address(address)
        self._address, self._name = address, without_secrets(address)
        self._info = info.as_shown()
        self._encoding = (preset, crf)
        self._on_message = on_message
        self._folder: Path | None = None
        if address.startswith(HLS_PREFIX):
            self._folder = Path(address.removeprefix(HLS_PREFIX))
            _prepare(self._folder, self._name, overwrite)
        self._live = info.stream.live or self._folder is None
        self._frames: Channel[tuple[Picture, float]] = Channel(2, newest_wins=self._live)
        self._feed = FrameFeed(self._info, "yuv420p")
        self._process: Ffmpeg | None = None
        self._lock = threading.Lock()  # around starting processes and giving up
        self._given_up = threading.Event()
        self._finishing = threading.Event()
        self._connected = threading.Event()  # the process that runs
        self._was_connected = False  # any process
        self._is_lost = False
        self._busy_since: float | None = None
        self._pace = Pace()
        self._num_lost = 0
        self._finished = False
        self._has_sound = False  # what the process that runs is given
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=f"send {self._name}")

    def __enter__(self) -> Self:
        """Start sending what will be written."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the connection at once."""
        self._frames.abort()
        self._give_up()
        if self._thread.ident is not None:
            self._thread.join()
        if self._folder is not None and not self._live and not self._finished:
            _clear(self._folder)

    def write(self, output: Output) -> None:
        """Send one output when it is due.

        Raises:
            StreamError: ffmpeg cannot be run, or a file cannot be written to the folder.
        """
        self._raise_error()
        if not self._info.stream.live and self._folder is None:
            self._given_up.wait(self._pace.early_s(output.frame.time_s))
        self._end_stalled()
        self._num_lost += self._frames.put((output.as_shown(), output.frame.time_s))

    def finish(self, *, cut_short: bool) -> None:
        """Send what waits and end the stream; see `Sink.finish`.

        Raises:
            StreamError: no frame could be sent at all, or the folder is not complete.
        """
        self._finishing.set()
        self._frames.close()
        giving_up = threading.Timer(FLUSH_S, self._give_up)
        if self._live:
            giving_up.start()
        self._thread.join()
        giving_up.cancel()
        self._raise_error()
        if not self._was_connected:
            raise StreamError(f"{self._name}: nothing was sent; check the address")
        if self._num_lost:
            self._on_message(f"{self._name}: {self._num_lost} frames were left out")
        self._finished = True

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _end_stalled(self) -> None:
        """End a connection that takes nothing any more; it is made anew then."""
        since, process = self._busy_since, self._process
        if since is None or process is None or not (self._live and self._connected.is_set()):
            return
        if time.monotonic() - since > STALLED_S:
            process.kill()

    def _give_up(self) -> None:
        with self._lock:
            self._given_up.set()
            if self._process is not None:
                self._process.kill()

    # === In the thread that sends ===

    def _work(self) -> None:
        try:
            self._send_all()
            status = self._process.wait() if self._process is not None else 0
            is_whole = status == 0 or (status == INTERRUPTED and self._has_sound)
            if not (is_whole or self._live):
                raise StreamError(f"{self._name}: could not be written ({self._reason()})")
        except BaseException as error:
            self._error = error
            self._frames.abort()
        finally:
            if self._process is not None:
                self._process.close()

    def _send_all(self) -> None:
        attempt, since = 0, 0.0
        for picture, time_s in self._frames:
            if self._process is None:
                if not self._start(time_s):
                    return
                since = time.monotonic()
            if self._send(picture, time_s):
                continue
            attempt = 0 if time.monotonic() - since > STEADY_S else attempt
            self._lose()
            pause_s = PAUSES_S[min(attempt, len(PAUSES_S) - 1)]
            if self._finishing.wait(pause_s) or self._given_up.is_set():
                return
            attempt += 1

    def _send(self, picture: Picture, time_s: float) -> bool:
        self._busy_since = time.monotonic()
        try:
            self._feed.write(picture, time_s)
        except BrokenPipeError:
            return False
        finally:
            self._busy_since = None
        return True

    def _start(self, first_s: float) -> bool:
        """Start ffmpeg; `first_s` is the time of the first frame. `False` after giving up."""
        sound = self._info.stream.sound
        self._has_sound = sound is not None and bool(probe_sound(sound))
        arguments = [*FEED_OPTIONS]
        if sound is not None and self._has_sound:
            arguments += [*self._sound_pace(first_s), *sound_input(sound, first_s, from_s=first_s)]
        arguments += ["-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base:v", "demux"]
        arguments += picture_options(
            self._info, self._feed.pixels, *self._encoding, live=self._live
        )
        if self._has_sound:
            # neither `-shortest` nor an endless filter: ffmpeg keeps in memory what it has of the
            # sound before it has the picture, all of it
            arguments += ["-map", "1:a:0", "-af", "aresample=async=1"]
            arguments += ["-c:a", "aac", "-b:a", "160k", "-ar", "48000", "-ac", "2"]
        arguments += ["-map_metadata", "-1"]
        arguments += output_options(self._address, live=self._live, again=self._was_connected)
        with self._lock:
            if self._given_up.is_set():
                return False
            self._connected.clear()
            self._process = Ffmpeg(arguments, pipe_in=True, on_line=self._take_line)
        self._feed.start(self._process, first_s)
        return True

    def _sound_pace(self, first_s: float) -> list[str]:
        """Return ffmpeg's arguments that let the sound run neither ahead nor on."""
        stream = self._info.stream
        pace = ["-readrate", "1"] if self._live else []
        if stream.fps is None or stream.num_frames is None:
            return pace
        return [*pace, "-t", f"{max(0.1, float(stream.num_frames / stream.fps) - first_s):.3f}"]

    def _take_line(self, line: str | None) -> None:
        """Note, in the thread of the log, what ffmpeg has come to."""
        if line is None:
            return
        if line.startswith("[in#0/") and line.endswith("EOF while reading input"):
            self._end_sound()
        if "[info] Output #0," not in line:
            return
        self._connected.set()
        self._was_connected = True
        if self._is_lost:
            self._is_lost = False
            self._on_message(f"{self._name}: back")

    def _end_sound(self) -> None:
        """End the sound with the picture, all of which ffmpeg has read by now."""
        if self._has_sound and self._finishing.is_set() and self._process is not None:
            self._process.interrupt()

    def _lose(self) -> None:
        """Take leave of a process that has ended."""
        assert self._process is not None
        status = self._process.wait()
        reason = self._reason() if status else "it was closed"
        self._process.close()
        with self._lock:
            self._process = None
        if not self._live:
            raise StreamError(f"{self._name}: could not be written ({reason})")
        if not self._is_lost and not self._given_up.is_set():
            what = "lost" if self._connected.is_set() else "not reached"
            self._on_message(f"{self._name}: {what} ({reason}), trying again")
            self._is_lost = True

    def _reason(self) -> str:
        assert self._process is not None
        reason = self._process.failure().replace(self._address, self._name)
        return reason.removeprefix(f"Error opening output {self._name}: ")


def _prepare(folder: Path, name: str, overwrite: bool) -> None:
    """Make the folder, without a playlist in it."""
    if (folder / PLAYLIST).exists() and not overwrite:
        raise StreamError(f"{name}: holds a playlist already; add -y to replace it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clear(folder)
    except OSError as error:
        raise StreamError(f"{name}: cannot be written ({error.strerror})") from None


def _clear(folder: Path) -> None:
    for path in [folder / PLAYLIST, *folder.glob(SEGMENTS)]:
        path.unlink(missing_ok=True)
