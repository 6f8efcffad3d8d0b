"""`run.py SOURCE -o SINK ...`: a source through an effect into sinks."""

from __future__ import annotations

import argparse
import json
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from stream.commands import CommandError, model_options, say
from stream.commands.cast_options import cast_parser
from stream.commands.error_line import one_line

if TYPE_CHECKING:
    from segmentation.segmenter import Segmenter
    from segmentation.tracking.tracker import Tracker
    from stream.foreground import Keep, Wanted
    from stream.frame import Event, OutputInfo, Sink, Source
    from stream.live.palette import Palette
    from stream.loop import Run
    from stream.pipeline import Look, Pipeline
    from stream.sinks import SinkOptions
    from stream.stats import Stats
    from stream.tracking import Keyframes


def cast(arguments: Sequence[str]) -> int:
    """Run `SOURCE -o SINK ...`."""
    options = cast_parser().parse_args(arguments)
    keyframes, wanted = _keyframes(options), model_options.wanted_objects(options)
    _check_outputs(options)
    from stream import loop
    from stream.commands.interruption import Interruption
    from stream.commands.progress import progress

    stop = threading.Event()
    with ExitStack() as stack:
        interruption = stack.enter_context(Interruption(stop))
        run, react, keep = _open(options, keyframes, wanted, stop, stack)
        interruption.is_heeded = True
        stack.callback(interruption.leave)  # the first thing done when the outputs are left
        with progress(run.source.info, next(iter(run.sinks)), run.stats) as on_progress:
            whole = loop.play(run, on_event=react, on_progress=on_progress)
    _tell(run.stats, keep, options)
    if interruption.came and not whole:
        return 130
    return 1 if run.source.num_left_out else 0


def _open(
    options: argparse.Namespace,
    keyframes: Keyframes,
    wanted: Wanted | None,
    stop: threading.Event,
    stack: ExitStack,
) -> tuple[Run, Callable[[Event], None], Keep | None]:
    """Return the run that the options describe, what reacts to a person, and what keeps objects.

    Outputs begin last: what the source or the network make impossible is told before.
    """
    from stream.foreground import Keep
    from stream.live.opening import open_live_control
    from stream.loop import Run
    from stream.pipeline import Look
    from stream.sources import open_source
    from stream.stats import Stats

    stats = Stats()
    palette = _palette(options, stack)
    model_options.prepare_segmenter(options, stack)  # while ffmpeg starts
    source = stack.enter_context(
        open_source(options.source, on_message=say, fps=options.fps, realtime=options.realtime)
    )
    sink_options = _sink_options(source, palette, options)
    segmenter = _segmenter(options, wanted)
    keep = None if wanted is None else Keep.of(wanted, segmenter.classes)
    tracker = _tracker(source, segmenter, keyframes, keep, options, stack)
    _warm_up(segmenter, source, tracker.max_images)
    look = Look(palette.effect, options.invert, keep)
    pipeline = _pipeline(source, tracker, segmenter, look, stats)
    info = _output_info(source, segmenter, palette)
    run = Run(source, pipeline, _sinks(info, sink_options, options, stack), stats, stop)
    react = open_live_control(
        run, palette, segmenter, info=info, options=sink_options, keep=keep, stack=stack
    )
    return run, react, keep


def _tell(stats: Stats, keep: Keep | None, options: argparse.Namespace) -> None:
    from stream.output_files import save

    if keep is not None and keep.unseen:
        say(f"--keep: never seen: {', '.join(f'#{number}' for number in sorted(keep.unseen))}")
    if options.stats is not None:
        save((json.dumps(stats.as_dict(), indent=2) + "\n").encode(), options.stats)


def _palette(options: argparse.Namespace, stack: ExitStack) -> Palette:
    from stream.live.palette import Palette

    try:
        return Palette(options.effect, options.background, stack)
    except ValueError as error:
        raise CommandError(f"--effect {error}") from error


def _segmenter(options: argparse.Namespace, wanted: Wanted | None) -> Segmenter:
    from stream.sinks import wants_instances

    asks_for_instances = any(wants_instances(output) for output in options.output or ())
    return model_options.load_segmenter(options, wanted, asks_for_instances=asks_for_instances)


def _tracker(
    source: Source,
    segmenter: Segmenter,
    keyframes: Keyframes,
    keep: Keep | None,
    options: argparse.Namespace,
    stack: ExitStack,
) -> Tracker:
    from stream.tracking import open_tracker

    told: list[str] = []

    def on_failure(error: Exception) -> None:
        if not told:
            told.append(one_line(error))
            say(f"warning: the network failed, the whole picture is covered: {told[0]}")

    tracker = open_tracker(segmenter, source.info, keyframes, on_failure, stack)
    if keep is not None and keep.ids and not tracker.gives_ids:
        raise CommandError(
            f"--keep {options.keep}: ids are given to objects of a video, with "
            "--model mask-rcnn-person or another network that tells them apart"
        )
    return tracker


def _warm_up(segmenter: Segmenter, source: Source, num_images: int) -> None:
    """Have the network compiled now; at its first image a camera would not wait for that."""
    import numpy as np

    from segmentation.picture import RgbPicture
    from stream.pipeline import shrunk

    first = RgbPicture(np.zeros((source.info.height, source.info.width, 3), np.uint8))
    segmenter.segment(np.stack([shrunk(first, segmenter.max_input)] * num_images))


def _pipeline(
    source: Source,
    tracker: Tracker,
    segmenter: Segmenter,
    look: Look,
    stats: Stats,
) -> Pipeline:
    from segmentation.refinement.refiner import Refiner
    from stream.pipeline import Pipeline

    return Pipeline(
        tracker,
        Refiner(blend=source.info.fps is not None),
        look,
        max_input=segmenter.max_input,
        stats=stats,
    )


def _keyframes(options: argparse.Namespace) -> Keyframes:
    from stream.tracking import Keyframes

    try:
        return Keyframes.parse(options.keyframe, options.reuse)
    except ValueError as error:
        raise CommandError(f"--keyframe: {error}") from error


def _check_outputs(options: argparse.Namespace) -> None:
    places = set() if options.stats is None else {os.path.realpath(options.stats)}
    for address in options.output or ():
        if os.path.realpath(address) in places:
            raise CommandError(f"-o {address}: named twice")
        places.add(os.path.realpath(address))


def _output_info(source: Source, segmenter: Segmenter, palette: Palette) -> OutputInfo:
    from segmentation.coco import categories
    from stream.frame import OutputInfo

    return OutputInfo(
        source.info, has_alpha=palette.has_alpha, categories=categories(segmenter.classes)
    )


def _sink_options(source: Source, palette: Palette, options: argparse.Namespace) -> SinkOptions:
    from stream.output_files import check_free
    from stream.sinks import SinkOptions
    from stream.sources import local_files

    preset, crf = options.quality
    sink_options = SinkOptions(
        overwrite=options.overwrite,
        input_paths=[*local_files(options.source), *palette.paths],
        preset=preset or ("veryfast" if source.info.live else "medium"),
        crf=20 if crf is None else crf,
        polygons=options.polygons,
        on_message=say,
    )
    if options.stats is not None:
        check_free(options.stats, overwrite=True, input_paths=sink_options.input_paths)
    return sink_options


def _sinks(
    info: OutputInfo, sink_options: SinkOptions, options: argparse.Namespace, stack: ExitStack
) -> dict[str, Sink]:
    from stream.sinks import open_sink

    sinks: dict[str, Sink] = {}
    for address in options.output or ["window:"]:
        sinks[address] = stack.enter_context(open_sink(address, info, sink_options))
    return sinks
