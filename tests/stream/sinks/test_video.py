"""Video files as sinks: frames, times, colours, sound and transparency."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stream.frame import Colour, Frame, Output, OutputInfo, StreamInfo
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from stream.sources.video import VideoSource
from tests import ffmpeg_reference as reference
from tests.stand_ins.fakes import output_of
from tests.written_videos import SMALL, noisy_outputs

pytestmark = pytest.mark.usefixtures("no_file_left_over")

#: one of each kind; `benchmarks.clips` tries all there are
CLIPS = (
    "cats_vfr_audio.mp4",
    "chaplin_bw_audio.mp4",
    "highway_cars_xvid.avi",
    "kitchen_pancake_opus.mkv",
    "man_sitting_outdoor_360p.mp4",
    "street_dance_crowd_720p50_audio.avi",
    "talk_man_vfr_audio.mp4",
    "two_people_walk_1080p_vfr.mp4",
    "webcam_asl_bird_2ndperson.mkv",
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


def _copy(source_path: Path, path: Path, *, num_frames: int | None = None) -> VideoSource:
    """Read and write; `num_frames` cuts it short."""
    with VideoSource(str(source_path)) as source:
        with VideoSink(path, OutputInfo(source.info), SinkOptions(preset="ultrafast")) as sink:
            for frame in source:
                if frame.index == num_frames:
                    break
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=num_frames is not None)
    return source


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
    assert reference.has_sound(path) == reference.has_sound(clip) == _has_sound(info)
    if _has_sound(info):
        _assert_same_sound(clip, path)
    assert f", {info.width}x{info.height}" in reference.description(path)
    ratio = info.pixel_aspect
    assert f"[SAR {ratio.numerator}:{ratio.denominator} " in reference.description(path)


def _has_sound(info: StreamInfo) -> bool:
    return info.contents is not None and bool(info.contents.sound)


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
    with VideoSink(tmp_path / "hdr.mp4", info, SinkOptions()) as sink:
        for output in noisy_outputs(3, info):
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
    with VideoSink(path, OutputInfo(stream, has_alpha=has_alpha), SinkOptions(crf=1)) as sink:
        sink.write(output_of(image, 0, 0.0))
        sink.finish(cut_short=False)
    mean = reference.rgb(path, (48, 64), 1).mean(axis=(0, 1, 2))
    assert np.abs(mean - (200, 40, 90)).max() < 2


def test_a_source_without_yuv_is_written_as_bt709(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL), SinkOptions(crf=1)) as sink:
        for index in range(5):
            image = np.full((48, 64, 3), (200, 40, 90), np.uint8)
            sink.write(output_of(image, index, index / 25))
        sink.finish(cut_short=False)
    assert "yuv420p(tv, bt709, " in reference.description(tmp_path / "out.mp4")
    mean = reference.rgb(tmp_path / "out.mp4", (48, 64), 5).mean(axis=(0, 1, 2))
    assert np.abs(mean - (200, 40, 90)).max() < 2


@pytest.mark.parametrize(("ending", "decoder"), [(".mov", ()), (".webm", ("-c:v", "libvpx-vp9"))])
@pytest.mark.parametrize("full_range", [False, True])
def test_transparency_is_kept(
    tmp_path: Path, ending: str, decoder: tuple[str, ...], full_range: bool
) -> None:
    colour = Colour(matrix="bt709", full_range=full_range)
    info = StreamInfo(width=640, height=480, fps=Fraction(25), colour=colour)
    path = tmp_path / f"cutout{ending}"
    image = np.full((480, 640, 4), (200, 40, 90, 255), np.uint8)
    image[:160, :, 3] = 0
    image[160:320, :, 3] = 128
    with VideoSink(path, OutputInfo(info, has_alpha=True), SinkOptions()) as sink:
        for index in range(5):
            sink.write(output_of(image, index, index / 25))
        sink.finish(cut_short=False)
    raw = reference.ffmpeg(*decoder, "-i", path, "-pix_fmt", "rgba", "-f", "rawvideo", "-")
    read = np.frombuffer(raw, np.uint8).reshape(5, 480, 640, 4).astype(int)
    assert np.abs(read[:, 340:, :, :3] - image[340:, :, :3]).max() < 8
    for rows, alpha in ((slice(5, 155), 0), (slice(165, 315), 128), (slice(325, 480), 255)):
        assert np.abs(read[:, rows, :, 3] - alpha).max() < 6


def test_every_clock_starts_at_zero(tmp_path: Path) -> None:
    live = StreamInfo(width=64, height=48, fps=Fraction(25), live=True)
    for start_s, info, wanted_s in ((3.5, SMALL, 0.0), (5000.0, SMALL, 0.0), (3.5, live, 0.0)):
        path = tmp_path / f"{start_s}{info.live}.mp4"
        with VideoSink(path, OutputInfo(info), SinkOptions()) as sink:
            for output in noisy_outputs(3, OutputInfo(info)):
                frame = Frame(output.picture, output.frame.index, start_s + output.frame.time_s)
                sink.write(Output(frame, output.picture, None, None))
            sink.finish(cut_short=False)
        times_s = reference.picture_packets_s(path)
        np.testing.assert_allclose(times_s, [wanted_s, wanted_s + 0.04, wanted_s + 0.08], atol=1e-4)


def test_times_that_do_not_rise_lose_no_frame(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(path, OutputInfo(SMALL), SinkOptions()) as sink:
        for output, time_s in zip(
            noisy_outputs(4, OutputInfo(SMALL)), (0, 0.2, 0.2, 0.1), strict=True
        ):
            frame = Frame(output.picture, output.frame.index, time_s)
            sink.write(Output(frame, output.picture, None, None))
        sink.finish(cut_short=False)
    np.testing.assert_allclose(reference.picture_packets_s(path), [0, 0.2, 0.2, 0.2], atol=1e-3)
