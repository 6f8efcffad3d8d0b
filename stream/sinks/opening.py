"""Which sink an address on the command line means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stream.errors import StreamError
from stream.ffmpeg.network_output import is_network_output
from stream.frame import OutputInfo, Sink
from stream.photo_files import ENDINGS
from stream.sinks.instance_json import ENDINGS as JSON_ENDINGS
from stream.sinks.instance_json import InstancesJSON
from stream.sinks.instance_photos import InstancePhotos
from stream.sinks.network import NetworkSink
from stream.sinks.null import Null
from stream.sinks.photos import PhotoFile, PhotoFolder
from stream.sinks.video import ENDINGS as VIDEO_ENDINGS
from stream.sinks.video import VideoSink
from stream.sinks.virtual_camera import VirtualCamera
from stream.sinks.window import Window


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """What holds for every sink of a run.

    Attributes:
        overwrite: replace what is there.
        input_paths: files that must never be overwritten.
        preset: of the video encoder, in x264's names.
        crf: its constant rate factor, 0 (lossless) to 51.
        polygons: instances are written as outlines, not as RLE.
        on_message: told, in one line, what happens to an output while it runs.
    """

    overwrite: bool = False
    input_paths: Sequence[Path] = ()
    preset: str = "medium"
    crf: int = 20
    polygons: bool = False
    on_message: Callable[[str], None] = lambda text: None


def open_sink(address: str, info: OutputInfo, options: SinkOptions) -> Sink:
    """Open what `address` names; the caller enters and leaves it.

    Args:
        address: `window:`, `virtualcam:[DEVICE]`, `null:`, `instances:FOLDER/`, `hls:FOLDER/`,
            `rtmp://...`, `srt://...`, `udp://...`, a video, photo or `.json` by its ending, or a
            folder ending in `/`.
        info: of the outputs to come.
        options: see `SinkOptions`.

    Raises:
        StreamError: it cannot be written to, or must not be.
    """
    if address == "window:":
        return Window("maskcast", info)
    if address == "null:":
        return Null()
    _check_rate(address, info)
    if address.startswith("virtualcam:"):
        device = address.removeprefix("virtualcam:") or None
        return VirtualCamera(device, info, options.on_message)
    if address.startswith("instances:"):
        folder = address.removeprefix("instances:")
        if not folder:
            raise StreamError("instances: names no folder; write instances:FOLDER/")
        return InstancePhotos(
            Path(folder), info, overwrite=options.overwrite, input_paths=options.input_paths
        )
    if is_network_output(address):
        return NetworkSink(
            address,
            info,
            preset=options.preset,
            crf=options.crf,
            overwrite=options.overwrite,
            on_message=options.on_message,
        )
    return _open_file(address, info, options)


def _check_rate(address: str, info: OutputInfo) -> None:
    """Raise `StreamError` where photos that owe nothing to each other would become a video."""
    is_file = Path(address).suffix.lower() in VIDEO_ENDINGS
    is_video = is_file or address.startswith("virtualcam:") or is_network_output(address)
    if is_video and info.stream.fps is None and (info.stream.num_frames or 0) > 1:
        raise StreamError(
            f"{address}: photos have no pace; add --fps RATE to make a video, or name a folder/"
        )


def _open_file(address: str, info: OutputInfo, options: SinkOptions) -> Sink:
    """Open a file or folder."""
    if not address:
        raise StreamError("-o names no output; a file's name, a folder/ or window: is needed")
    path = Path(address)
    if address.endswith(("/", "\\")) or path.is_dir():
        return PhotoFolder(path, overwrite=options.overwrite, input_paths=options.input_paths)
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return PhotoFile(path, overwrite=options.overwrite, input_paths=options.input_paths)
    if ending in JSON_ENDINGS:
        return InstancesJSON(
            path,
            info,
            overwrite=options.overwrite,
            input_paths=options.input_paths,
            polygons=options.polygons,
        )
    if ending in VIDEO_ENDINGS:
        return VideoSink(
            path,
            info,
            overwrite=options.overwrite,
            input_paths=options.input_paths,
            preset=options.preset,
            crf=options.crf,
        )
    raise StreamError(
        f"{address}: unknown kind of output; use a video ({' '.join(VIDEO_ENDINGS)}), a photo "
        f"({' '.join(ENDINGS)}), a folder/, instances:FOLDER/, {' '.join(JSON_ENDINGS)}, window:, "
        "virtualcam:, null:, hls:FOLDER/, rtmp://, srt:// or udp://"
    )
