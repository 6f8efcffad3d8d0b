"""Which sink an address on the command line means."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stream.errors import StreamError
from stream.ffmpeg.encoding.network_output import HLS_PREFIX, without_secrets
from stream.files.photos import WRITTEN_ENDINGS
from stream.frame import TONE_MAPPED, OutputInfo, Sink
from stream.sinks.animation import WRITERS, AnimationSink
from stream.sinks.instances.coco_folder import CocoFolder
from stream.sinks.instances.crops import Crops
from stream.sinks.instances.label_maps import LabelMaps
from stream.sinks.instances.labelme_folder import LabelMeFolder
from stream.sinks.instances.mask_photos import InstancePhotos
from stream.sinks.instances.results import ENDINGS as JSON_ENDINGS
from stream.sinks.instances.results import InstancesJSON
from stream.sinks.network import NetworkSink
from stream.sinks.null import Null
from stream.sinks.parts.options import SinkOptions
from stream.sinks.photos import PhotoFile, PhotoFolder
from stream.sinks.video import ENDINGS as VIDEO_ENDINGS
from stream.sinks.video import VideoSink
from stream.sinks.virtual_camera import VirtualCamera
from stream.sinks.window import Window
from stream.stores.addresses import is_in_store


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of output.

    Attributes:
        open: makes the sink; takes what follows a prefix that is a name, else the whole address.
        rest: what follows in the address, for people; nothing may follow where there is none.
        wants_instances: objects one by one; people in one mask do not suffice.
        is_video: its pictures follow each other at a pace.
        is_shown: its pictures are as screens show them, with 8 bits.
        encodes: as a video, or can: what a person records in a window is one.
    """

    open: Callable[[str, OutputInfo, SinkOptions], Sink]
    rest: str = ""
    wants_instances: bool = False
    is_video: bool = False
    is_shown: bool = True
    encodes: bool = False


def _objects(prefix: str, sink: Callable[[Path, OutputInfo, SinkOptions], Sink]) -> Kind:
    """Return the kind of a folder of files about objects."""

    def open_folder(folder: str, info: OutputInfo, options: SinkOptions) -> Sink:
        if not folder:
            raise StreamError(f"{prefix} names no folder; write {prefix}FOLDER/")
        return sink(Path(folder), info, options)

    # masks have no colours
    is_shown = sink not in (InstancePhotos, LabelMaps)
    return Kind(open_folder, "FOLDER/", wants_instances=True, is_shown=is_shown)


#: Folders of files about objects, by what their addresses begin with.
_OBJECTS: dict[str, Callable[[Path, OutputInfo, SinkOptions], Sink]] = {
    "instances:": InstancePhotos,
    "labels:": LabelMaps,
    "crops:": Crops,
    "dataset:": CocoFolder,
    "labelme:": LabelMeFolder,
}
_SENT = Kind(NetworkSink, "...", is_video=True, encodes=True)
_PHOTO = Kind(lambda path, info, options: PhotoFile(Path(path), options))
_JSON = Kind(
    lambda path, info, options: InstancesJSON(Path(path), info, options),
    wants_instances=True,
    is_shown=False,
)
# which says itself what it holds
_VIDEO = Kind(
    lambda path, info, options: VideoSink(Path(path), info, options),
    is_video=True,
    is_shown=False,
    encodes=True,
)


def _webp(path: str, info: OutputInfo, options: SinkOptions) -> Sink:
    """Return the sink of what is a photo where the source is photos, else an animation."""
    kind = _PHOTO if info.stream.fps is None else _ANIMATION
    return kind.open(path, info, options)


_ANIMATION = Kind(
    lambda path, info, options: AnimationSink(Path(path), info, options), is_video=True
)

#: By what an address begins with. "/" means a folder; what begins with a dot ends a file's name.
KINDS: dict[str, Kind] = {
    "window:": Kind(
        lambda _, info, options: Window("maskcast", info, options.on_message), encodes=True
    ),
    "null:": Kind(lambda _, info, options: Null(), is_shown=False),
    "virtualcam:": Kind(VirtualCamera, "[DEVICE][,WxH@RATE]", is_video=True),
    **{prefix: _objects(prefix, sink) for prefix, sink in _OBJECTS.items()},
    HLS_PREFIX: Kind(
        lambda folder, info, options: NetworkSink(HLS_PREFIX + folder, info, options),
        "FOLDER/",
        is_video=True,
        encodes=True,
    ),
    **dict.fromkeys(("rtmp://", "rtmps://", "srt://", "udp://"), _SENT),
    "/": Kind(lambda folder, info, options: PhotoFolder(Path(folder), options)),
    **dict.fromkeys(WRITTEN_ENDINGS, _PHOTO),
    **dict.fromkeys(WRITERS, _ANIMATION),
    ".webp": Kind(_webp),
    **dict.fromkeys(JSON_ENDINGS, _JSON),
    **dict.fromkeys(VIDEO_ENDINGS, _VIDEO),
}


def open_sink(address: str | os.PathLike[str], info: OutputInfo, options: SinkOptions) -> Sink:
    """Open what `address` names; the caller enters and leaves it.

    Args:
        address: `window:`, `virtualcam:[DEVICE][,WxH@RATE]`, `null:`, `instances:FOLDER/`,
            `labels:`, `crops:`, `dataset:` and `labelme:` likewise, `hls:FOLDER/`, `rtmp://...`,
            `srt://...`, `udp://...`, a video, animation, photo or `.json` by its ending, or a
            folder ending in `/`.
        info: of the outputs to come.
        options: see `SinkOptions`.

    Raises:
        StreamError: it cannot be written to, or must not be.
    """
    address = str(address)
    key = _key(address)
    kind = KINDS[key]
    if kind.is_video and info.stream.fps is None and (info.stream.num_frames or 0) > 1:
        raise StreamError(
            f"{address}: photos have no pace; add --fps RATE to make a video, or name a folder/"
        )
    if info.stream.is_hdr and kind.is_shown:
        name = without_secrets(address) if "://" in address else address
        options.on_message(f"{name}: {TONE_MAPPED}")
    return kind.open(address[len(key) :] if key.endswith(":") else address, info, options)


def wants_instances(address: str) -> bool:
    """Return whether an output is of objects one by one, which not every network finds.

    Raises:
        StreamError: there is no such kind of output.
    """
    return KINDS[_key(address)].wants_instances


def place_of(address: str) -> str:
    """Return what outputs that would get in each other's way share: a whole path, without a prefix.

    What is no file and no folder is told apart by its address.
    """
    prefixes = (*_OBJECTS, HLS_PREFIX)
    folders = [address[len(each) :] for each in prefixes if address.lower().startswith(each)]
    return os.path.realpath(folders[0] if folders else address)


def encodes(address: str) -> bool:
    """Return whether an output is encoded as a video, or can be.

    Raises:
        StreamError: there is no such kind of output.
    """
    return KINDS[_key(address)].encodes


def is_file_ending(ending: str, *, of_video: bool = False) -> bool:
    """Return whether a file with this ending, in lower case, can be written; one of a video."""
    written = (*VIDEO_ENDINGS, *WRITERS) if of_video else KINDS
    return ending.startswith(".") and ending in written


def _key(address: str) -> str:
    """Return which of `KINDS` an address is of."""
    if not address:
        raise StreamError("-o names no output; a file's name, a folder/ or window: is needed")
    for key in (key for key in KINDS if ":" in key):
        if address.lower().startswith(key) if KINDS[key].rest else address == key:
            if is_in_store(address[len(key) :]):
                raise StreamError(f"{address}: cannot lie in an object store; name one on a disk")
            return key
    if is_in_store(address):
        raise StreamError(f"{address}: is written by `run.py` and `run.py batch` only")
    path = Path(address)
    is_path = re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", address) is None
    if is_path and (address.endswith(("/", "\\")) or os.path.isdir(path)):
        return "/"
    if is_path and path.suffix.lower() in KINDS:
        return path.suffix.lower()
    forms = [f"{'folder' if key == '/' else ''}{key}{kind.rest}" for key, kind in KINDS.items()]
    raise StreamError(f"{address}: unknown kind of output; use one of {' '.join(forms)}")
