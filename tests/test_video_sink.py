"""Video files as sinks."""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest

from stream.frame import Colour, Frame, Output, OutputInfo, StreamError, StreamInfo
from stream.video_sink import VideoSink
from stream.video_source import VideoSource
from tests import ffmpeg_reference as reference

CLIPS = (
    "carphone_qcif.mp4",
    "cats_vfr_audio.mp4",
    "chaplin_bw_audio.mp4",
    "highway_cars_xvid.avi",
    "kitchen_pancake_opus.mkv",
    "man_sitting_outdoor_360p.mp4",
    "schoolgirls_432x240.mp4",
    "selfie_man_vertical_720x1280.mp4",
    "street_dance_crowd_720p50_audio.avi",
    "talk_man_vfr_audio.mp4",
    "talk_woman_720p_audio.mp4",
    "two_kids_bedroom_540p.mp4",
    "two_people_walk_1080p_vfr.mp4",
    "webcam_asl_bird_2ndperson.mkv",
    "webcam_asl_book.mkv",
    "webcam_asl_brother.mkv",
    "webcam_asl_sister.mkv",
    "woman_and_dog_720p_audio.mp4",
)
EDGE = (
    "failing_audio.mp4",
    "no_duration_vfr_opus.webm",
    "transparent_alpha.webm",
    "unordered_pts.mov",
    "corrupted.mp4",
    "rot_90.mov",
    "raw_bgr24_48x48.avi",
)
#: Sound that .mp4 takes as it is.
COPIED = {"aac", "mp3", "opus"}

SMALL = StreamInfo(width=64, height=48, fps=Fraction(25))


@pytest.fixture(autouse=True)
def _nothing_left_over(tmp_path: Path) -> Iterator[None]:
    threads = threading.active_count()
    yield
    assert psutil.Process().children() == []
    assert threading.active_count() == threads
    assert [path.name for path in tmp_path.rglob(".*")] == []


def _copy(source_path: Path, path: Path, *, num_frames: int | None = None) -> VideoSource:
    """Read and write; `num_frames` cuts it short."""
    with VideoSource(str(source_path)) as source:
        with VideoSink(path, OutputInfo(source.info), preset="ultrafast") as sink:
            for frame in source:
                if frame.index == num_frames:
                    break
                sink.write(Output(frame, frame.image, None, None))
            sink.finish(cut_short=num_frames is not None)
    return source


def _outputs(num_frames: int, info: OutputInfo) -> Iterator[Output]:
    """Yield noise, which no encoder makes small."""
    rng = np.random.default_rng(0)
    shape = (info.stream.height, info.stream.width, 4 if info.has_alpha else 3)
    for index in range(num_frames):
        image = rng.integers(0, 256, shape, np.uint8)
        yield Output(Frame(image[..., :3], index, index / 25), image, None, None)


def _write_all(sink: VideoSink, outputs: Iterator[Output]) -> None:
    for output in outputs:
        sink.write(output)
    sink.finish(cut_short=False)


@pytest.mark.parametrize("name", CLIPS + EDGE)
def test_every_clip_keeps_frames_times_and_sound(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    clip = shared_data / ("clips" if name in CLIPS else "edge") / name
    path = tmp_path / "out.mp4"
    info = _copy(clip, path).info
    wanted_s = reference.picture_times_s(clip)
    written_s = reference.picture_packets_s(path)
    assert len(written_s) == len(wanted_s)
    np.testing.assert_allclose(written_s, wanted_s, atol=0.002)
    assert reference.has_sound(path) == reference.has_sound(clip) == (info.sound is not None)
    if info.sound is not None:
        _assert_same_sound(clip, path)
    assert f", {info.width}x{info.height}" in reference.description(path)
    ratio = info.pixel_aspect
    assert f"[SAR {ratio.numerator}:{ratio.denominator} " in reference.description(path)


def _assert_same_sound(clip: Path, path: Path) -> None:
    ours, theirs = reference.sound_packets_s(path), reference.sound_packets_s(clip)
    codec = reference.description(clip).partition(": Audio: ")[2].split()[0].strip(",")
    # What is encoded anew may start with a packet of the encoder's own, and end with a longer one.
    tolerance_s = 0.002 if codec in COPIED else 0.03
    assert abs(ours[0][0] - theirs[0][0]) <= tolerance_s
    assert abs(ours[-1][1] - theirs[-1][1]) <= tolerance_s
    assert codec not in COPIED or len(ours) == len(theirs)


@pytest.mark.parametrize("ending", [".mp4", ".m4v", ".mov", ".mkv", ".webm"])
def test_irregular_times_in_every_container(tmp_path: Path, ending: str) -> None:
    clip, path = tmp_path / "irregular.mp4", tmp_path / f"out{ending}"
    times_s = reference.irregular_clip(clip)
    _copy(clip, path)
    np.testing.assert_allclose(reference.picture_packets_s(path), times_s, atol=0.0006)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("codec", ["aac", "libopus", "pcm_s16le", "flac"])
def test_sound_keeps_its_offset_in_every_container(tmp_path: Path, ending: str, codec: str) -> None:
    clip, path = tmp_path / "clip.mkv", tmp_path / f"out{ending}"
    reference.ffmpeg(
        *("-itsoffset", "0.2", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=1"),
        *("-f", "lavfi", "-i", "sine=duration=1.5:sample_rate=48000", "-c:a", codec, clip),
    )
    _copy(clip, path)
    assert abs(reference.picture_packets_s(path)[0] - 0.2) < 0.001
    ours, theirs = reference.sound_packets_s(path), reference.sound_packets_s(clip)
    assert abs(ours[0][0] - theirs[0][0]) < 0.025
    assert abs(ours[-1][1] - theirs[-1][1]) < 0.04


def test_two_tracks_of_sound(tmp_path: Path) -> None:
    clip, path = tmp_path / "clip.mkv", tmp_path / "out.mp4"
    sines = ("-f", "lavfi", "-i", "sine=duration=1", "-f", "lavfi", "-i", "sine=300:duration=1")
    reference.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=1", *sines),
        *("-map", "0", "-map", "1", "-map", "2", "-c:a:0", "pcm_s16le", "-c:a:1", "aac", clip),
    )
    _copy(clip, path)
    assert reference.description(path).count(": Audio: aac") == 2


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("talk_man_vfr_audio.mp4", ".mp4"),
        ("kitchen_pancake_opus.mkv", ".mkv"),
        ("kitchen_pancake_opus.mkv", ".mov"),
    ],
)
def test_cut_short_sound_ends_with_the_picture(
    shared_data: Path, tmp_path: Path, name: str, ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    info = _copy(shared_data / "clips" / name, path, num_frames=30).info
    pictures_s = reference.picture_packets_s(path)
    assert len(pictures_s) == 30
    assert info.fps is not None
    end_s = pictures_s[-1] + float(1 / info.fps)
    assert end_s - 0.05 < reference.sound_packets_s(path)[-1][1] <= end_s + 0.002
    assert len(reference.picture_times_s(path)) == 30


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("talk_woman_720p_audio.mp4", "yuv420p(tv, bt709, progressive"),
        ("webcam_asl_book.mkv", "yuvj420p(pc, smpte170m/unknown/unknown, progressive"),
        ("two_kids_bedroom_540p.mp4", "yuv420p(tv, bt470bg/unknown/unknown, progressive"),
        ("man_sitting_outdoor_360p.mp4", "yuv420p(tv, smpte170m, progressive"),
        # Large and untagged: players disagree on what it is, so it must stay untagged.
        ("two_people_walk_1080p_vfr.mp4", "yuv420p(progressive"),
        ("carphone_qcif.mp4", "yuv420p(tv, smpte170m/unknown/unknown, progressive"),
    ],
)
def test_colours_neither_shift_nor_blur(
    shared_data: Path, tmp_path: Path, name: str, line: str
) -> None:
    clip, ours, theirs = shared_data / "clips" / name, tmp_path / "a.mp4", tmp_path / "b.mp4"
    num_frames = 10
    info = _copy(clip, ours, num_frames=num_frames).info
    encoder = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "20")
    times = ("-fps_mode", "passthrough", "-enc_time_base", "demux")
    reference.ffmpeg(
        *("-i", clip, "-map", "0:V:0", *times, "-frames:v", str(num_frames), *encoder, theirs)
    )
    size_hw = (info.height, info.width)
    want, own, transcoded = (
        reference.rgb(path, size_hw, num_frames).astype(np.int16) for path in (clip, ours, theirs)
    )
    assert np.abs((own - want).mean(axis=(0, 1, 2))).max() <= 0.5
    assert np.abs(own - want).mean() <= np.abs(transcoded - want).mean() + 0.3
    assert line in reference.description(ours)


def test_primaries_and_transfer_are_passed_on(tmp_path: Path) -> None:
    colour = Colour("bt2020", "smpte2084", "bt2020nc")
    info = OutputInfo(StreamInfo(width=64, height=48, fps=Fraction(25), colour=colour))
    with VideoSink(tmp_path / "hdr.mp4", info) as sink:
        for output in _outputs(3, info):
            sink.write(output)
        sink.finish(cut_short=False)
    assert "(tv, bt2020nc/bt2020/smpte2084" in reference.description(tmp_path / "hdr.mp4")


@pytest.mark.parametrize("matrix", ["bt709", "fcc", "bt470bg", "smpte170m", "bt2020nc", "ycgco"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_every_matrix_and_range_gives_the_same_rgb(
    tmp_path: Path, matrix: str, full_range: bool, has_alpha: bool
) -> None:
    colour = Colour(matrix=matrix, full_range=full_range)
    stream = StreamInfo(width=64, height=48, fps=Fraction(25), colour=colour)
    path = tmp_path / ("out.mov" if has_alpha else "out.mp4")
    image = np.full((48, 64, 4 if has_alpha else 3), 255, np.uint8)
    image[..., :3] = 200, 40, 90
    with VideoSink(path, OutputInfo(stream, has_alpha=has_alpha), crf=1) as sink:
        sink.write(Output(Frame(image[..., :3], 0, 0.0), image, None, None))
        sink.finish(cut_short=False)
    mean = reference.rgb(path, (48, 64), 1).mean(axis=(0, 1, 2))
    assert np.abs(mean - (200, 40, 90)).max() < 2


def test_a_source_without_yuv_is_written_as_bt709(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL), crf=1) as sink:
        for index in range(5):
            image = np.full((48, 64, 3), (200, 40, 90), np.uint8)
            sink.write(Output(Frame(image, index, index / 25), image, None, None))
        sink.finish(cut_short=False)
    assert "yuv420p(tv, bt709, " in reference.description(tmp_path / "out.mp4")
    mean = reference.rgb(tmp_path / "out.mp4", (48, 64), 5).mean(axis=(0, 1, 2))
    assert np.abs(mean - (200, 40, 90)).max() < 2


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
def test_odd_sizes_are_kept(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"odd{ending}"
    info = OutputInfo(StreamInfo(width=65, height=49, fps=Fraction(25)))
    with VideoSink(path, info) as sink:
        for output in _outputs(4, info):
            sink.write(output)
        sink.finish(cut_short=False)
    assert reference.rgb(path, (49, 65), 4).shape == (4, 49, 65, 3)


@pytest.mark.parametrize(("ending", "decoder"), [(".mov", ()), (".webm", ("-c:v", "libvpx-vp9"))])
@pytest.mark.parametrize("full_range", [False, True])
def test_transparency_is_kept(
    tmp_path: Path, ending: str, decoder: tuple[str, ...], full_range: bool
) -> None:
    colour = Colour(matrix="bt709", full_range=full_range)
    info = StreamInfo(width=64, height=48, fps=Fraction(25), colour=colour)
    path = tmp_path / f"cutout{ending}"
    image = np.full((48, 64, 4), (200, 40, 90, 255), np.uint8)
    image[:16, :, 3] = 0
    image[16:32, :, 3] = 128
    with VideoSink(path, OutputInfo(info, has_alpha=True)) as sink:
        for index in range(5):
            sink.write(Output(Frame(image[..., :3], index, index / 25), image, None, None))
        sink.finish(cut_short=False)
    raw = reference.ffmpeg(*decoder, "-i", path, "-pix_fmt", "rgba", "-f", "rawvideo", "-")
    read = np.frombuffer(raw, np.uint8).reshape(5, 48, 64, 4).astype(int)
    assert np.abs(read[:, 34:, :, :3] - image[34:, :, :3]).max() < 8
    for rows, alpha in ((slice(2, 14), 0), (slice(18, 30), 128), (slice(34, 48), 255)):
        assert np.abs(read[:, rows, :, 3] - alpha).max() < 6


def test_a_clock_far_from_zero_starts_at_zero(tmp_path: Path) -> None:
    live = StreamInfo(width=64, height=48, fps=Fraction(25), live=True)
    for start_s, info, wanted_s in ((3.5, SMALL, 3.5), (5000.0, SMALL, 0.0), (3.5, live, 0.0)):
        path = tmp_path / f"{start_s}{info.live}.mp4"
        with VideoSink(path, OutputInfo(info)) as sink:
            for output in _outputs(3, OutputInfo(info)):
                frame = Frame(output.image, output.frame.index, start_s + output.frame.time_s)
                sink.write(Output(frame, output.image, None, None))
            sink.finish(cut_short=False)
        times_s = reference.picture_packets_s(path)
        np.testing.assert_allclose(times_s, [wanted_s, wanted_s + 0.04, wanted_s + 0.08], atol=1e-4)


def test_times_that_do_not_rise_lose_no_frame(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(path, OutputInfo(SMALL)) as sink:
        for output, time_s in zip(_outputs(4, OutputInfo(SMALL)), (0, 0.2, 0.2, 0.1), strict=True):
            frame = Frame(output.image, output.frame.index, time_s)
            sink.write(Output(frame, output.image, None, None))
        sink.finish(cut_short=False)
    np.testing.assert_allclose(reference.picture_packets_s(path), [0, 0.2, 0.2, 0.2], atol=1e-3)


def test_wrong_images_are_refused(tmp_path: Path) -> None:
    image = np.zeros((48, 60, 3), np.uint8)
    with VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL)) as sink:
        with pytest.raises(ValueError, match=r"expected uint8 \(48, 64, 3\)"):
            sink.write(Output(Frame(image, 0, 0.0), image, None, None))


def test_what_must_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_text("old")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "old.mp4")
    (tmp_path / "folder.mp4").mkdir()
    alpha = OutputInfo(SMALL, has_alpha=True)
    inputs = (tmp_path / "old.mp4",)
    refused: list[tuple[str, str, Callable[[Path], VideoSink]]] = [
        (
            "old.mp4",
            "exists; name another output, or add -y",
            lambda path: VideoSink(path, OutputInfo(SMALL)),
        ),
        ("folder.mp4", "is a folder", lambda path: VideoSink(path, OutputInfo(SMALL))),
        ("new.avi", "no kind of video", lambda path: VideoSink(path, OutputInfo(SMALL))),
        ("no/new.mp4", "there is no folder", lambda path: VideoSink(path, OutputInfo(SMALL))),
        ("new.mp4", r"use \.mov or \.webm", lambda path: VideoSink(path, alpha)),
        (
            "link.mp4",
            "is the input",
            lambda path: VideoSink(path, OutputInfo(SMALL), overwrite=True, input_paths=inputs),
        ),
    ]
    for name, message, make in refused:
        with pytest.raises(StreamError, match=message) as caught:
            make(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (tmp_path / "old.mp4").read_text() == "old"


def test_a_folder_that_takes_no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(path: Path, mode: int = 0o666, exist_ok: bool = True) -> None:
        raise PermissionError(13, "Permission denied")

    # Not by the folder's permissions, which root need not keep.
    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(StreamError, match=r"out\.mp4: cannot be written \(Permission denied\)"):
        VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL))


def test_without_finish_nothing_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with VideoSink(path, OutputInfo(SMALL), overwrite=True) as sink:
        for output in _outputs(3, OutputInfo(SMALL)):
            sink.write(output)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


def test_overwrite_replaces(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with VideoSink(path, OutputInfo(SMALL), overwrite=True) as sink:
        for output in _outputs(3, OutputInfo(SMALL)):
            sink.write(output)
        sink.finish(cut_short=False)
    assert len(reference.picture_packets_s(path)) == 3


def test_no_frames_is_an_error(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL)) as sink:
        with pytest.raises(StreamError, match="no frames"):
            sink.finish(cut_short=False)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_ffmpeg_is_an_error(tmp_path: Path) -> None:
    info = OutputInfo(StreamInfo(width=640, height=480, fps=Fraction(25)))
    with VideoSink(tmp_path / "out.mp4", info) as sink:
        sink.write(next(_outputs(1, info)))
        (child,) = psutil.Process().children()
        child.kill()
        with pytest.raises(StreamError, match=r"out\.mp4: could not be written .*SIGKILL"):
            _write_all(sink, _outputs(50, info))
    assert list(tmp_path.iterdir()) == []


def test_ffmpeg_killed_before_the_end_is_an_error(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL)) as sink:
        sink.write(next(_outputs(1, OutputInfo(SMALL))))
        psutil.Process().children()[0].kill()
        with pytest.raises(StreamError, match="SIGKILL"):
            sink.finish(cut_short=False)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    info = OutputInfo(StreamInfo(width=640, height=480, fps=Fraction(25)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with VideoSink(tmp_path / "out.mp4", info, preset="ultrafast") as sink:
            with pytest.raises(StreamError, match=r"out\.mp4: could not be written") as caught:
                _write_all(sink, _outputs(50, info))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
