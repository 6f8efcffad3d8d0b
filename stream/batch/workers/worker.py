"""Does the jobs of a batch, with one network that stays loaded."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from segmentation.loading import load
from stream.batch.jobs.job import Job, Outcome, Part, State
from stream.batch.jobs.records import Record, Records, RecordState
from stream.batch.jobs.rules import Rules
from stream.batch.jobs.settings import Settings
from stream.batch.jobs.source_state import size_of, source_state
from stream.batch.workers.at_hand import AtHand, Brought
from stream.batch.workers.each_photo import EachPhoto
from stream.batch.workers.joining import WrittenPart, join, why_apart
from stream.batch.workers.part_sink import PartSink
from stream.batch.workers.section_source import SectionSource
from stream.batch.workers.taken import Taken, check_free, made_elsewhere, planned, recorded
from stream.errors import StreamError
from stream.ffmpeg.encoding.depth import codec_and_depth
from stream.ffmpeg.encoding.formats import FORMATS
from stream.files.outputs import make_folder
from stream.foreground import Keep, parse_keep
from stream.frame import Sink, Source, StreamInfo
from stream.live.palette import Palette
from stream.opening import open_run, output_info
from stream.running.loop import Run, play
from stream.sinks import SinkOptions
from stream.sinks.parts.options import Writing
from stream.sources import open_source
from stream.sources.photos import Photos
from stream.sources.video import VideoSource
from stream.stores.addresses import Place, local
from stream.stores.file_state import FileState

#: Told after each job: its number among those handed over, and what came of it.
OnDone = Callable[[int, Outcome], None]


class Worker:
    """What does jobs one after the other, and records what it did.

    Args:
        folder: of the outputs.
        settings: how all of them are done.
        recipe: of these, see `Settings.recipe`.
        version: of the program.
        on_message: told, in one line each, what the network has to say, and of files that killed
            runs had not sent to their stores.

    Attributes:
        network: which it is and on what, for people.

    Raises:
        ValueError: the network cannot do what is asked for.
        WeightsError: its weights cannot be used.
    """

    def __init__(
        self,
        folder: Place,
        settings: Settings,
        recipe: dict[str, Any],
        version: str,
        on_message: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Load the network."""
        self._settings, self._recipe, self._rules = settings, recipe, Rules(recipe, version)
        self._records = Records(folder)
        self._at_hand = AtHand(on_message)
        self._brought: dict[Job, Brought] = {}  # by the jobs at hand
        self._begun: dict[Job, FileState] = {}
        self._taken = Taken()
        self._written: Writing = {
            "codec": settings.codec,
            "encoder": settings.encoder,
            "preset": settings.preset or "medium",
            "crf": settings.crf,
            "polygons": settings.polygons,
            "keep_location": settings.keep_location,
            "renames": False,
        }
        self._segmenter = load(settings.model, settings.network, on_message=on_message)
        self.network = f"{self._segmenter.name} on {self._segmenter.device}"

    def do(
        self, jobs: Sequence[Job], on_done: OnDone, on_progress: Callable[[float], None]
    ) -> None:
        """Do jobs: one video, or photos. Call it from the main thread.

        Args:
            jobs: whatever fails of one fails no other.
            on_done: called in the order in which they end, from any thread, once for each.
            on_progress: called now and then with how far a video is, in seconds.
        """
        brought: dict[int, Brought] = {}
        for number, found in enumerate(self._at_hand.bring(jobs)):
            if isinstance(found, StreamError):
                on_done(number, Outcome("failed", 0.0, error=str(found)))
            else:
                brought[number] = found
        self._brought = {each.here: each for each in brought.values()}
        known = recorded(brought.values(), self._records)
        left = dict[int, Job]()
        for number, each in brought.items():
            if (made := made_elsewhere(each.job, self._records, self._rules)) is not None:
                on_done(number, self._at_hand.hand_in(each, made))
            else:
                left[number] = planned(each, self._records)

        def done(number: int, outcome: Outcome) -> None:
            if left.pop(number, None) is not None:
                outcome = self._at_hand.hand_in(brought[number], outcome)
                on_done(number, self._recorded(jobs[number], outcome))

        begun = self._noted([output for number in left for output in jobs[number].outputs], known)
        if isinstance(begun, Outcome):
            for number in list(left):
                done(number, begun)
            return
        self._do_all(left, done, on_progress)
        self._records.end(begun)

    def _noted(self, outputs: Sequence[Place], known: Collection[Place]) -> str | Outcome:
        """Note that jobs begin, see `Records.begin`; returns what came of them where it cannot."""
        try:
            return self._records.begin(outputs, known)
        except (OSError, StreamError) as error:
            return Outcome("failed", 0.0, error=" ".join(str(error).split()))

    def close(self) -> None:
        """Delete what was brought of object stores."""
        self._at_hand.close()

    def _do_all(
        self, left: dict[int, Job], done: OnDone, on_progress: Callable[[float], None]
    ) -> None:
        """Do what is left, jobs by their numbers; `done` takes each out of it."""
        photos = {number: job for number, job in left.items() if job.is_photo}
        if len(photos) > 1:
            numbers = list(photos)
            # what goes wrong with one of them it says itself, below
            with suppress(Exception):
                self._do_photos(
                    list(photos.values()), lambda index, outcome: done(numbers[index], outcome)
                )
        for number, job in list(left.items()):
            began, before = time.monotonic(), [_identity(output) for output in job.outputs]
            try:
                if job.is_photo:
                    self._do_photos([job], partial(_as, number, done))
                elif job.part is not None:
                    done(number, self._do_part(job, job.part, on_progress))
                elif job.parts:
                    done(number, self._join(job))
                else:
                    done(number, self._do_video(job, on_progress))
            except Exception as error:  # of whatever kind: there are others to be done
                reason = " ".join(str(error).split()) or type(error).__name__
                self._taken.note(error)
                after = [_identity(output) for output in job.outputs]
                stands = all(new not in (None, old) for old, new in zip(before, after, strict=True))
                is_taken = any(output in self._taken for output in job.outputs)
                state: State = "partial" if stands and not is_taken else "failed"
                done(number, Outcome(state, time.monotonic() - began, error=reason))

    def _do_video(self, job: Job, on_progress: Callable[[float], None]) -> Outcome:
        """Do one video; what is damaged or ends early of it is told by its outcome.

        Raises:
            Exception: it could not be done.
        """
        began, told = time.monotonic(), list[str]()
        self._begin(job)
        with ExitStack() as stack:
            address = os.path.abspath(local(job.source))  # no device has such a name
            source = stack.enter_context(open_source(address, on_message=told.append))
            palette = Palette(self._settings.effect, (), stack)
            run = stack.enter_context(
                self._run(source, _paths(job), [job], palette, on_message=told.append)
            )
            play(run, on_progress=lambda: on_progress(run.stats.position_s))
            return Outcome(
                "partial" if source.num_left_out else "done",
                time.monotonic() - began,
                run.stats.counts["processed"],
                source.info.duration_s or run.stats.position_s,
                told[-1] if source.num_left_out and told else "",
                remarks=_each_once(told),
            )

    def _do_part(self, job: Job, part: Part, on_progress: Callable[[float], None]) -> Outcome:
        """Do one part of a film.

        Raises:
            Exception: it could not be done.
        """
        began, section, told = time.monotonic(), part.section, list[str]()
        self._begin(job)
        with ExitStack() as stack:
            source = stack.enter_context(
                SectionSource(local(job.source), section, part.around_s, told.append)
            )
            palette = Palette(self._settings.effect, (), stack)
            info = output_info(source.info, self._segmenter, has_alpha=False)
            sinks = [
                stack.enter_context(
                    PartSink(path, section, info, self._options(job, source.info, ending, told))
                )
                for path, ending in zip(_paths(job), part.endings, strict=True)
            ]
            run = stack.enter_context(self._run(source, sinks, [job], palette))
            play(run, on_progress=lambda: on_progress(run.stats.position_s - section.from_s))
        seconds, num_frames = time.monotonic() - began, sinks[0].num_frames
        if source.num_errors:
            return Outcome("failed", seconds, error=f"{job.source}: is damaged")
        return Outcome("done", seconds, num_frames, edges=sinks[0].edges, remarks=_each_once(told))

    def _join(self, job: Job) -> Outcome:
        """Join the parts of a film.

        Raises:
            Exception: it could not be done.
        """
        began, num_frames, told = time.monotonic(), 0, list[str]()
        asked = self._brought[job].job
        known = [self._records.of(part.outputs[0]) for part in asked.parts]
        self._begin(job)
        state = self._begun[asked]
        replaced = Outcome(
            "failed", 0.0, error=f"{job.source}: it was replaced while its parts were made"
        )
        if any(record is not None and record.source != state for record in known):
            return replaced
        with VideoSource(str(job.source)) as source:
            info = source.info
        for number, output in enumerate(_paths(job)):
            parts = []
            for at, (part, record) in enumerate(zip(job.parts, known, strict=True)):
                path = _paths(part)[number]
                if record is not None and record.edges is not None and path.exists():
                    parts.append(WrittenPart(path, record.edges, record.num_frames))
                    told += [
                        text.replace(str(asked.parts[at].outputs[number]), str(output))
                        for text in record.remarks
                    ]
            why = why_apart(parts) if len(parts) == len(job.parts) else "a part has vanished"
            if why is not None:
                return Outcome("failed", 0.0, error=f"{job.source}: {why}")
            options = self._options(job, info, output.suffix.lower(), told)
            options = replace(options, overwrite=not job.is_new)
            num_frames = join(output, parts, info, options)
        if self._state(job) != state:  # of whose sound it is not known any more
            return replaced
        seconds = sum(record.seconds for record in known if record is not None)
        seconds += time.monotonic() - began
        return Outcome("done", seconds, num_frames, info.duration_s, remarks=_each_once(told))

    def _options(self, job: Job, stream: StreamInfo, ending: str, told: list[str]) -> SinkOptions:
        """Return how an output of a film that is done in parts is written, its codec settled."""
        codec, _ = codec_and_depth(ending, stream, self._settings.codec, has_alpha=False)
        codec = codec or FORMATS[ending].codec
        written: Writing = {**self._written, "codec": codec}
        inputs, tell = [local(job.source)], told.append
        return SinkOptions(overwrite=True, input_paths=inputs, on_message=tell, **written)

    def _do_photos(self, jobs: Sequence[Job], on_done: OnDone) -> None:
        """Do photos in one run; those that cannot be read are not among what `on_done` is told.

        Raises:
            StreamError: none can be read.
        """

        def end(number: int, outcome: Outcome, error: Exception | None) -> None:
            self._taken.note(error)
            on_done(number, outcome)

        with ExitStack() as stack:
            source = stack.enter_context(Photos([local(job.source) for job in jobs]))
            palette = Palette(self._settings.effect, (), stack)
            info = output_info(source.info, self._segmenter, has_alpha=palette.has_alpha)
            paths = [_paths(job) for job in jobs]
            inputs = [local(job.source) for job in jobs]
            options = SinkOptions(input_paths=inputs, **self._written)
            sink = EachPhoto(paths, info, options, lambda number: self._begin(jobs[number]), end)
            stack.enter_context(sink)
            play(stack.enter_context(self._run(source, [sink], jobs, palette)))

    def _run(
        self,
        source: Source,
        sinks: Sequence[Path | Sink],
        jobs: Sequence[Job],
        palette: Palette,
        on_message: Callable[[str], None] = lambda text: None,
    ) -> AbstractContextManager[Run]:
        settings = self._settings
        wanted = None if settings.keep is None else parse_keep(settings.keep)
        return open_run(
            source,
            *sinks,
            segmenter=self._segmenter,
            effect=palette,
            invert=settings.invert,
            keep=None if wanted is None else Keep.of(wanted, self._segmenter.classes),
            keyframes=settings.keyframes,
            overwrite=not any(job.is_new for job in jobs),
            input_paths=[local(job.source) for job in jobs],
            on_message=on_message,
            **self._written,
        )

    def _begin(self, job: Job) -> None:
        """Look at the source as it is now, and make room for the outputs.

        Raises:
            OSError: the source is gone.
            StreamError: there is no room, a folder has the name of one, or somebody has made one.
        """
        self._begun[self._brought[job].job] = self._state(job)
        for output in _paths(job):
            if output.is_dir():  # into which photos would be written
                raise StreamError(f"{output}: is a folder")
            if job.is_new:
                check_free(output)
            make_folder(output.parent)

    def _state(self, job: Job) -> FileState:
        """Return what the source of a job is, of an object store's what was fetched.

        Raises:
            OSError: it is gone.
        """
        return self._brought[job].state or source_state(job.source)

    def _recorded(self, job: Job, outcome: Outcome) -> Outcome:
        """Note what came of a job; returns it, or that it could not be noted."""
        source = self._begun.pop(job, None)
        if (made := self._taken.made_elsewhere(job, self._records, self._rules)) is not None:
            return made
        try:
            for output in job.outputs:
                if source is not None and outcome.state != "failed":
                    self._records.write(self._result(job, output, outcome, source))
                elif size_of(output) is not None and output not in self._taken:
                    # one of before, which is still of a batch
                    unknown = source or FileState(0, 0)
                    self._records.write(self._record(job, output, "begun", unknown))
        except (OSError, StreamError) as error:
            return replace(outcome, state="failed", error=" ".join(str(error).split()))
        return outcome

    def _result(self, job: Job, output: Place, outcome: Outcome, source: FileState) -> Record:
        """Return the record of an output that stands."""
        assert outcome.state != "failed"
        return replace(
            self._record(job, output, outcome.state, source),
            num_bytes=size_of(output) or 0,
            seconds=round(outcome.seconds, 3),
            num_frames=outcome.num_frames,
            duration_s=outcome.duration_s,
            error=outcome.error,
            edges=outcome.edges,
            remarks=outcome.remarks,
        )

    def _record(self, job: Job, output: Place, state: RecordState, source: FileState) -> Record:
        recipe = self._recipe if job.part is None else self._recipe | job.part.recipe()
        return Record(self._records.name(output), state, self._rules.version, recipe, source)


def _as(number: int, done: OnDone, _: int, outcome: Outcome) -> None:
    """Tell of the only job of a run under its number among all."""
    done(number, outcome)


def _each_once(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _identity(path: Place) -> tuple[int, int] | None:
    """Return what tells a file from one that takes its name, `None` where there is none."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns


def _paths(job: Job) -> tuple[Path, ...]:
    """Return the outputs of a job whose files are at hand."""
    return tuple(map(local, job.outputs))
