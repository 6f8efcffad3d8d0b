"""Video files that cannot be written: no output is lost, none is half there."""

from __future__ import annotations

import resource
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest

from segmentation.unfinished import Unfinished
from stream.errors import StreamError
from stream.frame import OutputInfo, StreamInfo
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from tests import ffmpeg_reference as reference
from tests.stand_ins.fakes import output_of
from tests.written_videos import SMALL, noisy_outputs, write_all

pytestmark = pytest.mark.usefixtures("no_file_left_over")


def test_wrong_images_are_refused(tmp_path: Path) -> None:
    image = np.zeros((48, 60, 3), np.uint8)
    with VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL), SinkOptions()) as sink:
        with pytest.raises(ValueError, match=r"expected \(48, 64, 3\)"):
            sink.write(output_of(image, 0, 0.0))


def test_what_must_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_text("old")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "old.mp4")
    (tmp_path / "folder.mp4").mkdir()
    alpha = OutputInfo(SMALL, has_alpha=True)
    plain, input_too = (
        SinkOptions(),
        SinkOptions(overwrite=True, input_paths=[tmp_path / "old.mp4"]),
    )
    refused: list[tuple[str, str, OutputInfo, SinkOptions]] = [
        ("old.mp4", "exists; name another output, or add -y", OutputInfo(SMALL), plain),
        ("folder.mp4", "is a folder", OutputInfo(SMALL), plain),
        ("new.avi", "no kind of video", OutputInfo(SMALL), plain),
        ("no/new.mp4", "there is no folder", OutputInfo(SMALL), plain),
        ("new.mp4", r"use \.mov or \.webm", alpha, plain),
        ("link.mp4", "is the input", OutputInfo(SMALL), input_too),
    ]
    for name, message, info, options in refused:
        with pytest.raises(StreamError, match=message) as caught:
            VideoSink(tmp_path / name, info, options)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (tmp_path / "old.mp4").read_text() == "old"


def test_an_encoder_that_takes_nothing_any_more_is_ended(tmp_path: Path) -> None:
    info = OutputInfo(StreamInfo(640, 480, Fraction(25)))
    with VideoSink(tmp_path / "out.mp4", info, SinkOptions()) as sink:
        outputs = noisy_outputs(1000, info)
        sink.write(next(outputs))
        (encoder,) = (each for each in psutil.Process().children() if "ffmpeg" in each.name())
        encoder.suspend()
        timer = threading.Timer(0.5, sink.interrupt)
        timer.start()
        with pytest.raises(StreamError, match="could not be written"):
            write_all(sink, outputs)
        timer.join()


def test_a_folder_that_takes_no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(part: Unfinished, **settings: bool) -> int:
        raise PermissionError(13, "Permission denied")

    # Not by the folder's permissions, which root need not keep.
    monkeypatch.setattr(Unfinished, "hold", refuse)
    sink = VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL), SinkOptions())
    with pytest.raises(StreamError, match=r"out\.mp4: cannot be written \(Permission denied\)"):
        sink.open()


def test_without_finish_nothing_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with VideoSink(path, OutputInfo(SMALL), SinkOptions(overwrite=True)) as sink:
        for output in noisy_outputs(3, OutputInfo(SMALL)):
            sink.write(output)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


def test_overwrite_replaces(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with VideoSink(path, OutputInfo(SMALL), SinkOptions(overwrite=True)) as sink:
        for output in noisy_outputs(3, OutputInfo(SMALL)):
            sink.write(output)
        sink.finish(cut_short=False)
    assert len(reference.picture_packets_s(path)) == 3


def test_no_frames_is_an_error(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL), SinkOptions()) as sink:
        with pytest.raises(StreamError, match="no frames"):
            sink.finish(cut_short=False)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_ffmpeg_is_an_error(tmp_path: Path) -> None:
    info = OutputInfo(StreamInfo(width=640, height=480, fps=Fraction(25)))
    with VideoSink(tmp_path / "out.mp4", info, SinkOptions()) as sink:
        sink.write(next(noisy_outputs(1, info)))
        (child,) = psutil.Process().children()
        child.kill()
        with pytest.raises(StreamError, match=r"out\.mp4: could not be written .*SIGKILL"):
            write_all(sink, noisy_outputs(50, info))
    assert list(tmp_path.iterdir()) == []


def test_ffmpeg_killed_before_the_end_is_an_error(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL), SinkOptions()) as sink:
        sink.write(next(noisy_outputs(1, OutputInfo(SMALL))))
        psutil.Process().children()[0].kill()
        with pytest.raises(StreamError, match="SIGKILL"):
            sink.finish(cut_short=False)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    info = OutputInfo(StreamInfo(width=640, height=480, fps=Fraction(25)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with VideoSink(tmp_path / "out.mp4", info, SinkOptions(preset="ultrafast")) as sink:
            with pytest.raises(StreamError, match=r"out\.mp4: could not be written") as caught:
                write_all(sink, noisy_outputs(50, info))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
