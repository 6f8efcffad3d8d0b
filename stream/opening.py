"""A run, from the addresses of its source and sinks to something that can be played."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Unpack
from weakref import WeakKeyDictionary

import numpy as np

from effects import Effect
from segmentation.affordable_size import affordable
from segmentation.coco import categories
from segmentation.loading import load
from segmentation.picture import RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.segmenter import (
    DetailedSegmenter,
    NumberedSegmenter,
    ScalableSegmenter,
    Segmenter,
    TwofoldSegmenter,
)
from segmentation.tracking.tracker import Tracker
from stream.ffmpeg.address_secrets import secrets_hidden
from stream.foreground import Keep, Wanted, parse_keep
from stream.frame import OutputInfo, Sink, Source, StreamInfo
from stream.framing.ahead import Ahead, num_ahead
from stream.framing.following import Following
from stream.live.on_demand import rest_on_demand
from stream.live.opening import Attend, Live, open_live_control
from stream.live.palette import Palette
from stream.looks.look import FADE_S, Look, Staging
from stream.microphone.opening import open_microphone
from stream.pipeline import Pipeline, shrunk
from stream.running.loop import Run, free_name
from stream.sinks import SinkOptions, open_sink, place_of, wants_instances
from stream.sinks.parts.options import Writing
from stream.sources import local_files, open_source
from stream.stats import Stats
from stream.tracking import Keyframes, open_tracker

#: Networks that were run, and on images of which shapes.
_compiled_for: WeakKeyDictionary[Segmenter, set[tuple[int, ...]]] = WeakKeyDictionary()

#: A camera's number, a path or whatever else the command line takes.
Address = str | int | os.PathLike[str]


def tell(text: str) -> None:
    """Print a line for people; standard output is for results."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def open_run(
    source: Address | Source,
    *sinks: Address | Sink,
    segmenter: Segmenter | None = None,
    effect: str | Effect | Palette = "blur",
    invert: bool = False,
    keep: str | Keep | None = None,
    staging: Staging | None = None,
    keyframes: Keyframes | None = None,
    sound: str | None = None,
    overwrite: bool = False,
    input_paths: Sequence[Path] = (),
    always_on: bool = False,
    attend: Attend | None = None,
    on_message: Callable[[str], None] = tell,
    stop: threading.Event | None = None,
    **writing: Unpack[Writing],
) -> Iterator[Run]:
    """Open all that a run needs, for `play` or `outputs`; leaving it frees all of that.

    What is given by its address is opened and left here. A `Source` or `Sink` given itself is its
    owner's, who has entered it and will leave it. Sinks are opened last: what the source or the
    network make impossible is told before.

    Args:
        source: an address as on the command line, see `open_source`, or a `Source`.
        *sinks: addresses, see `open_sink`, or `Sink`s; none where `outputs` takes everything.
        segmenter: the network; without it the one that `--model auto` takes.
        effect: `NAME[=VALUE]` as on the command line, see `effects`; or one of your own, a function
            of image, alpha and time_s; or a `Palette` of several backgrounds.
        invert: it falls on the foreground instead.
        keep: which objects are foreground, as on the command line: "person:1,dog" or "#3".
        staging: what else is done with the picture: framing, light, a picture in front.
        keyframes: which frames the network sees, and what the others get.
        sound: `mic[:PART-OF-ITS-NAME][,delay=MS]`, a microphone whose sound goes with a live
            picture into videos and streams, and of which `on_message` is told; without it there is
            silence.
        overwrite: replace outputs that exist.
        input_paths: files that are never overwritten, beside those that are opened here.
        always_on: a camera that is shown on virtual cameras alone is on while no program reads
            these, too.
        attend: told, before the first frame, what controls the run and what is seen of it, for
            whoever is no window: the control page.
        on_message: told, in one line each, what happens meanwhile.
        stop: once set, no more frames are read, and the outputs are finished.
        **writing: how files and streams are written: `codec`, "h264", "hevc", "av1", "vp9" or
            "prores", without it that which the container has unless told otherwise; `encoder`,
            "software" (the default), "auto", or hardware by its name; `preset` of x264, without it
            "medium", and "veryfast" when live; `crf`, its constant rate factor, 0 (lossless) to
            51, without it 20; `polygons`, `.json` and `.jsonl` hold outlines, not RLE;
            `keep_location`, outputs say where their source was taken; `renames`, which is so
            unless told otherwise, files whose names are taken meanwhile get others, or else fail.

    Yields:
        The run.

    Raises:
        StreamError: a source, sink or background cannot be opened, or sound is asked for where
            there can be none.
        ValueError: there is no such effect, the network cannot do what is asked for, or something
            else than the above was given.
        WeightsError: the weights of the network cannot be used.
    """
    with ExitStack() as stack:
        palette = effect if isinstance(effect, Palette) else Palette(effect, (), stack, on_message)
        source, read = _opened(source, on_message, stack)
        microphone = open_microphone(sound, source.info, on_message, stack)
        segmenter, keep = _network(segmenter, keep, sinks, source.info, keyframes, on_message)
        look = Look(palette.effect, invert, keep, staging or Staging())
        pipeline, stats = _pipeline(source.info, segmenter, look, keyframes, on_message, stack)
        writing.setdefault("preset", "veryfast" if source.info.live else "medium")
        options = SinkOptions(
            overwrite=overwrite,
            input_paths=[*input_paths, *palette.paths, *read],
            sound=microphone,
            on_message=on_message,
            **writing,
        )
        opened = _open_sinks(sinks, _info(source, segmenter, palette), options, stack)
        stop = stop or threading.Event()
        run = Run(source, pipeline, opened, stats, stop, microphone=microphone)
        live = _controlled(run, palette, segmenter, options, keep, attend, stack)
        if not always_on:
            rest_on_demand(live.run, live.is_wanted, on_message, stack)
        yield live.run


def output_info(info: StreamInfo, segmenter: Segmenter, *, has_alpha: bool) -> OutputInfo:
    """Return what sinks are told of the outputs of a run.

    Args:
        info: of its source.
        segmenter: the network.
        has_alpha: its outputs are transparent.
    """
    ids = segmenter.category_ids if isinstance(segmenter, NumberedSegmenter) else None
    return OutputInfo(info, has_alpha, categories(segmenter.classes, ids))


def _info(source: Source, segmenter: Segmenter, palette: Palette) -> OutputInfo:
    return output_info(source.info, segmenter, has_alpha=palette.has_alpha)


def _opened(
    source: Address | Source, on_message: Callable[[str], None], stack: ExitStack
) -> tuple[Source, list[Path]]:
    """Return the source, opened here where it is an address, and the files that it reads."""
    if isinstance(source, Source):
        return source, []
    address = _address("source", source)
    return stack.enter_context(open_source(address, on_message=on_message)), local_files(address)


def _address(what: str, given: Address) -> str:
    """Return an address as text; raises `ValueError` where it is something else."""
    if not isinstance(given, str | int | os.PathLike):
        found = given if isinstance(given, type) else type(given).__name__
        raise ValueError(f"{what}: expected an address or a {what.capitalize()}, got {found}")
    return str(given)


def _network(
    segmenter: Segmenter | None,
    keep: str | Keep | None,
    sinks: Sequence[Address | Sink],
    info: StreamInfo,
    keyframes: Keyframes | None,
    on_message: Callable[[str], None],
) -> tuple[Segmenter, Keep | None]:
    """Return the network, where none is given the one that `--model auto` takes, and its `Keep`."""
    if not isinstance(keep, str | Keep | None):
        raise ValueError(f"keep: expected a text such as 'person:1,dog', got {keep!r}")
    _check_network(segmenter)
    wanted = _wanted(keep) if isinstance(keep, str) else None
    if segmenter is None:
        # an object asked for by its id may be of any class
        names = None if wanted is None or wanted.ids else list(wanted.classes)
        addresses = [str(each) for each in sinks if isinstance(each, str | int | os.PathLike)]
        asks = keep is not None or any(map(wants_instances, addresses))
        segmenter = load("auto", keep=names, on_message=on_message, asks_for_instances=asks)
    if info.fps is not None and isinstance(segmenter, TwofoldSegmenter):
        segmenter = segmenter.for_video()
    elif info.fps is not None and isinstance(segmenter, DetailedSegmenter):
        segmenter = segmenter.for_frames()
    segmenter = _keeping_up(segmenter, info, keyframes, on_message)
    if wanted is not None:
        return segmenter, Keep.of(wanted, segmenter.classes)
    return segmenter, keep if isinstance(keep, Keep) else None


def _check_network(segmenter: object) -> None:
    """Raise `ValueError` where something else is given as a network, or one that lacks a part."""
    if isinstance(segmenter, str):
        raise ValueError(f"segmenter: expected a network, as load({segmenter!r}) gives one")
    if isinstance(segmenter, type):
        raise ValueError(f"segmenter: expected a network, got the class {segmenter.__name__}")
    parts = (*Segmenter.__annotations__, "segment")
    missing = [name for name in parts if not hasattr(segmenter, name)]
    if segmenter is not None and missing:
        kind = type(segmenter).__name__
        raise ValueError(
            f"segmenter: expected a network, see help(segmentation.Segmenter), but {kind} has no "
            + ", ".join(missing)
        )


def _keeping_up(
    segmenter: Segmenter,
    info: StreamInfo,
    keyframes: Keyframes | None,
    on_message: Callable[[str], None],
) -> Segmenter:
    """Return the network, smaller where a camera would wait for it; see `affordable`."""
    waits = info.live and keyframes in (None, Keyframes())
    if not (waits and info.fps and isinstance(segmenter, ScalableSegmenter)):
        return segmenter
    return affordable(segmenter, (info.height, info.width), float(info.fps), on_message)


def _wanted(keep: str) -> Wanted:
    try:
        return parse_keep(keep)
    except ValueError as error:
        raise ValueError(f"keep {error}") from error


def _tracker(
    info: StreamInfo,
    segmenter: Segmenter,
    keyframes: Keyframes | None,
    keep: Keep | None,
    on_message: Callable[[str], None],
    stack: ExitStack,
) -> Tracker:
    told: list[str] = []

    def on_failure(error: Exception) -> None:
        if not told:
            told.append(" ".join(str(error).split()) or type(error).__name__)
            on_message(f"warning: the network failed, the whole picture is covered: {told[0]}")

    if not isinstance(keyframes, Keyframes | None):
        raise ValueError(f"keyframes: expected Keyframes, such as Keyframes(5), got {keyframes!r}")
    tracker = open_tracker(segmenter, info, keyframes or Keyframes(), on_failure, stack)
    if keep is not None and keep.ids and not tracker.gives_ids:
        raise ValueError(
            "ids are given to objects of a video, with --model mask-rcnn-person or another network "
            "that tells them apart"
        )
    return tracker


def _pipeline(
    info: StreamInfo,
    segmenter: Segmenter,
    look: Look,
    keyframes: Keyframes | None,
    on_message: Callable[[str], None],
    stack: ExitStack,
) -> tuple[Pipeline, Stats]:
    """Return the pipeline, its network ready, and what will count its frames."""
    keep = look.choose if isinstance(look.choose, Keep) else None
    tracker = _tracker(info, segmenter, keyframes, keep, on_message, stack)
    # a photo goes to the network as it does in Python: shrunk once, by the network's own rule
    max_input = None if info.fps is None else segmenter.max_input
    _compile(segmenter, info, tracker.max_images)
    stats, refiner = Stats(), Refiner(blend=info.fps is not None)
    pipeline = Pipeline(
        tracker,
        refiner,
        look,
        max_input=max_input,
        framing=_framing(info, look),
        fade_s=0.0 if info.fps is None else FADE_S,
        stats=stats,
    )
    return pipeline, stats


def _framing(info: StreamInfo, look: Look) -> Following | Ahead | None:
    """Return what frames a stream; frames of a file wait for it only where that is asked for."""
    if info.fps is None:
        return None
    if info.live or not look.staging.framed:
        return Following()
    pixel_bytes = 1.5 * (2 if info.depth > 8 else 1) if info.codec else 3
    return Ahead(num_ahead(round(pixel_bytes * info.width * info.height)))


def _compile(segmenter: Segmenter, info: StreamInfo, num_images: int) -> None:
    """Run a network once, as at the first image a camera would not wait until it is compiled.

    Photos wait; they differ in size, and are many where one network does a batch of them.
    """
    first = RgbPicture(np.zeros((info.height, info.width, 3), np.uint8))
    images = np.stack([shrunk(first, segmenter.max_input)] * num_images)
    known: set[tuple[int, ...]] = set()
    with contextlib.suppress(TypeError):  # of one's own, where it is a mere dataclass or has slots
        known = _compiled_for.setdefault(segmenter, known)
    if images.shape not in known and not (known and info.fps is None):
        segmenter.segment(images)
    known.add(images.shape)


def _controlled(
    run: Run,
    palette: Palette,
    segmenter: Segmenter,
    options: SinkOptions,
    keep: Keep | None,
    attend: Attend | None,
    stack: ExitStack,
) -> Live:
    """Return the run with what a person can do meanwhile, and an end that `stack` waits for."""
    info = _info(run.source, segmenter, palette)
    if info.stream.live:
        palette.live_on()
    live = open_live_control(
        run,
        palette,
        segmenter,
        info=info,
        options=options,
        keep=keep,
        attend=attend,
        stack=stack,
    )
    run.ending.callback(run.played.set)
    return replace(live, run=replace(live.run, ending=stack.enter_context(run.ending)))


def _open_sinks(
    sinks: Sequence[Address | Sink], info: OutputInfo, options: SinkOptions, stack: ExitStack
) -> dict[str, Sink]:
    """Return the sinks by their names, without secrets: addresses, and those of classes."""
    opened: dict[str, Sink] = {}
    places: set[str] = set()
    paths = [Path(_address("sink", sink)) for sink in sinks if not isinstance(sink, Sink)]
    options = replace(options, output_paths=paths)
    for sink in sinks:
        if isinstance(sink, Sink):
            opened[free_name(type(sink).__name__, opened)] = sink
            continue
        address = _address("sink", sink)
        if (place := place_of(address)) in places:
            raise ValueError(f"{address}: named twice; each output has a place of its own")
        places.add(place)
        name = free_name(secrets_hidden(address), opened)
        opened[name] = stack.enter_context(open_sink(address, info, options))
    return opened
