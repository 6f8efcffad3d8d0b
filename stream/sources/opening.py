"""Which source an address on the command line means."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from stream.cameras.choice import is_camera
from stream.cameras.modes import Wanted
from stream.errors import StreamError
from stream.ffmpeg.inputs import is_network_address
from stream.ffmpeg.screen import is_screen_address
from stream.files.inputs import reading
from stream.files.photos import READ_ENDINGS, is_animation, is_photo, refuse_unread
from stream.frame import Source
from stream.sources.animation import AnimatedPhoto
from stream.sources.camera import Camera
from stream.sources.demo import Demo
from stream.sources.photos import Photos
from stream.sources.realtime import RealTime
from stream.sources.video import VideoSource
from stream.stores.addresses import is_in_store

_MAX_NAMES = 5  # of what is passed over, in a message


def open_source(
    address: str | int | os.PathLike[str],
    *,
    on_message: Callable[[str], None] = lambda text: None,
    fps: Fraction | None = None,
    realtime: bool = False,
    camera: Wanted | None = None,
) -> Source:
    """Open what `address` names; the caller enters and leaves it.

    Args:
        address: a camera's number or `camera:N`, `camera:` and part of its name, its path, a video,
            a photo, a folder or glob of photos, a network address, `screen:`, `screen:WxH+X+Y`, or
            `demo:`.
        on_message: told, in one line, a camera's mode, what happens to it while it runs, and that a
            file is damaged or left out.
        fps: makes photos the frames of a video.
        realtime: a file behaves as a camera.
        camera: what is asked of a camera.

    Raises:
        StreamError: there is no such thing, or it cannot be read.
    """
    source = _open(str(address), on_message, fps, camera)
    return RealTime(source) if realtime and not source.info.live else source


def local_files(address: str) -> list[Path]:
    """Return the files that `address` reads, none for devices and networks.

    Numbers in their names count as numbers: `2.png` comes before `10.png`.
    """
    if is_camera(address) or address == "demo:":
        return []
    if is_network_address(address) or is_screen_address(address):
        return []
    path = Path(address)
    with reading(address):
        if path.exists() and not path.is_dir():
            return [path]
    listed, _ = _listed(address)
    return listed


def _listed(address: str) -> tuple[list[Path], list[Path]]:
    """Return the photos of a folder or a glob, and what else is in it.

    A glob that is one file gives that, whatever it is. Hidden files are the system's.
    """
    folder = Path(address)
    with reading(address):
        found = _in_folder(folder) if folder.is_dir() else _globbed(address)
    found.sort(key=_by_number)
    if len(found) == 1 and not folder.is_dir():
        return found, []
    photos: list[Path] = []
    others: list[Path] = []
    for path in found:
        (photos if path.is_file() and is_photo(path) else others).append(path)
    return photos, others


def _in_folder(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _globbed(address: str) -> list[Path]:
    return [Path(name) for name in glob.glob(address, recursive=True)]


def _by_number(path: Path) -> list[str | int]:
    parts = re.split("([0-9]+)", str(path))  # text and numbers take turns
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _open(
    address: str,
    on_message: Callable[[str], None],
    fps: Fraction | None,
    wanted: Wanted | None,
) -> Source:
    if not address:
        raise StreamError("the source has no name; a camera's number, a file or demo: is needed")
    has_own = is_camera(address) or is_network_address(address) or is_screen_address(address)
    if fps is not None and (has_own or address == "demo:"):
        raise StreamError(f"{address}: has a rate of its own; --fps is for photos")
    if is_camera(address):
        camera = Camera(address, on_message, wanted)
        on_message(camera.description)
        return camera
    if address == "demo:":
        return Demo()
    if is_network_address(address) and address.endswith("://"):
        raise StreamError(f"{address}: names no host; complete it, as in udp://192.0.2.7:9000")
    if is_network_address(address) or is_screen_address(address):
        return VideoSource(address, on_message)
    if is_in_store(address):
        raise StreamError(f"{address}: is read by `run.py` and `run.py batch` only")
    return _open_files(_file_at(address), on_message, fps)


def _open_files(address: str, on_message: Callable[[str], None], fps: Fraction | None) -> Source:
    path = Path(address)
    with reading(address):
        is_file = path.exists() and not path.is_dir()
    files, others = ([path], []) if is_file else _listed(address)
    if path.is_dir() or len(files) + len(others) > 1:
        if not files:
            more = "; a video is read alone" if others else f" ({' '.join(READ_ENDINGS)})"
            raise StreamError(f"{address}: no photos in it{_named(others, ', but')}{more}")
        if others:
            count = f"{len(others)} of {len(files) + len(others)}"
            on_message(f"{address}: passed over {count}, no photos{_named(others, ':')}")
        return Photos(files, fps, on_message)
    if not files:
        raise StreamError(
            f"{address}: no such file; a source is a video, a photo, a folder/, a camera's number, "
            "camera:NAME, an address such as rtsp://..., screen:, or demo:"
        )
    refuse_unread(files[0])
    if is_photo(files[0]) and not is_animation(files[0]):
        return Photos(files, fps, on_message)
    if fps is not None:
        raise StreamError(f"{address}: a video has a rate of its own; --fps is for photos")
    if is_photo(files[0]):
        return AnimatedPhoto(files[0], on_message)
    return VideoSource(str(files[0]), on_message)


def _file_at(address: str) -> str:
    """Return the path of what lies at one, `-` and `/dev/stdin` being what standard input is.

    It is not opened: nobody might write to a pipe, and that would be waited for.

    Raises:
        StreamError: it can be read only once.
    """
    path = Path("/dev/stdin" if address == "-" else address)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return address  # which is told better by whoever opens it
    if stat.S_ISREG(mode) and path.parts[:2] in (("/", "dev"), ("/", "proc")):
        return os.path.realpath(path)
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (stat.S_ISCHR(mode) and address == "-"):
        raise StreamError(
            f"{address}: can be read only once, and a video's sound is read beside its picture; "
            "write it to a file first, or send it to an address such as udp://127.0.0.1:9000"
        )
    return address


def _named(paths: list[Path], before: str) -> str:
    """Return, after `before`, the first names of what is passed over and the number of the rest."""
    if not paths:
        return ""
    names = [f"{path.name}/" if path.is_dir() else path.name for path in paths[:_MAX_NAMES]]
    rest = len(paths) - len(names)
    return f"{before} {', '.join(names)}" + (f" and {rest} more" if rest else "")
