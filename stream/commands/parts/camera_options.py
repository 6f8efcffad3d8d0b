"""What is asked of a camera."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from functools import partial

from stream.cameras.choice import is_camera
from stream.cameras.modes import Wanted, parse_format, parse_size
from stream.commands.parts.command_line import CommandError, Parser


def add_camera_options(parser: Parser, rate: Callable[[str], Fraction]) -> None:
    """Add size, rate and format, and when it is on.

    Args:
        parser: of a command whose source may be a camera.
        rate: reads a rate.
    """
    add = partial(parser.add_argument, group="what is asked of a camera")
    add("--camera-size", type=_size, metavar="WxH", help="default: 1280x720")
    add("--camera-fps", type=rate, metavar="RATE", is_rare=True, help="default: 30")
    add(
        "--camera-format",
        type=_format,
        metavar="mjpg|yuyv|...",
        is_rare=True,
        help="default: mjpg; run.py cameras lists what each camera offers",
    )
    add(
        "--always-on",
        action="store_true",
        is_rare=True,
        help="with -o virtualcam: alone, also while no program reads that (Linux)",
    )


def wanted_of(options: argparse.Namespace) -> Wanted:
    """Return what is asked of a camera.

    Raises:
        CommandError: it is asked of something else.
    """
    wanted = Wanted(options.camera_size, options.camera_fps, options.camera_format)
    if wanted != Wanted() and not is_camera(options.source):
        given = {
            "size": wanted.size_wh,
            "fps": wanted.fps,
            "format": wanted.format,
        }
        name = next(name for name, value in given.items() if value is not None)
        raise CommandError(f"--camera-{name}: {options.source} is no camera")
    return wanted


def _size(text: str) -> tuple[int, int]:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _format(text: str) -> str:
    try:
        return parse_format(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
