"""10 bits and HDR come out as they went in, or it is told what became of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import run
from effects import Cutout, Effect, Replace, Unchanged
from segmentation.picture import RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.ffmpeg.encoding.codecs import CODECS
from stream.frame import Output, OutputInfo
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.sinks import SinkOptions, open_sink
from stream.sinks.video import VideoSink
from stream.sources.video import VideoSource
from stream.stats import Stats
from tests import ffmpeg_reference as reference
from tests.inputs import deep_clips, films
from tests.inputs.deep_clips import HDR10, HLG, SDR, clip_of, luma_of, ramp
from tests.stand_ins.fakes import Oracle

KINDS = {"hdr10": HDR10, "hlg": HLG, "sdr": SDR}
WHITES = {"hdr10": 573, "hlg": 721, "sdr": 940}
SIZE_HW = (96, 1280)
MASTERED = {"mastering": deep_clips.MASTERING_VALUES, "levels": (1000, 400)}
LIGHT = "r(0.6800,0.3200) g(0.2650,0.6900) b(0.1500 0.0600) wp(0.3127, 0.3290)"


def numbers_of(kind: str) -> tuple[int, ...]:
    colour = KINDS[kind]
    return tuple(deep_clips.NUMBERS[colour[name]] for name in ("primaries", "transfer", "matrix"))


def video_line(path: Path) -> str:
    return next(line for line in reference.description(path).splitlines() if "Video:" in line)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clip of each kind, its luma a ramp."""
    folder = tmp_path_factory.mktemp("deep")
    return {
        kind: clip_of(
            folder / f"{kind}.mp4",
            ramp(SIZE_HW),
            colour,
            light=deep_clips.MASTERING if kind == "hdr10" else None,
        )
        for kind, colour in KINDS.items()
    }


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("kind", KINDS)
def test_ten_bits_stay(clips: dict[str, Path], tmp_path: Path, kind: str, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    assert films.copied(clips[kind], path) == []
    line = video_line(path)
    assert ("vp9 (Profile 2)" if ending == ".webm" else "hevc (Main 10)") in line
    colour = KINDS[kind]
    names = f"{colour['matrix']}/{colour['primaries']}/{colour['transfer']}"
    assert f"yuv420p10le(tv, {'bt709' if kind == 'sdr' else names}" in line
    difference = luma_of(path, SIZE_HW).astype(int) - ramp(SIZE_HW)
    assert np.abs(difference).mean() < 2
    assert reference.picture_times_s(path) == reference.picture_times_s(clips[kind])


@pytest.mark.parametrize("ending", [".mp4", ".m4v", ".mov"])
@pytest.mark.parametrize("kind", KINDS)
def test_stream_and_boxes_say_the_same(
    clips: dict[str, Path], tmp_path: Path, kind: str, ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    films.copied(clips[kind], path)
    wanted = {"colour": numbers_of(kind), **(MASTERED if kind == "hdr10" else {})}
    assert deep_clips.told_in_frames(clips[kind]) == wanted
    assert deep_clips.told_in_boxes(path) == wanted
    assert deep_clips.told_in_frames(path) == wanted
    assert deep_clips.entry_boxes(path)["entry"] == b"hvc1"


@pytest.mark.parametrize("where", ["boxes", "matroska"])
def test_light_that_only_the_container_knows(
    clips: dict[str, Path], tmp_path: Path, where: str
) -> None:
    boxed, path = tmp_path / "boxed.mp4", tmp_path / "out.mp4"
    deep_clips.in_box_only(clips["hdr10"], boxed)
    if where == "matroska":
        reference.ffmpeg("-i", boxed, "-c", "copy", tmp_path / "boxed.mkv")
        boxed = tmp_path / "boxed.mkv"
    assert "levels" not in deep_clips.told_in_frames(boxed)
    films.copied(boxed, path)
    wanted = {"colour": numbers_of("hdr10"), **MASTERED}
    assert deep_clips.told_in_boxes(path) == wanted
    assert deep_clips.told_in_frames(path) == wanted


@pytest.mark.parametrize("ending", [".mkv", ".webm"])
def test_matroska_says_how_bright(clips: dict[str, Path], tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    films.copied(clips["hdr10"], path)
    told = reference.description(path)
    assert f"has_primaries:1 has_luminance:1 {LIGHT} min_luminance=0.005000" in told
    assert "max_luminance=1000.000000" in told
    assert "MaxCLL=1000, MaxFALL=400" in told


def test_levels_without_a_screen(tmp_path: Path) -> None:
    source, path = tmp_path / "clip.mkv", tmp_path / "out.mp4"
    said = "log-level=error:lossless=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    reference.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25,format=yuv420p10le"),
        *("-frames:v", "2", "-c:v", "libx265", "-x265-params", f"{said}:max-cll=650,120", source),
    )
    films.copied(source, path)
    assert deep_clips.told_in_boxes(path)["levels"] == (650, 120)
    assert "mastering" not in deep_clips.told_in_boxes(path)
    assert deep_clips.told_in_frames(path)["levels"] == (650, 120)


@pytest.mark.parametrize("kind", KINDS)
def test_a_ramp_keeps_its_levels(clips: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """Through the whole program, as it is used."""
    path = tmp_path / "out.mp4"
    assert run.main([str(clips[kind]), "-o", str(path), "--effect", "none"]) == 0
    before, after = (len(np.unique(luma_of(each, SIZE_HW))) for each in (clips[kind], path))
    assert before == 877
    assert after >= 0.95 * before


@pytest.mark.parametrize("kind", KINDS)
def test_white_has_203_nits(clips: dict[str, Path], tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out.mp4"
    written(clips[kind], path, Replace(np.full((1, 1, 3), 255, np.uint8)), [])
    assert np.abs(np.median(luma_of(path, SIZE_HW)) - WHITES[kind]) <= 1


def written(clip: Path, address: str | Path, effect: Effect, told: list[str]) -> None:
    """Write a clip with an effect that falls on all of it."""
    pipeline = Pipeline(PerFrameTracker(Oracle()), Refiner(blend=True), Look(effect), stats=Stats())
    options = SinkOptions(preset="ultrafast", on_message=told.append)
    with VideoSource(str(clip)) as source:
        info = OutputInfo(source.info, effect.has_alpha)
        with open_sink(address, info, options) as sink:
            for frame in source:
                sink.write(pipeline.process(frame))
            sink.finish(cut_short=False)


@pytest.mark.parametrize("kind", ["hdr10", "hlg"])
@pytest.mark.parametrize("name", ["out.png", "frames/", "out.apng", "hls:out/"])
def test_what_has_8_bits_is_tone_mapped_and_told(
    clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    single = tmp_path / "single.mp4"
    clip_of(single, ramp((96, 192)), KINDS[kind], num_frames=1)
    told: list[str] = []
    written(single, name, Unchanged(), told)
    (line,) = (line for line in told if "HDR" in line)
    assert line.startswith(name.rstrip("/"))
    assert line.endswith("HDR is tone-mapped to BT.709")
    path = next(p for p in tmp_path.rglob("*") if p.suffix in (".png", ".apng", ".ts"))
    shown = reference.rgb(path, (96, 192), 1)[0].astype(int)
    if path.suffix == ".ts":
        assert "bt709" in video_line(path)
    with VideoSource(str(single)) as source:
        wanted = next(iter(source)).image.astype(int)
    assert np.abs(shown - wanted).mean() < 3
    # a ramp to 10,000 nits: half of PQ is 92 nits, less than half of white
    assert 60 < shown[48, 80].mean() < 240
    assert shown[48, -4:].min() > 240


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("hdr10", "HDR is tone-mapped to BT.709"),
        ("sdr", "has 8 of the 10 bits of its source"),
    ],
)
def test_transparency_has_8_bits_and_is_told(
    clips: dict[str, Path], tmp_path: Path, kind: str, line: str
) -> None:
    path, told = tmp_path / "out.mov", list[str]()
    written(clips[kind], path, Cutout(), told)
    assert told == [f"{path}: {line}"]
    assert "(tv, bt709" in video_line(path)


def test_sdr_of_a_codec_of_8_bits_is_dithered_and_told(tmp_path: Path) -> None:
    source, path, told = tmp_path / "clip.mkv", tmp_path / "out.mp4", list[str]()
    clip = clip_of(tmp_path / "hevc.mp4", np.full((64, 64), 402, np.uint16), SDR, light=None)
    reference.ffmpeg("-i", clip, "-c:v", "ffv1", source)
    with VideoSource(str(source)) as frames:
        options = SinkOptions(crf=0, on_message=told.append)
        with VideoSink(path, OutputInfo(frames.info), options) as sink:
            for frame in frames:
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
    keeps = "--codec hevc keeps them"
    assert told == [f"{path}: has 8 of the 10 bits of its source, dithered; {keeps}"]
    assert "h264" in video_line(path)
    assert "yuv420p(tv, bt709" in video_line(path)
    # the two bits that are not there are still seen by who looks at a few pixels at once
    luma = luma_of(path, (64, 64))
    assert set(np.unique(luma)) == {100, 101}
    assert np.abs(cv2.blur(luma.astype(np.float32), (2, 2)) - 100.5).max() < 0.01


@pytest.mark.parametrize(
    ("codec", "ending", "pixels"),
    [
        ("hevc", ".mp4", "hevc (Main 10) (hvc1 / 0x31637668), yuv420p10le"),
        ("av1", ".mp4", "yuv420p10le"),
        ("vp9", ".mp4", "vp9 (Profile 2)"),
        ("prores", ".mov", "yuv422p10le"),
    ],
)
@pytest.mark.parametrize("kind", ["hdr10", "sdr"])
def test_codecs_of_10_bits(
    clips: dict[str, Path], tmp_path: Path, kind: str, codec: str, ending: str, pixels: str
) -> None:
    path, told = tmp_path / f"out{ending}", list[str]()
    with VideoSource(str(clips[kind])) as source:
        options = SinkOptions(codec=codec, preset="ultrafast", on_message=told.append)
        with VideoSink(path, OutputInfo(source.info), options) as sink:
            for frame in source:
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
    assert told == []
    assert pixels in video_line(path)
    difference = luma_of(path, SIZE_HW).astype(int) - ramp(SIZE_HW)
    assert np.abs(difference).mean() < 2
    wanted = {"colour": numbers_of(kind), **(MASTERED if kind == "hdr10" else {})}
    assert deep_clips.told_in_boxes(path) == wanted


DEEP = [(name, ending) for name in CODECS for ending in CODECS[name].endings if name != "h264"]


@pytest.mark.parametrize(("codec", "ending"), DEEP)
def test_every_container_and_its_frames_say_how_bright(
    clips: dict[str, Path], tmp_path: Path, codec: str, ending: str
) -> None:
    path, again = tmp_path / f"out{ending}", tmp_path / "again.mp4"
    films.copied(clips["hdr10"], path, codec=codec)
    wanted = deep_clips.told_by_ffmpeg(clips["hdr10"])["frames"]
    assert {"points", "nits", "levels", "colour"} == set(wanted)
    told = deep_clips.told_by_ffmpeg(path)
    assert told["frames"] == wanted
    assert told["container"] == {key: wanted[key] for key in ("points", "nits", "levels")}
    films.copied(path, again)
    assert deep_clips.told_by_ffmpeg(again)["frames"] == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_h264_is_told(clips: dict[str, Path], tmp_path: Path, kind: str) -> None:
    path, told = tmp_path / "out.mp4", list[str]()
    with VideoSource(str(clips[kind])) as source:
        options = SinkOptions(codec="h264", on_message=told.append)
        with VideoSink(path, OutputInfo(source.info), options) as sink:
            for frame in source:
                wanted = frame.image
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
    (line,) = told
    if kind == "sdr":
        assert line.endswith(
            "has 8 of the 10 bits of its source, dithered; --codec hevc keeps them"
        )
    else:
        assert line == f"{path}: HDR is tone-mapped to BT.709; --codec hevc keeps it"
    assert "yuv420p(tv, bt709" in video_line(path)
    assert deep_clips.told_in_boxes(path) == {"colour": (1, 1, 1)}
    shown = reference.rgb(path, SIZE_HW, 1)[0].astype(int)
    assert np.abs(shown - wanted).mean() < 2


def test_times_are_exact_to_the_tick(tmp_path: Path) -> None:
    steps = [630 + (7919 * number) % 8100 for number in range(12)]
    ticks = [sum(steps[:number]) for number in range(12)]
    frames = "".join(f"{'+' if n else ''}eq(N\\,{n})*{tick}" for n, tick in enumerate(ticks))
    source = tmp_path / "clip.mp4"
    reference.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=128x96:rate=30,format=yuv420p10le"),
        *("-frames:v", "12", "-vf", f"settb=1/90000,setpts={frames}", "-fps_mode", "passthrough"),
        *("-enc_time_base", "1/90000", "-c:v", "libx265", "-x265-params", "log-level=error"),
        *("-video_track_timescale", "90000", source),
    )
    path = tmp_path / "out.mp4"
    films.copied(source, path)
    wanted = [tick / 90000 for tick in ticks]
    assert reference.picture_times_s(path) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_odd_sides(tmp_path: Path, ending: str) -> None:
    source, path = tmp_path / "clip.mkv", tmp_path / f"out{ending}"
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084"
    reference.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25,format=yuv420p10le"),
        *("-vf", f"crop=129:97:0:0:exact=1,{tags}", "-frames:v", "3", "-c:v", "ffv1", source),
    )
    films.copied(source, path)
    assert ("128x96" if ending == ".mp4" else "129x97") in video_line(path)
    size_hw = (96, 128) if ending == ".mp4" else (97, 129)
    before, after = reference.rgb(source, (97, 129), 1)[0], reference.rgb(path, size_hw, 1)[0]
    assert np.abs(before[:96, :128].astype(int) - after[:96, :128]).mean() < 6


def test_pictures_with_8_bits_between_others_are_placed(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "out.mp4"
    with VideoSource(str(clips["hdr10"])) as source:
        frame = next(iter(source))
        white = RgbPicture(np.full((*SIZE_HW, 3), 255, np.uint8))
        with VideoSink(path, OutputInfo(source.info), SinkOptions()) as sink:
            sink.write(Output(frame, white, None, None))
            sink.finish(cut_short=False)
    assert np.abs(luma_of(path, SIZE_HW).astype(int) - 573).max() <= 1
