"""Videos with more than 8 bits: HDR10, HLG and SDR, wherever they say what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stream.colour.deep_picture import DeepPicture
from stream.colour.light import Light
from stream.errors import StreamError
from stream.frame import Colour, Frame, StreamInfo
from stream.sources.video import VideoSource
from tests import ffmpeg_reference as reference
from tests.inputs import deep_clips
from tests.inputs.deep_clips import HDR10, HLG, SDR, clip_of, ramp

LIGHT = Light(((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.3127, 0.329)), 0.005, 1000, 1000, 400)
PQ = Colour("bt2020", "smpte2084", "bt2020nc")


def first_of(path: Path, told: list[str] | None = None) -> tuple[StreamInfo, Frame]:
    with VideoSource(str(path), [].append if told is None else told.append) as source:
        return source.info, next(iter(source))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_of(tmp_path_factory.mktemp("deep") / "clip.mp4", ramp(), HDR10)


@pytest.mark.parametrize("where", ["stream", "boxes", "matroska"])
def test_hdr10_wherever_the_file_says_so(clip: Path, tmp_path: Path, where: str) -> None:
    path = tmp_path / ("clip.mkv" if where == "matroska" else "clip.mp4")
    if where == "boxes":
        deep_clips.in_box_only(clip, path)
        assert deep_clips.told_in_frames(path) == {"colour": (2, 2, 2)}
    else:
        reference.ffmpeg("-i", clip, "-c", "copy", "-tag:v", "hvc1", path)
        assert deep_clips.told_in_frames(path)["levels"] == (1000, 400)
    info, frame = first_of(path)
    assert (info.colour, info.light, info.depth, info.codec) == (PQ, LIGHT, 10, "hevc")
    assert info.is_hdr
    assert isinstance(frame.picture, DeepPicture)
    assert (frame.picture.planes[0] == ramp()).all()


@pytest.mark.parametrize("pixels", ["gray10le", "gray16le", "yuv444p10le", "yuv422p12le"])
@pytest.mark.parametrize("range_", ["tv", "pc"])
def test_other_deep_pixels_keep_their_contrast(tmp_path: Path, pixels: str, range_: str) -> None:
    path = tmp_path / "clip.mkv"
    made = f"hue=s=0,scale=out_range={range_},format={pixels}"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:duration=0.2", "-vf", made)
    reference.ffmpeg(*picture, "-color_range", range_, "-c:v", "ffv1", path)
    _, frame = first_of(path)
    expected = reference.rgb(path, (48, 64), 1)[0].astype(int)
    assert np.abs(frame.picture.rgb - expected).mean() < 2


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_8_bits_whose_colours_only_the_container_tells(tmp_path: Path, ending: str) -> None:
    """HEVC's decoder forgets them; H.264's does not."""
    silent, path = tmp_path / "silent.mp4", tmp_path / f"clip{ending}"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x64:duration=0.2", "-pix_fmt", "yuv420p")
    reference.ffmpeg(*picture, "-c:v", "libx265", "-x265-params", "log-level=error", silent)
    tags = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709")
    reference.ffmpeg("-i", silent, "-c", "copy", "-tag:v", "hvc1", *tags, path)
    assert first_of(silent)[0].colour == Colour(None, None, "unknown")
    assert first_of(path)[0].colour == Colour("bt709", "bt709", "bt709")


@pytest.mark.parametrize(("colour", "transfer"), [(HLG, "arib-std-b67"), (SDR, "bt709")])
def test_hlg_and_sdr(tmp_path: Path, colour: dict[str, str], transfer: str) -> None:
    info, frame = first_of(clip_of(tmp_path / "clip.mp4", ramp(), colour, light=None))
    assert (info.colour.transfer, info.depth, info.light) == (transfer, 10, Light())
    assert info.is_hdr == (colour is HLG)
    assert isinstance(frame.picture, DeepPicture)
    assert (frame.picture.planes[0] == ramp()).all()


@pytest.mark.parametrize(
    ("pixels", "codec"),
    [("yuv422p10le", "prores_ks"), ("yuv420p12le", "libx265"), ("yuv444p10le", "ffv1")],
)
def test_other_deep_pixels_have_ten_bits(tmp_path: Path, pixels: str, codec: str) -> None:
    path = tmp_path / "clip.mov" if codec == "prores_ks" else tmp_path / "clip.mkv"
    source = clip_of(tmp_path / "source.mp4", ramp(), SDR, light=None)
    reference.ffmpeg("-i", source, "-pix_fmt", pixels, "-c:v", codec, path)
    info, frame = first_of(path)
    assert info.depth == 10
    assert isinstance(frame.picture, DeepPicture)
    assert np.abs(frame.picture.planes[0].astype(int) - ramp()).mean() < 1


def test_hdr_with_eight_bits_is_hdr(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084"
    reference.ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=64x48:rate=25,format=yuv420p,{tags}"),
        *("-frames:v", "2", "-c:v", "libx264", path),
    )
    info, frame = first_of(path)
    assert (info.colour, info.depth) == (PQ, 10)
    assert isinstance(frame.picture, DeepPicture)


def test_rgb_hdr_is_hdr(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    tags = "setparams=color_primaries=bt2020:color_trc=smpte2084"
    reference.ffmpeg(
        *("-f", "lavfi", "-i", f"color=0x948f40:size=64x48:rate=25,format=gbrp10le,{tags}"),
        *("-frames:v", "2", "-c:v", "ffv1", path),
    )
    info, frame = first_of(path)
    assert (info.colour, info.depth) == (PQ, 10)
    assert isinstance(frame.picture, DeepPicture)
    wanted = np.array([0x94, 0x8F, 0x40]) / 255
    assert np.allclose(frame.picture.deep_rgb[20, 30] / 1023, wanted, atol=0.005)


@pytest.mark.parametrize("pixels", ["gbrp10le", "gbrp12le", "rgb48le"])
def test_rgb_keeps_the_colour_of_each_pixel(tmp_path: Path, pixels: str) -> None:
    path = tmp_path / "clip.mkv"
    stripes = "color=black:size=64x48:rate=25,format=gbrp,geq=r='255*mod(X,2)':g=0:b=90"
    picture = ("-f", "lavfi", "-i", f"{stripes},format={pixels}")
    reference.ffmpeg(*picture, "-frames:v", "2", "-c:v", "ffv1", path)
    info, frame = first_of(path)
    assert (info.colour, info.depth) == (Colour(), 8)
    assert info.source_depth == {"gbrp10le": 10, "gbrp12le": 12, "rgb48le": 16}[pixels]
    assert np.abs(frame.image - reference.rgb(path, (48, 64), 1)[0].astype(int)).max() <= 1


@pytest.mark.parametrize(("matrix", "bits"), [("ycgco", 8), ("ycgco", 10), ("2020_cl", 8)])
def test_matrices_that_ffmpeg_does_not_scale(tmp_path: Path, matrix: str, bits: int) -> None:
    path = tmp_path / "clip.mkv"
    tags = "transferin=709:primariesin=709:transfer=709:primaries=709"
    made = f"format=gbrp,zscale=matrix={matrix}:range=limited:{tags}"
    made += f",format={'yuv444p' if bits == 8 else 'yuv444p10'}"
    picture = ("-f", "lavfi", "-i", "color=0x948f40:size=64x48:rate=25", "-vf", made)
    reference.ffmpeg(*picture, "-frames:v", "2", "-c:v", "ffv1", path)
    info, frame = first_of(path)
    assert (info.depth, info.source_depth) == (8, bits)
    assert np.abs(frame.image[20, 30].astype(int) - [0x94, 0x8F, 0x40]).max() <= 2


def test_a_matrix_that_nobody_reads_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    picture = ("-f", "lavfi", "-i", "color=gray:size=64x48,setparams=colorspace=ictcp")
    reference.ffmpeg(*picture, "-frames:v", "2", "-c:v", "ffv1", path)
    with pytest.raises(StreamError, match=r"matrix that cannot be read \(ictcp\); convert it"):
        first_of(path)


def test_what_says_nothing_more_than_pq_is_as_hdr_is(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    reference.ffmpeg(
        *("-f", "lavfi", "-i", "color=0x804020:size=64x48:rate=25,format=yuv420p10le"),
        *("-vf", "setparams=colorspace=unknown:color_trc=smpte2084"),
        *("-frames:v", "2", "-c:v", "ffv1", path),
    )
    info, _ = first_of(path)
    assert info.colour == PQ


def test_dolby_vision_without_a_picture_for_others_is_refused(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip.read_bytes())
    deep_clips.add_dolby_vision(path, 5, 0)
    with pytest.raises(StreamError, match=r"Dolby Vision profile 5, .* convert it"):
        first_of(path)


@pytest.mark.parametrize(("profile", "compatibility"), [(8, 1), (8, 4), (7, 6)])
def test_other_dolby_vision_is_what_others_see(
    clip: Path, tmp_path: Path, profile: int, compatibility: int
) -> None:
    path, told = tmp_path / "clip.mp4", list[str]()
    path.write_bytes(clip.read_bytes())
    deep_clips.add_dolby_vision(path, profile, compatibility)
    info, _ = first_of(path, told)
    assert info.colour == PQ
    (line,) = told
    assert f"Dolby Vision profile {profile}; its picture for other screens is taken" in line


def test_an_interlaced_deep_video_is_deinterlaced(tmp_path: Path) -> None:
    path, told = tmp_path / "clip.mov", list[str]()
    fields = "testsrc2=size=64x48:rate=50,interlace=scan=tff,format=yuv422p10le"
    reference.ffmpeg(
        *("-f", "lavfi", "-i", fields, "-frames:v", "4", "-c:v", "prores_ks"),
        *("-flags", "+ildct+ilme", path),
    )
    info, frame = first_of(path, told)
    assert info.depth == 10
    assert isinstance(frame.picture, DeepPicture)
    assert any("is deinterlaced" in line for line in told)


def test_pictures_of_another_size_are_fitted(tmp_path: Path) -> None:
    paths = [tmp_path / "a.ts", tmp_path / "b.ts"]
    for path, size in zip(paths, ("192x96", "96x192"), strict=True):
        reference.ffmpeg(
            *("-f", "lavfi", "-i", f"color=white:size={size}:rate=25,format=yuv420p10le"),
            *("-frames:v", "3", "-c:v", "libx265", "-x265-params", "log-level=error", path),
        )
    both = tmp_path / "both.ts"
    both.write_bytes(paths[0].read_bytes() + paths[1].read_bytes())
    with VideoSource(str(both)) as source:
        frames = list(source)
    assert len(frames) == 6
    assert frames[-1].picture.size_hw == (96, 192)
    assert frames[-1].image[48, 96].min() > 250
    assert frames[-1].image[48, 2].max() < 5
