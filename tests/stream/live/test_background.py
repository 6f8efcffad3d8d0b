"""Backgrounds that are videos."""

from __future__ import annotations

from contextlib import ExitStack

import cv2
import numpy as np
import PIL.Image
import pytest

import run
import stream.live.background
from effects import Replace
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.colour.curves import HLG_GAMMA, HLG_NITS, WHITE_NITS, hlg_to_scene, pq_to_light
from stream.colour.deep_picture import DeepCoding, DeepPicture
from stream.colour.screen import Colours
from stream.errors import StreamError
from stream.frame import Frame
from stream.live.background import LoopingVideo, open_background
from stream.live.palette import Palette
from stream.looks.look import Look
from stream.opening import open_run
from stream.pipeline import Pipeline
from stream.running.loop import play
from stream.sources.realtime import RealTime
from stream.stats import Stats
from stream.yuv420 import YuvCoding
from tests.inputs.deep_clips import HDR10, HLG, SDR, clip_of, luma_of, ramp
from tests.inputs.photo_files import png, with_chunk
from tests.stand_ins.fakes import MovingSquare, Oracle, square


def test_looping_background_follows_the_clock_and_starts_over(square_clip):
    background = LoopingVideo(square_clip)

    def shown(time_s: float) -> int:
        image = background(time_s, (48, 64))
        columns = np.nonzero((image[24] > (128, 0, 128)).all(axis=1))[0]
        return int(columns.min()) - 10

    # the stream's own clock begins at 7 s; frames are 0.04 s apart, ten of them
    assert [shown(7 + step * 0.04 + 0.001) for step in range(10)] == pytest.approx(range(10), abs=1)
    assert shown(7 + 0.4 + 0.001) == pytest.approx(0, abs=1), "the first again"
    assert shown(7 + 0.4 + 0.121) == pytest.approx(3, abs=1)
    assert shown(7 + 1.6 + 0.201) == pytest.approx(5, abs=1), "whole rounds skipped"
    background.close()


def test_a_damaged_background_is_told_once(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    first, *others = [PIL.Image.fromarray(each) for each in noise]
    path, told = tmp_path / "b.gif", list[str]()
    first.save(path, save_all=True, append_images=others, duration=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 5 // 8])
    background = LoopingVideo(path, told.append)
    for step in range(20):
        background(0.1 * step, (32, 32))
    background.close()
    assert told == [f"{path}: is damaged; what can be read of it is shown"]


def test_background_does_not_make_up_for_a_camera_that_was_gone(square_clip, monkeypatch):
    background = LoopingVideo(square_clip)
    background(7.0, (48, 64))
    advanced = []
    advance = LoopingVideo._advance
    monkeypatch.setattr(LoopingVideo, "_advance", lambda video: advanced.append(advance(video)))
    background(7.0 + 3600, (48, 64))
    assert len(advanced) == 1
    background(7.0 + 3600 + 0.081, (48, 64))
    assert len(advanced) == 3, "from there on it keeps pace"
    background.close()


def test_background_is_a_photo_or_a_video_and_is_closed(tmp_path, square_clip, monkeypatch):
    cv2.imwrite(str(tmp_path / "b.png"), square(0))
    closed = []
    monkeypatch.setattr(
        stream.live.background.LoopingVideo, "close", lambda self: closed.append(self)
    )
    with ExitStack() as stack:
        assert isinstance(open_background(tmp_path / "b.png", stack), np.ndarray)
        video = open_background(square_clip, stack)
        assert isinstance(video, LoopingVideo)
    assert closed == [video]
    with ExitStack() as stack, pytest.raises(StreamError, match="no such file"):
        open_background(tmp_path / "missing.mp4", stack)
    with ExitStack() as stack, pytest.raises(StreamError, match="is a folder; a background is a"):
        open_background(tmp_path, stack)
    monkeypatch.undo()
    video.close()


def test_hdr_backgrounds_are_tone_mapped_and_told(tmp_path, capsys):
    video = clip_of(tmp_path / "hdr.mp4", ramp((96, 192)), HDR10)
    photo = tmp_path / "hdr.png"
    luma = np.rint((ramp((96, 192)).astype(float) - 64) * (255 / 876)).astype(np.uint8)
    photo.write_bytes(with_chunk(png(cv2.merge([luma] * 3)), b"cICP", bytes([9, 16, 0, 1])))
    for path in (video, photo):
        told = []
        with ExitStack() as stack:
            background = open_background(path, stack, told.append)
            is_video = isinstance(background, LoopingVideo)
            shown = background(0.0, (96, 192)) if is_video else background
        (line,) = told
        assert line.startswith(f"{path}: ")
        assert "HDR" in line
        # half of PQ is 92 nits, the white of a page 203, and the ramp ends at 10,000
        assert 60 < shown[48, 80].mean() < 180
        assert shown[48, -1].min() > 250
    cv2.imwrite(str(tmp_path / "in.png"), square(0))
    source, effect = str(tmp_path / "in.png"), f"replace={video}"
    assert run.main([source, "-o", "null:", "--effect", effect]) == 0
    assert capsys.readouterr().err.count("HDR is tone-mapped to BT.709") == 1


def _nits(grey, colour):
    """Return the luminance of grey luma with 10 bits, on the screen that HDR is made for."""
    values = np.clip((grey.astype(float) - 64) / 876, 0, 1)
    if colour is HDR10:
        return pq_to_light(values) * WHITE_NITS
    return hlg_to_scene(values) ** HLG_GAMMA * HLG_NITS


@pytest.mark.parametrize("behind", [HDR10, HLG], ids=["pq", "hlg"])
@pytest.mark.parametrize("before", [HDR10, HLG], ids=["pq", "hlg"])
def test_an_hdr_background_is_as_bright_behind_hdr_as_by_itself(tmp_path, before, behind):
    video = clip_of(tmp_path / "hdr.mp4", ramp((96, 192)), behind, light=None)
    coding = DeepCoding(YuvCoding("bt2020nc"), Colours(before["primaries"], before["transfer"]))
    picture = DeepPicture.of_srgb(np.zeros((96, 192, 3), np.uint8), coding)
    told = []
    with ExitStack() as stack:
        look = Look(Replace(open_background(video, stack, told.append)))
        pipeline = Pipeline(PerFrameTracker(Oracle()), Refiner(blend=False), look, stats=Stats())
        shown = pipeline.process(Frame(picture, 0, 0.0)).picture
    assert told == []
    assert isinstance(shown, DeepPicture)
    expected = np.minimum(_nits(luma_of(video, (96, 192)), behind)[48], _most_nits(before))
    found = _nits(shown.planes[0], before)[48]
    assert expected.max() >= 999
    np.testing.assert_allclose(found[4:-4], expected[4:-4], rtol=0.04, atol=0.2)


def _most_nits(colour):
    return 10_000.0 if colour is HDR10 else HLG_NITS


def test_an_hdr_background_behind_ten_bits_without_hdr_is_tone_mapped_and_told(tmp_path):
    video = clip_of(tmp_path / "hdr.mp4", ramp((96, 192)), HDR10)
    coding = DeepCoding(YuvCoding("bt709"), Colours(SDR["primaries"], SDR["transfer"]))
    told = []
    with ExitStack() as stack:
        look = Look(Replace(open_background(video, stack, told.append)))
        pipeline = Pipeline(PerFrameTracker(Oracle()), Refiner(blend=False), look, stats=Stats())
        for index in range(2):
            picture = DeepPicture.of_srgb(np.zeros((96, 192, 3), np.uint8), coding)
            shown = pipeline.process(Frame(picture, index, index / 25)).picture
    assert told == [f"{video}: HDR is tone-mapped to BT.709"]
    assert 60 < shown.rgb[48, 80].mean() < 180


def test_what_breaks_off_behind_a_live_picture_stays(square_clip):
    told = []
    background = LoopingVideo(square_clip, told.append)
    background.outlast()
    background(0.0, (48, 64))
    last = background(0.37, (48, 64)).copy()
    square_clip.unlink()
    for step in range(20):
        assert (background(0.41 + step / 10, (48, 64)) == last).all()
    background.go_on()
    assert (background(9.0, (48, 64)) == last).all()
    assert told == [f"{square_clip}: no such file; its last picture stays"]
    background.close()


def test_what_breaks_off_behind_a_file_is_an_error(square_clip):
    background = LoopingVideo(square_clip)
    background(0.0, (48, 64))
    square_clip.unlink()
    with pytest.raises(StreamError, match="no such file"):
        [background(step / 10, (48, 64)) for step in range(20)]
    background.close()


def test_a_live_run_outlasts_its_background(square_clip, tmp_path):
    told = []
    with ExitStack() as stack:
        palette = Palette(f"replace={square_clip}", (), stack, told.append)
        source = RealTime(MovingSquare(40))
        with source, open_run(source, segmenter=Oracle(), effect=palette) as opened:
            square_clip.unlink()
            play(opened)
        with pytest.raises(StreamError, match="no such file"):
            Palette(f"replace={square_clip}", (), stack)
    assert told == [f"{square_clip}: no such file; its last picture stays"]
