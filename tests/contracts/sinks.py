"""Every sink of the program, in surroundings in which it works on any machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from segmentation.coco import CATEGORIES
from stream.batch.jobs.job import Outcome
from stream.batch.jobs.section import Section
from stream.batch.workers.each_photo import EachPhoto
from stream.batch.workers.part_sink import PartSink
from stream.frame import Output, OutputInfo, Sink, StreamInfo
from stream.live.preview import Preview
from stream.live.recorder import Recorder
from stream.running.loop import _Handed
from stream.sinks import SinkOptions
from stream.sinks.animation import AnimationSink
from stream.sinks.instances.coco_folder import CocoFolder
from stream.sinks.instances.crops import Crops
from stream.sinks.instances.label_maps import LabelMaps
from stream.sinks.instances.labelme_folder import LabelMeFolder
from stream.sinks.instances.mask_photos import InstancePhotos
from stream.sinks.instances.object_files import ObjectFiles
from stream.sinks.instances.results import InstancesJSON
from stream.sinks.network import NetworkSink
from stream.sinks.null import Null
from stream.sinks.photos import PhotoFile, PhotoFolder
from stream.sinks.video import VideoSink
from stream.sinks.virtual_camera import VirtualCamera
from stream.sinks.window import Window
from tests.stand_ins.devices.fake_microphone import heard
from tests.stand_ins.devices.fake_window import windows_instead
from tests.stand_ins.fakes import ListSink, discs, output_of

SIZE_HW = (48, 64)
OPTIONS = SinkOptions(overwrite=True, preset="ultrafast")
VIDEO = OutputInfo(
    StreamInfo(SIZE_HW[1], SIZE_HW[0], Fraction(25), num_frames=5), categories=CATEGORIES
)
HEARD = replace(OPTIONS, sound=heard(1))
LIVE = replace(VIDEO, stream=replace(VIDEO.stream, live=True, num_frames=None))
PHOTO = replace(VIDEO, stream=replace(VIDEO.stream, fps=None, num_frames=1))
PHOTOS = replace(VIDEO, stream=replace(VIDEO.stream, fps=None, num_frames=3))
CUT_OUT = replace(VIDEO, has_alpha=True)


@dataclass(frozen=True)
class Case:
    """A sink and what becomes of it.

    Attributes:
        kind: its class.
        make: given an empty folder; nothing outside is written to.
        info: of the outputs it is given.
        files: what of it is in the folder when it is finished, as patterns.
        surroundings: put in the place of what a machine may lack.
        is_sent: what is written goes out at once, to others or into a folder that they see.
        keeps: each file is an output of its own, and stays once it is whole.
        is_recording: what it is given will not come again, and stays though it is not finished.
        may_be_empty: it can be finished though nothing was written.
    """

    kind: type[Sink]
    make: Callable[[Path], Sink]
    info: OutputInfo = VIDEO
    files: tuple[str, ...] = ()
    surroundings: Callable[[pytest.MonkeyPatch], object] = lambda patch: None
    is_sent: bool = False
    keeps: bool = False
    is_recording: bool = False
    may_be_empty: bool = False

    def outputs(self) -> Iterator[Output]:
        """Yield what it is given: a picture that changes, with three objects."""
        rng = np.random.default_rng(1)
        num = self.info.stream.num_frames or 5
        for index in range(num):
            image = rng.integers(0, 256, (*SIZE_HW, 4 if self.info.has_alpha else 3), np.uint8)
            image.setflags(write=False)
            name = "photo.jpg" if self.info.stream.fps is None else None
            yield output_of(image, index, index / 25, name, instances=discs(SIZE_HW))


def _video(name: str, info: OutputInfo = VIDEO) -> Case:
    return Case(
        VideoSink, lambda folder: VideoSink(folder / name, info, OPTIONS), info, files=(name,)
    )


def _recording(ending: str, info: OutputInfo = LIVE, *, is_heard: bool = False) -> Case:
    return Case(
        VideoSink,
        lambda folder: VideoSink(folder / f"out{ending}", info, HEARD if is_heard else OPTIONS),
        info,
        files=(f"out*{ending}",),
        is_recording=True,
    )


def _animation(ending: str, info: OutputInfo = VIDEO) -> Case:
    return Case(
        AnimationSink,
        lambda folder: AnimationSink(folder / f"out{ending}", info, OPTIONS),
        info,
        files=(f"out*{ending}",),
        is_recording=info.stream.live,
    )


def _json(ending: str, info: OutputInfo = VIDEO) -> Case:
    return Case(
        InstancesJSON,
        lambda folder: InstancesJSON(folder / f"out{ending}", info, OPTIONS),
        info,
        files=(f"out*{ending}",),
        is_recording=info.stream.live,
        may_be_empty=True,
    )


def _objects(kind: type[ObjectFiles], *files: str) -> Case:
    make: Callable[[Path, OutputInfo, SinkOptions], Sink] = kind
    return Case(
        kind,
        lambda folder: make(folder / "new" / "objects", VIDEO, OPTIONS),
        files=tuple(f"new/objects/{file}" for file in files),
        may_be_empty=True,
    )


def _playlist(info: OutputInfo) -> Case:
    return Case(
        NetworkSink,
        lambda folder: NetworkSink(f"hls:{folder / 'new' / 'web'}/", info, OPTIONS),
        info,
        files=("new/web/index.m3u8", "new/web/maskcast-*.ts"),
        is_sent=True,
    )


class Recording(Recorder):
    """A recorder that was told to record."""

    def open(self) -> None:
        """Begin at once."""
        super().open()
        self.toggle()


def _virtual_device(patch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyvirtualcam")
    from tests.stand_ins.devices.fake_virtual_camera import device_instead

    device_instead(patch)


def _raise(number: int, outcome: Outcome, error: Exception | None) -> None:
    """Fail as the others do; a batch notes it and goes on."""
    if error is not None:
        raise error


SINKS: dict[str, Case] = {
    "window": Case(
        Window,
        lambda folder: Window("contract", VIDEO),
        surroundings=windows_instead,
        may_be_empty=True,
    ),
    "virtual camera": Case(
        VirtualCamera,
        lambda folder: VirtualCamera("", LIVE, OPTIONS),
        LIVE,
        surroundings=_virtual_device,
        may_be_empty=True,
    ),
    "stream": Case(
        NetworkSink,
        lambda folder: NetworkSink("udp://127.0.0.1:9", LIVE, OPTIONS),
        LIVE,
        is_sent=True,
    ),
    "stream with a microphone": Case(
        NetworkSink,
        lambda folder: NetworkSink("udp://127.0.0.1:9", LIVE, HEARD),
        LIVE,
        is_sent=True,
    ),
    "folder of a web server": _playlist(VIDEO),
    "live folder of a web server": _playlist(LIVE),
    "GIF": _animation(".gif"),
    "transparent GIF": _animation(".gif", CUT_OUT),
    "WebP": _animation(".webp"),
    "animated PNG": _animation(".apng", CUT_OUT),
    **{f"{ending} of a camera": _animation(ending, LIVE) for ending in (".gif", ".webp", ".apng")},
    "null": Case(Null, lambda folder: Null(), may_be_empty=True),
    "preview": Case(Preview, lambda folder: Preview(), may_be_empty=True),
    "photo": Case(
        PhotoFile,
        lambda folder: PhotoFile(folder / "out.png", OPTIONS),
        PHOTO,
        files=("out.png",),
    ),
    "folder of photos": Case(
        PhotoFolder,
        lambda folder: PhotoFolder(folder / "new" / "photos", OPTIONS),
        files=("new/photos/00000?.png",),
        keeps=True,
        may_be_empty=True,
    ),
    "part of a film": Case(
        PartSink,
        lambda folder: PartSink(folder / "part.mp4", Section(0.0), VIDEO, OPTIONS),
        files=("part.mp4",),
        may_be_empty=True,
    ),
    "photos of a batch": Case(
        EachPhoto,
        lambda folder: EachPhoto(
            [[folder / f"{number}.png"] for number in range(2000)],
            PHOTOS,
            OPTIONS,
            lambda number: None,
            _raise,
        ),
        PHOTOS,
        files=("?.png",),
        keeps=True,
        may_be_empty=True,
    ),
    "instances": _objects(InstancePhotos, "00000?_?-*.png"),
    "label maps": _objects(LabelMaps, "classes/00000?.png", "instances/00000?.png", "legend.json"),
    "cut-outs": _objects(Crops, "00000?_?-*.png"),
    "data set": _objects(CocoFolder, "images/00000?.png", "annotations.json"),
    "LabelMe": _objects(LabelMeFolder, "00000?.png", "00000?.json"),
    "instances as a list": _json(".json"),
    "instances as lines": _json(".jsonl"),
    "instances of a camera as a list": _json(".json", LIVE),
    "instances of a camera as lines": _json(".jsonl", LIVE),
    "mp4": _video("out.mp4"),
    "mov": _video("out.mov"),
    "transparent mov": _video("out.mov", CUT_OUT),
    "mkv": _video("out.mkv"),
    "webm": _video("out.webm"),
    "live mp4": _recording(".mp4"),
    "live transparent mov": _recording(".mov", replace(LIVE, has_alpha=True)),
    "live mp4 with a microphone": _recording(".mp4", is_heard=True),
    "live mkv": _recording(".mkv"),
    "live webm": _recording(".webm"),
    "recorder": Case(Recorder, lambda folder: Recorder(folder, VIDEO, OPTIONS), may_be_empty=True),
    "recording": Case(
        Recorder,
        lambda folder: Recording(folder, VIDEO, OPTIONS),
        files=("maskcast-*.mp4",),
        is_recording=True,
        may_be_empty=True,
    ),
    "whoever iterates over outputs": Case(_Handed, lambda folder: _Handed(), may_be_empty=True),
    "stand-in": Case(ListSink, lambda folder: ListSink(), may_be_empty=True),
}
