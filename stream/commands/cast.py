"""`run.py SOURCE -o SINK ...`: a source through an effect into sinks."""

from __future__ import annotations

import argparse
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stream.commands.parts import model_options
from stream.commands.parts.camera_options import wanted_of
from stream.commands.parts.cast_options import cast_parser, keyframes_of, palette_of
from stream.commands.parts.command_line import CommandError, say
from stream.commands.parts.control_options import attend_of
from stream.commands.parts.interruption import Interruption
from stream.commands.parts.profiles import CommandLine, read_command_line
from stream.commands.parts.stored_files import stored_files
from stream.errors import StreamError
from stream.files.records import LINES, LIST

if TYPE_CHECKING:
    from segmentation.segmenter import Segmenter
    from stream.foreground import Keep, Wanted
    from stream.frame import Source
    from stream.live.opening import Attend
    from stream.live.palette import Palette
    from stream.looks.look import Staging
    from stream.running.loop import Run
    from stream.sinks.parts.options import Writing
    from stream.stats import Stats
    from stream.tracking import Keyframes


def cast(arguments: Sequence[str]) -> int:
    """Run `SOURCE -o SINK ...`."""
    command = read_command_line(arguments, cast_parser)
    options = command.options
    with command.profile_named():
        wanted_of(options)  # which is refused before anything is begun
        if options.save_profile is not None:
            _save_profile(command)
        if options.split is not None:
            if options.control is not None:
                raise CommandError("--control: a film that is split has no picture to control")
            from stream.commands.parts.split_cast import cast_in_parts

            with Interruption() as interruption:
                return cast_in_parts(options, interruption)
        with Interruption() as interruption, stored_files(options, interruption) as files:
            code = _cast(options, interruption, files.say)
        if code == 0:
            _clear_up_parts(options.output or ())
        return code


def _clear_up_parts(outputs: Sequence[str]) -> None:
    """Delete what an earlier `--split` left beside outputs that were done in one piece now."""
    from stream.batch.jobs.records import HIDDEN

    left = [each for each in outputs if os.path.isdir(os.path.join(os.path.dirname(each), HIDDEN))]
    if left:
        from stream.commands.parts.split_cast import discard_left_parts_of

        discard_left_parts_of(left)


def _save_profile(command: CommandLine) -> None:
    """Save the options, unless they make no sense."""
    from stream.commands.parts.profile_saving import save_profile

    options = command.options
    keyframes_of(options)
    model_options.wanted_objects(options)
    _check_outputs(options)
    with ExitStack() as stack:
        palette_of(options.effect, options.background, stack, options.front)
    for line in save_profile(command, cast_parser(), overwrite=options.overwrite):
        say(line)


def _cast(
    options: argparse.Namespace, interruption: Interruption, tell: Callable[[str], None]
) -> int:
    """Do it; returns the exit code."""
    keyframes, wanted = keyframes_of(options), model_options.wanted_objects(options)
    _check_outputs(options)
    from stream.commands.parts.progress import ended_early, progress
    from stream.running import loop

    with ExitStack() as stack:
        attend = attend_of(options, stack)
        run, keep = _open(options, keyframes, wanted, attend, interruption.stop, stack, tell)
        interruption.is_heeded = True
        stack.callback(interruption.leave)  # the first thing done when the outputs are left
        with (
            progress(run) as on_progress,
            _stats_saved(run.stats, options.stats, overwrite=options.overwrite),
        ):
            whole = loop.play(run, on_progress=on_progress)
    if keep is not None and keep.unseen:
        say(f"--keep: never seen: {', '.join(f'#{number}' for number in sorted(keep.unseen))}")
    if interruption.came and not whole:
        if not run.source.info.live:
            tell(ended_early(run))
        return 130
    return 1 if run.source.num_left_out else 0


def _open(
    options: argparse.Namespace,
    keyframes: Keyframes,
    wanted: Wanted | None,
    attend: Attend | None,
    stop: threading.Event,
    stack: ExitStack,
    tell: Callable[[str], None],
) -> tuple[Run, Keep | None]:
    """Return the run that the options describe, which `stack` leaves, and what keeps objects."""
    outputs = _outputs(options)
    palette = palette_of(options.effect, options.background, stack, options.front)
    model_options.prepare_segmenter(options, stack)  # while ffmpeg starts
    source = stack.enter_context(_source(options, tell))
    input_paths = _input_paths(palette, options)
    from stream.opening import open_run

    segmenter = _segmenter(options, wanted)
    keep = _keep(wanted, segmenter)
    run = open_run(
        source,
        *outputs,
        segmenter=segmenter,
        effect=palette,
        invert=options.invert,
        keep=keep,
        staging=_staging(options, palette),
        keyframes=keyframes,
        sound=options.sound,
        overwrite=options.overwrite,
        input_paths=input_paths,
        always_on=options.always_on,
        attend=attend,
        on_message=tell,
        stop=stop,
        **_writing(options),
    )
    with _keep_named(options.keep):
        return stack.enter_context(run), keep


def _writing(options: argparse.Namespace) -> Writing:
    preset, crf = options.quality
    writing: Writing = {
        "codec": options.codec,
        "encoder": options.encoder,
        "crf": crf,
        "polygons": options.polygons,
        "keep_location": options.keep_location,
    }
    return writing if preset is None else {**writing, "preset": preset}


def _keep(wanted: Wanted | None, segmenter: Segmenter) -> Keep | None:
    from stream.foreground import Keep

    return None if wanted is None else Keep.of(wanted, segmenter.classes)


def _staging(options: argparse.Namespace, palette: Palette) -> Staging:
    from stream.looks.look import Staging

    return Staging(options.frame, options.light, options.light_wrap, palette.front)


def _source(options: argparse.Namespace, tell: Callable[[str], None]) -> Source:
    from stream.sources import open_source

    return open_source(
        options.source,
        on_message=tell,
        fps=options.fps,
        realtime=options.realtime,
        camera=wanted_of(options),
    )


def _outputs(options: argparse.Namespace) -> list[str]:
    """Return the addresses of the outputs; meanwhile a window is tried, where one is wanted."""
    from stream.display import begin_probe

    outputs: list[str] = options.output or ["window:"]
    if "window:" in outputs:
        begin_probe()
    return outputs


@contextmanager
def _keep_named(text: str | None) -> Iterator[None]:
    """Turn the `ValueError` of ids that cannot be had into one that names the option."""
    try:
        yield
    except ValueError as error:
        if text is None or type(error) is not ValueError:
            raise
        raise CommandError(f"--keep {text}: {error}") from error


@contextmanager
def _stats_saved(stats: Stats, path: Path | None, *, overwrite: bool) -> Iterator[None]:
    """Write the figures of a run at its end, also of one that failed: that may be why it did.

    They replace those that are there now, and what comes meanwhile with `overwrite` only.
    """
    from stream.files.outputs import save

    replaces = overwrite or (path is not None and path.exists())

    def write() -> None:
        if path is None:
            return
        data = (json.dumps(stats.as_dict(), indent=2) + "\n").encode()
        given = save(data, path, replaces=replaces)
        if given != path:
            say(f"{path}: exists; written as {given.name}")

    try:
        yield
    except Exception:
        with suppress(StreamError):  # the run's own error is the one to tell
            write()
        raise
    write()


def _segmenter(options: argparse.Namespace, wanted: Wanted | None) -> Segmenter:
    from stream.sinks import wants_instances

    asks_for_instances = any(wants_instances(output) for output in options.output or ())
    return model_options.load_segmenter(options, wanted, asks_for_instances=asks_for_instances)


def _check_outputs(options: argparse.Namespace) -> None:
    places = set() if options.stats is None else {os.path.realpath(options.stats)}
    outputs = options.output or ()
    if len(outputs) + len(places) > 1:
        from stream.sinks import place_of

        for address in outputs:
            if (place := place_of(address)) in places:
                raise CommandError(f"-o {address}: named twice; each output has a place of its own")
            places.add(place)
    _check_encoding(options)
    has_results = any(each.lower().endswith((LIST, LINES)) for each in options.output or ())
    if options.polygons and not has_results:
        raise CommandError("--polygons: goes with -o FILE.json or .jsonl; no output is one")
    is_shown = any(address.startswith("virtualcam:") for address in options.output or ())
    if options.always_on and not is_shown:
        raise CommandError("--always-on: goes with -o virtualcam: only; all else never rests")


def _check_encoding(options: argparse.Namespace) -> None:
    """Raise `CommandError` where it is said how videos are encoded, and there is none."""
    for name, given, default, missing in (
        ("codec", options.codec, None, "is a video that is encoded"),
        ("encoder", options.encoder, "software", "is a video that is encoded"),
        ("sound", options.sound, None, "holds sound; a video, a stream or window: (key r) does"),
    ):
        if given != default:
            from stream.sinks import encodes

            can = [encodes(address) for address in options.output or ["window:"]]
            if not any(can) and options.control is None:  # from where a recording can be begun
                raise CommandError(f"--{name} {given}: no output {missing}")


def _input_paths(palette: Palette, options: argparse.Namespace) -> list[Path]:
    """Return the files that are read, none of which `--stats` may overwrite."""
    from stream.files.outputs import check_free
    from stream.sources import local_files

    input_paths = [*local_files(options.source), *palette.paths]
    if options.stats is not None:
        check_free(options.stats, overwrite=True, input_paths=input_paths)
    return input_paths
