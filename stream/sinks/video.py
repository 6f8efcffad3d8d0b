"""Sink: a video file, encoded by ffmpeg, with the source's timestamps and sound."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from segmentation.unfinished import Unfinished
from stream.contents import Contents
from stream.errors import StreamError
from stream.ffmpeg.encoding.choice import choose
from stream.ffmpeg.encoding.codecs import Encoding
from stream.ffmpeg.encoding.depth import codec_and_depth, left_out
from stream.ffmpeg.encoding.formats import (
    ALPHA_ENDINGS,
    FORMATS,
    encoder_options,
    recording_options,
)
from stream.ffmpeg.encoding.frame_feed import FrameFeed
from stream.ffmpeg.length import ENCODED_DURATIONS, durations_until, length_s
from stream.ffmpeg.process import INTERRUPTED, Ffmpeg
from stream.ffmpeg.tags import tags_input
from stream.ffmpeg.tracks import TRACK_FORMATS, muxer_options, sound_encoding
from stream.files.outputs import check_free, writing
from stream.files.recording import as_length
from stream.frame import Output, OutputInfo, Sink
from stream.photo.encoding import lost_in_video
from stream.sinks.parts.beside import Beside
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.output_file import OutputFile
from stream.sinks.parts.sound_end import SoundEnd

#: Of the files this sink writes.
ENDINGS = tuple(FORMATS)

_LEAVING_S = 3.0  # how long the encoder of a recording that is left has to complete it


class VideoSink(Sink):
    """Writes a video file, see `Sink`.

    Frames go to ffmpeg with their timestamps, which the file keeps exactly (.mkv and .webm to
    the millisecond). The first is at 0, unless it belongs to a file with `info.stream.contents`:
    that begins at 0, and its sound, subtitles and chapters keep their distance to the picture. They
    are copied, or encoded anew where the container demands it. What cannot go along is told. With
    what is live goes what `options.sound` hears.

    The file is written beside its final name, which it gets in `finish`.

    What comes from a live source, and an excerpt, will not come again: it is a recording, of which
    about a second is lost where all processes are killed, and two more where the power fails. One
    that cannot be finished is kept as far as it can be read, under a name that nothing has.
    Opening any video recovers what others left in its folder, see `recovered`.

    Args:
        path: of the file; its ending decides the container, one of `ENDINGS`.
        info: of the outputs to come.
        options: see `SinkOptions`.
        excerpt: a part out of the middle of the stream; it begins, sound as well, at its first
            output.

    Raises:
        StreamError: the file must not or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        info: OutputInfo,
        options: SinkOptions,
        *,
        excerpt: bool = False,
    ) -> None:
        """Check all that can be checked before the first frame."""
        self.folder = path.parent
        self._ending = path.suffix.lower()
        self._options = options
        self._excerpt = excerpt
        self._process: Ffmpeg | None = None
        self._lasts_s: float | None = None  # the last frame
        self._sound_end: SoundEnd | None = None  # where there is sound that may go on
        self._check(path, info)
        self._output = OutputFile(path, options, is_recording=info.stream.live or excerpt)
        self._encoding = self._chosen(info)
        self._left_out = left_out(self._encoding, self._ending, info.stream)
        self._info = info if self._encoding.depth == info.stream.depth else info.in_eight_bits()
        timeline = None if options.sound is None else options.sound.timeline
        self._feed = FrameFeed(self._info, self._encoding, timeline)
        self._contents = self._taken(info.stream.contents)
        self._beside = None if self._contents is None else Beside(path, self._contents, options)
        self._shortened = Unfinished(path)
        self._error: StreamError | None = None

    @property
    def path(self) -> Path:
        """Of the file; see `OutputFile`."""
        return self._output.path

    @property
    def _is_recording(self) -> bool:
        return self._output.recording is not None

    def open(self) -> None:
        """Begin the file: a folder that takes none is known before the first frame."""
        self._held = self._output.open()
        if self._left_out is not None:
            self._options.on_message(f"{self.path}: {self._left_out}")
        (height, width), stream = self._feed.size_hw, self._info.stream
        if (height, width) != (stream.height, stream.width):
            title = self._encoding.codec.title
            self._options.on_message(
                f"{self.path}: is {width}x{height}, not {stream.width}x{stream.height}, "
                f"because {title} has even sides only"
            )

    def _chosen(self, info: OutputInfo) -> Encoding:
        """Return how pictures are encoded."""
        options, stream, has_alpha = self._options, info.stream, info.has_alpha
        codec, depth = codec_and_depth(self._ending, stream, options.codec, has_alpha=has_alpha)
        return choose(
            str(self.path),
            self._ending,
            (stream.height, stream.width),
            codec=codec,
            encoder=options.encoder,
            depth=depth,
            has_alpha=has_alpha,
            on_message=options.on_message,
        )

    def _check(self, path: Path, info: OutputInfo) -> None:
        if self._ending not in FORMATS:
            raise StreamError(f"{path}: no kind of video; use one of {' '.join(ENDINGS)}")
        if info.has_alpha and self._ending not in ALPHA_ENDINGS:
            raise StreamError(
                f"{path}: {self._ending} cannot hold transparency; use {' or '.join(ALPHA_ENDINGS)}"
            )
        options = self._options
        check_free(path, overwrite=options.overwrite, input_paths=options.input_paths)

    def close(self) -> None:
        """End ffmpeg and delete what is unfinished, but for a recording."""
        self._feed.leave()
        if self._is_recording and not (self._is_finished or self._error):
            self._leave()
        if self._process is not None:
            self._process.close()
        self._feed.close()
        self._follow()
        self._output.whole.discard()
        self._shortened.discard()

    def write(self, output: Output) -> None:
        """Encode one output.

        A timestamp that does not come after the one before is moved to the next possible one.

        Raises:
            StreamError: ffmpeg cannot go on (full disk, killed); says what of a recording is kept.
            ValueError: the picture has another size than the stream.
        """
        picture = output.in_srgb
        self._feed.check(picture)
        self._lasts_s = output.frame.lasts_s
        if self._error is not None:
            raise self._error
        if self._process is None:
            self._tell_lost(output)
            self._process = self._start(output.frame.time_s)
        try:
            self._feed.write(picture, output.frame.time_s)
        except BrokenPipeError:
            self._feed.leave()
            self._process.wait()
            raise self._failed(self._process) from None

    def interrupt(self) -> None:
        """End the encoder at once, which may have stopped taking anything; see `Sink`."""
        process = self._process
        if process is not None:
            process.kill()

    def _tell_lost(self, output: Output) -> None:
        """Say what of a photo is not in a video."""
        photo, options = output.frame.photo, self._options
        if photo is not None:
            for remark in lost_in_video(output.image, photo, keep_location=options.keep_location):
                options.on_message(f"{self.path}: {remark}")

    def complete(self, *, cut_short: bool) -> None:
        """Complete the file and give it its name, see `Sink.finish`.

        Raises:
            StreamError: there were no outputs, or ffmpeg could not complete the file; says what of
                a recording is kept.
        """
        if self._process is None:
            raise StreamError(f"{self.path}: not written, because there were no frames")
        if self._error is not None:
            raise self._error
        sound_end = self._sound_end if cut_short else None
        if sound_end is not None:
            sound_end.want(self._feed.end_s)
        self._feed.end()
        status = self._process.wait()
        if sound_end is not None:
            sound_end.stop()
        if status not in ((0,) if sound_end is None else (0, INTERRUPTED)):
            raise self._failed(self._process)
        self._follow()
        if self._beside is not None:
            self._beside.tell_silent()
        contents = self._contents
        beside = contents and (contents.sound or contents.subtitles or contents.chapters)
        if cut_short and beside:
            self._rewrite(self._until_end(self._feed.end_s))
        elif self._lasts_s is not None and not self._feed.is_usual(self._lasts_s):
            self._rewrite(self._lasting(self._lasts_s))
        self._output.finish()

    def _take_line(self, line: str | None) -> None:
        """Note, in the thread of the log, what of the sound comes, and where it has to end."""
        if self._beside is not None:
            self._beside.take_line(line)
        if self._sound_end is not None and line is not None:
            self._sound_end.take_line(line)

    def _follow(self) -> None:
        """Go with the folder where that was renamed or moved meanwhile, and say so."""
        if self._output.follow():
            self._shortened = Unfinished(self.path)

    def _taken(self, contents: Contents | None) -> Contents | None:
        """Return what is written of what belongs to the frames; of a recording only sound."""
        if contents is None or not self._is_recording:
            return contents
        return replace(contents, subtitles=(), chapters=(), tags={}, location="", others=())

    def _start(self, first_s: float) -> Ffmpeg:
        """Start ffmpeg; `first_s` is the time of the first frame."""
        contents = self._contents
        origin_s = first_s if contents is None or self._excerpt else 0.0
        is_joined = contents is not None and contents.is_joined
        options, kind = self._options, FORMATS[self._ending]
        muxer = recording_options(self._ending) if self._is_recording else kind.muxer_options
        inputs, further = list[str](), list[str]()
        maps = ["-map_chapters", "-1", "-map_metadata", "-1"]
        if self._beside is not None:
            from_s = first_s if self._excerpt else 0.0
            inputs, maps, further = self._beside.arguments(
                origin_s, from_s=from_s, is_paced=self._is_recording
            )
        elif self._feed.has_sound:
            maps += ["-map", "0:a:0", *sound_encoding(TRACK_FORMATS[self._ending], "0")]
        process = Ffmpeg(
            [
                *(*self._feed.input_options(first_s - origin_s, is_joined=is_joined), *inputs),
                *("-map", "0:v:0", *maps, *self._feed.timestamp_options),
                *encoder_options(
                    self._encoding,
                    self._ending,
                    self._info,
                    self._feed.pixels,
                    options.preset,
                    options.crf,
                    recording=self._is_recording,
                ),
                *self._durations(),
                *(*muxer_options(muxer, self._ending, contents), "-f", kind.muxer),
                *("-y", f"file:{self._output.whole.path}", *further),
            ],
            pipe_in=True,
            on_line=self._take_line,
            holds=[self._held],
            has_more=bool(inputs),
        )
        self._sound_end = self._new_sound_end(process)
        self._feed.start(process, origin_s)
        return process

    def _new_sound_end(self, process: Ffmpeg) -> SoundEnd | None:
        num_sound = 0 if self._beside is None else self._beside.num_sound
        return SoundEnd(process, num_sound) if self._is_recording and num_sound else None

    def _durations(self) -> list[str]:
        """Return ffmpeg's arguments that let a file last as long as its frames."""
        if self._is_recording or FORMATS[self._ending].muxer not in ("mp4", "mov"):
            return []
        return ["-bsf:v", f"setts=pts=PTS:dts=DTS:duration={ENCODED_DURATIONS}"]

    def _lasting(self, lasts_s: float) -> list[str]:
        """Return ffmpeg's arguments that let the last frame last so long."""
        last_s = self._feed.last_s
        durations = durations_until(last_s + lasts_s, last_s, FORMATS[self._ending].muxer)
        # without the first two frames would be put into the order of the packets
        return ["-bsf:v", f"setts=pts=PTS:dts=DTS:duration={durations}"]

    def _until_end(self, end_s: float) -> list[str]:
        """Return ffmpeg's arguments that leave out what reaches beyond the end of the picture."""
        # `-t` would count from the first packet, and let the last one stand out
        last = f"{end_s + 0.001:.6f}"
        return [
            *("-bsf:a", f"noise=drop=gt((pts+d)*tb\\,{last})"),
            *("-bsf:s", f"noise=drop=gt(pts*tb\\,{last})"),
        ]

    def _rewrite(self, changes: Sequence[str]) -> None:
        """Copy the complete file, with packets that are changed or left out at its end."""
        kind, contents = FORMATS[self._ending], self._contents
        arguments = ["-copyts", "-i", f"file:{self._output.whole.path}"]
        maps = ["-map", "0:v", "-map", "0:a?", "-map", "0:s?", "-c", "copy"]
        if contents is not None:
            keep_location = self._options.keep_location
            arguments += tags_input(contents, end_s=self._feed.end_s, keep_location=keep_location)
            maps += ["-map_metadata", "1", "-map_chapters", "1"]
        muxer = muxer_options(kind.muxer_options, self._ending, contents)
        arguments += [*maps, *changes, *muxer, "-f", kind.muxer]
        arguments += ["-y", f"file:{self._shortened.path}"]
        with writing(self.path):
            held = self._shortened.hold(is_private=self._options.is_private)
        with closing(Ffmpeg(arguments, holds=[held])) as process:
            if process.wait() == 0:
                with writing(self.path):
                    self._output.whole.become(self._shortened)
            elif not self._is_recording:
                raise self._failed(process)
            else:
                self._options.on_message(
                    f"{self.path}: its sound goes on after its picture ({process.failure()})"
                )

    def _failed(self, process: Ffmpeg) -> StreamError:
        """Return why the file could not be completed; what there is of a recording is kept."""
        kept = self._output.keep(_length)
        further = "" if kept is None else " further"
        reason = f"{self.path}: could not be written{further} ({process.failure()})"
        self._error = StreamError(reason if kept is None else f"{reason}; {kept}")
        return self._error

    def _leave(self) -> None:
        """Complete a recording that nobody finished, as far as that goes quickly."""
        if self._process is None:
            return
        timer = threading.Timer(_LEAVING_S, self._process.kill)
        timer.start()
        self._process.wait()
        timer.cancel()
        timer.join()
        kept = self._output.keep(_length)
        if kept is not None:
            self._options.on_message(f"{self.path}: not finished; {kept}")


def _length(path: Path) -> str | None:
    """Return how long a video is, for people; `None` where no frame can be read."""
    length = length_s(path)
    return None if length is None else as_length(length)
