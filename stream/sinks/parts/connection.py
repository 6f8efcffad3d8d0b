"""A connection to a receiver: an ffmpeg that sends, and another one when that is lost."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from enum import Enum, auto

from segmentation.picture import Picture
from stream.contents import Contents, Track
from stream.errors import StreamError
from stream.ffmpeg.address_secrets import secrets_hidden
from stream.ffmpeg.encoding.choice import choose
from stream.ffmpeg.encoding.frame_feed import FrameFeed
from stream.ffmpeg.encoding.network_output import (
    folder_of,
    output_options,
    picture_options,
    without_secrets,
)
from stream.ffmpeg.inputs import is_network_address
from stream.ffmpeg.process import INTERRUPTED, Ffmpeg
from stream.ffmpeg.sound import (
    TOLERANT,
    clock_output,
    is_mostly_damaged,
    source_input,
    why_no_sound,
)
from stream.frame import OutputInfo
from stream.pauses import Pauses
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.playlist import PlaylistCheck

_CODED = ("-c:a", "aac", "-b:a", "160k", "-ar", "48000", "-ac", "2")
_ENCODING = ("-af", "aresample=async=1", *_CODED)
STALLED_S = 10.0  # how long a receiver may take nothing


class State(Enum):
    """What a connection has come to."""

    #: nothing was begun yet
    NEW = auto()
    #: a process runs, and has not reached the receiver yet
    BEGUN = auto()
    #: it has
    SENDING = auto()
    #: it has ended, which was told
    LOST = auto()
    #: another one runs, and has not reached the receiver yet
    BEGUN_ANEW = auto()
    #: no process is started any more
    GIVEN_UP = auto()


_BEGINNING = {State.NEW: State.BEGUN, State.LOST: State.BEGUN_ANEW}


class Connection:
    """Sends pictures to an address, each when it is given; started anew after it was lost.

    One thread sends. What other methods say may be called from any other.

    Args:
        address: see `NetworkSink`.
        info: of the outputs to come, as shown.
        options: how they are encoded; told when a live connection is lost and when it is back.
        live: what is lost is made up for by a new connection; otherwise it is an error. It is one
            always where a folder cannot be written to.

    Raises:
        StreamError: the encoder that is asked for does not work here.

    Attributes:
        has_reached: the receiver was reached at least once.
    """

    def __init__(self, address: str, info: OutputInfo, options: SinkOptions, *, live: bool) -> None:
        """Begin nothing yet."""
        self._address, self._name = address, without_secrets(address)
        self._info, self._options, self._live = info, options, live
        self._folder = folder_of(address)
        self._check = None if self._folder is None else PlaylistCheck(self._folder)
        self._failure = ""  # why the folder is not whole
        self._encoding = choose(
            self._name,
            ".mp4",
            (info.stream.height, info.stream.width),
            encoder=options.encoder,
            on_message=options.on_message,
        )
        timeline = None if options.sound is None else options.sound.timeline
        self._feed = FrameFeed(info, self._encoding, timeline)
        self._pauses = Pauses()
        self._process: Ffmpeg | None = None
        # what the process is given of the source
        self._sound: tuple[Contents, Track] | None = None
        self._silent: dict[int, str] = {}  # by track, why nothing of it can be had, or ""
        self._left_out: list[str] = []  # of sound, as told
        self._state = State.NEW
        self._is_ending = False  # no more pictures come
        self._changed = threading.Condition()  # of state and ending; around starting a process
        self._busy_since: float | None = None
        self.has_reached = False

    def send(self, picture: Picture, time_s: float) -> bool:
        """Send one picture; it is lost where the connection is.

        Returns:
            Whether to go on: not after giving up, nor if the pictures end while there is no
            connection.

        Raises:
            StreamError: ffmpeg cannot be run, what is not live was lost, or the folder cannot be
                written to.
        """
        if self._process is None and not self._start(time_s):
            return False
        self._busy_since = time.monotonic()
        try:
            self._feed.write(picture, time_s)
        except BrokenPipeError:
            self._lose()
            return self._pause()
        finally:
            self._busy_since = None
        return True

    def finish(self) -> None:
        """Wait until the process has sent all and has ended.

        Raises:
            StreamError: what is not live, or a folder, is not whole.
        """
        if self._process is None:
            return
        self._feed.end()
        status = self._process.wait()
        is_whole = status == 0 or (status == INTERRUPTED and self._sound is not None)
        if is_whole and self._check is not None and not self._failure:
            self._failure = self._check.failure_at_end()
        if self._failure or not (is_whole or self._may_come_back(status)):
            raise StreamError(f"{self._name}: could not be written ({self._reason()})")

    def close(self) -> None:
        """Free the process."""
        self._feed.leave()
        if self._process is not None:
            self._process.close()
        self._feed.close()

    # === From any thread ===

    def end(self) -> None:
        """Say that no more pictures come than were given already."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()

    def give_up(self) -> None:
        """End at once what runs, and start nothing any more."""
        with self._changed:
            self._state = State.GIVEN_UP
            if self._process is not None:
                self._process.kill()
            self._changed.notify_all()

    def sleep(self, seconds: float) -> None:
        """Let time pass, but none after giving up."""
        with self._changed:
            self._changed.wait_for(lambda: self._state is State.GIVEN_UP, seconds)

    def end_stalled(self) -> None:
        """End a live connection that takes nothing any more; the next picture begins it anew."""
        since, process = self._busy_since, self._process
        if since is None or process is None or not (self._live and self._state is State.SENDING):
            return
        if time.monotonic() - since > STALLED_S:
            process.kill()

    # === From one process to the next ===

    def _start(self, first_s: float) -> bool:
        """Start ffmpeg; `first_s` is the time of the first frame. `False` after giving up."""
        self._choose_sound(first_s)
        arguments = self._arguments(first_s)
        with self._changed:
            if self._state is State.GIVEN_UP:
                return False
            self._state = _BEGINNING[self._state]
            self._process = Ffmpeg(
                arguments,
                pipe_in=True,
                on_line=self._take_line,
                folder=self._folder,
                has_more=self._sound is not None,
            )
        self._pauses.begin()
        self._feed.start(self._process, first_s)
        return True

    def _arguments(self, first_s: float) -> list[str]:
        options, further = self._options, list[str]()
        # live, nothing waits for ffmpeg to have seen enough frames to guess a rate from
        arguments = ["-fpsprobesize", "0"] if self._live else []
        arguments += self._feed.input_options(
            0.0, is_joined=self._sound is not None and self._sound[0].is_joined
        )
        if self._sound is not None:
            contents, _ = self._sound
            further = clock_output(contents, 1)
            arguments += self._sound_pace(first_s)
            arguments += source_input(contents, first_s, from_s=first_s)
        arguments += ["-map", "0:v:0", *self._feed.timestamp_options]
        arguments += picture_options(
            self._encoding,
            self._info,
            self._feed.pixels,
            options.preset,
            options.crf,
            live=self._live,
        )
        if self._sound is not None:
            # neither `-shortest` nor an endless filter: ffmpeg keeps in memory what it has of the
            # sound before it has the picture, all of it
            arguments += [*TOLERANT, "-map", f"1:{self._sound[1].index}", *_ENCODING]
        elif self._feed.has_sound:
            arguments += ["-map", "0:a:0", *_CODED]
        arguments += ["-map_metadata", "-1", "-map_chapters", "-1"]
        arguments += output_options(self._address, live=self._live, again=self.has_reached)
        return arguments + further

    def _choose_sound(self, first_s: float) -> None:
        """Choose the track that goes along: of those that can be decoded the default, or the first.

        What is sent at its own pace would wait for sound that is damaged, so it goes without where
        that begins; a connection that stalled later is begun anew, and then without. What is left
        out is told.
        """
        contents, self._sound = self._info.stream.contents, None
        if contents is None:
            return
        if self._folder is not None and not is_network_address(contents.address):
            # ffmpeg runs elsewhere
            contents = replace(contents, address=os.path.abspath(contents.address))
        left_out = []
        for track in sorted(contents.sound, key=lambda track: "default" not in track.flags):
            if self._sound is not None:
                left_out.append(f"sound ({track})")
            elif why := self._why_no_sound(contents, track, first_s):
                left_out.append(f"sound ({track}), which {why}")
            else:
                self._sound = contents, track
        if left_out and left_out != self._left_out:
            self._options.on_message(f"{self._name}: without {'; '.join(left_out)}")
        self._left_out = left_out

    def _why_no_sound(self, contents: Contents, track: Track, first_s: float) -> str:
        """Say why a track cannot go along from a time on, "" where it can; opened once for all."""
        if track.index not in self._silent:
            self._silent[track.index] = why_no_sound(contents, track, _ENCODING)
        if self._silent[track.index]:
            return self._silent[track.index]
        is_lost = self._live and is_mostly_damaged(contents, track, first_s)
        return "is damaged" if is_lost else ""

    def _sound_pace(self, first_s: float) -> list[str]:
        """Return ffmpeg's arguments that let the sound run neither ahead nor on."""
        stream = self._info.stream
        pace = ["-readrate", "1"] if self._live else []
        if stream.duration_s is None:
            return pace
        return [*pace, "-t", f"{max(0.1, stream.duration_s - first_s):.3f}"]

    def _take_line(self, line: str | None) -> None:
        """Note, in the thread of the log, what ffmpeg has come to."""
        if line is None:
            return
        if self._check is not None and not self._failure:
            self._look_at_folder(self._check, line)
        if line.startswith("[in#0/") and line.endswith("EOF while reading input"):
            self._end_sound()
        elif "[info] Output #0," in line:
            self._reach()

    def _end_sound(self) -> None:
        """End the sound with the picture, all of which ffmpeg has read by now."""
        process = self._process
        if self._sound is not None and self._is_ending and process is not None:
            process.interrupt()

    def _look_at_folder(self, check: PlaylistCheck, line: str) -> None:
        """End a process that goes on though the folder takes nothing more."""
        self._failure = check.failure(line)
        with self._changed:
            if self._failure and self._process is not None:
                self._process.kill()

    def _reach(self) -> None:
        """Note that the receiver takes what is sent."""
        self.has_reached = True
        with self._changed:
            is_back = self._state is State.BEGUN_ANEW
            if self._state is not State.GIVEN_UP:
                self._state = State.SENDING
        if is_back:
            self._options.on_message(f"{self._name}: back")

    def _lose(self) -> None:
        """Take leave of a process that has ended."""
        assert self._process is not None
        self._feed.leave()
        status = self._process.wait()
        reason = self._reason() if status else "it was closed"
        self._process.close()
        with self._changed:
            self._process = None
            before = self._state
            if before is not State.GIVEN_UP:
                self._state = State.LOST
        if not self._may_come_back(status):
            raise StreamError(f"{self._name}: could not be written ({reason})")
        if before in (State.BEGUN, State.SENDING):
            what = "lost" if before is State.SENDING else "not reached"
            self._options.on_message(f"{self._name}: {what} ({reason}), trying again")

    def _pause(self) -> bool:
        """Wait before the next attempt; returns whether there shall be one."""
        with self._changed:
            return not self._changed.wait_for(
                lambda: self._is_ending or self._state is State.GIVEN_UP, self._pauses.next_s()
            )

    def _may_come_back(self, status: int) -> bool:
        """Return whether a new process may do better than one that has ended with `status`."""
        if self._folder is None:
            return self._live
        was_killed = status < 0 and not self._failure
        return self._live and was_killed

    def _reason(self) -> str:
        if self._failure:
            return self._failure
        assert self._process is not None
        reason = self._process.failure().replace(secrets_hidden(self._address), self._name)
        return reason.removeprefix(f"Error opening output {self._name}: ")
