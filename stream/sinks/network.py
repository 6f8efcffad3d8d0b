"""Sink: a stream to another machine, or a folder for a web server, encoded by ffmpeg."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from segmentation.picture import Picture
from segmentation.unfinished import one_at_a_time
from stream.errors import StreamError
from stream.ffmpeg.encoding.network_output import (
    PLAYLIST,
    check_address,
    files_of_playlist,
    folder_of,
    without_secrets,
)
from stream.files.outputs import delete_empty, make_folder, writing
from stream.frame import Output, OutputInfo, Sink
from stream.pace import Pace
from stream.running.channel import Channel
from stream.sinks.parts.connection import Connection
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.playlist import mark_as_cut_off

FLUSH_S = 5.0  # how long the end of the stream may take


class NetworkSink(Sink):
    """Sends to `rtmp://`, `srt://` or `udp://`, or writes `hls:FOLDER/`, see `Sink`.

    Frames of a file are sent at their own pace. What the receiver does not take in time is left
    out, the newest frame wins, and `write` never waits for it. A connection that is lost, or
    that cannot be made, is tried again after growing pauses, as long as the run lasts. Only a
    file written to a folder is written whole and as fast as it goes.

    A folder is seen by others while it is written, and one run at a time writes it; left
    unfinished, or where it could not be written, it is emptied. That of a file which had more does
    not say that it is the whole video.

    Sound of `info.stream.contents`, or what `options.sound` hears, goes along, encoded as AAC.

    Args:
        address: as above.
        info: of the outputs to come.
        options: see `SinkOptions`; `overwrite` replaces the playlist that is in the folder.

    Raises:
        StreamError: the address lacks something, the folder must not be written to, or the encoder
            that is asked for does not work here.
    """

    on_time = True

    def __init__(self, address: str, info: OutputInfo, options: SinkOptions) -> None:
        """Check the address."""
        check_address(address)
        self._name = without_secrets(address)
        self._on_message = options.on_message
        self._folder = folder_of(address)
        if self._folder is not None and not options.overwrite:
            if (self._folder / PLAYLIST).exists():
                raise StreamError(f"{self._name}: holds a playlist already; add -y to replace it")
        if options.codec not in (None, "h264"):
            options.on_message(f"{self._name}: is H.264; --codec {options.codec} is for files")
        self._made: list[Path] = []
        self._held = contextlib.ExitStack()  # the folder
        self._live = info.stream.live or self._folder is None
        self.folder = None if self._live else self._folder
        self._pace = Pace() if self._folder is None and not info.stream.live else None
        self._frames: Channel[tuple[Picture, float]] = Channel(2, newest_wins=self._live)
        self._num_left_out = 0
        self._connection = Connection(address, info.as_shown(), options, live=self._live)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=f"send {self._name}")

    def open(self) -> None:
        """Start sending what will be written."""
        if self._folder is not None:
            self._made = make_folder(self._folder)
            with writing(self._folder):
                self._held.enter_context(one_at_a_time(self._folder, self._refuse))
                _clear(self._folder)
        self._thread.start()

    def close(self) -> None:
        """End the connection at once."""
        self._frames.abort()
        self._connection.give_up()
        if self._thread.ident is not None:
            self._thread.join()
            self._empty_folder()
        self._held.close()
        if not self._is_finished:
            delete_empty(self._made)

    def write(self, output: Output) -> None:
        """Send one output when it is due.

        Raises:
            StreamError: ffmpeg cannot be run, or a file cannot be written to the folder.
        """
        self._raise_error()
        if self._pace is not None:
            self._connection.sleep(self._pace.early_s(output.frame.time_s))
        self._connection.end_stalled()
        self._num_left_out += self._frames.put((output.as_shown(), output.frame.time_s))

    def complete(self, *, cut_short: bool) -> None:
        """Send what waits and end the stream; see `Sink.finish`.

        Raises:
            StreamError: no frame could be sent at all, or the folder is not complete.
        """
        self._connection.end()
        self._frames.close()
        self._thread.join(FLUSH_S if self._live else None)
        if self._thread.is_alive():
            self._connection.give_up()
            self._thread.join()
        self._raise_error()
        if not self._connection.has_reached:
            raise StreamError(f"{self._name}: nothing was sent; check the address")
        if cut_short and self.folder is not None:
            mark_as_cut_off(self.folder)
        if self._num_left_out:
            self._on_message(f"{self._name}: {self._num_left_out} frames were left out")

    def _refuse(self) -> None:
        raise StreamError(f"{self._name}: another run is writing it; name another folder")

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _empty_folder(self) -> None:
        """Delete what is unfinished. Once: afterwards others may write there."""
        folder, self._folder = self._folder, None
        if folder is not None and not self._is_finished:
            with contextlib.suppress(OSError):
                _clear(folder)

    def _work(self) -> None:
        """Send, in a thread of its own, what is written."""
        try:
            for picture, time_s in self._frames:
                if not self._connection.send(picture, time_s):
                    break
            self._connection.finish()
        except BaseException as error:
            self._error = error
        finally:
            self._frames.abort()
            self._connection.close()


def _clear(folder: Path) -> None:
    for path in files_of_playlist(folder):
        path.unlink(missing_ok=True)
