"""Which camera an address means, and what is said where it is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stream.cameras.choice import beside, is_camera, place_of, why_not
from stream.cameras.holders import holders
from stream.errors import StreamError
from stream.sources import local_files
from tests.stand_ins.devices.video_kernel import METADATA, OUTPUT, VideoKernel, VideoNode
from tests.stream.cameras.holding import holding


@pytest.fixture
def three(kernel: VideoKernel) -> VideoKernel:
    """Two webcams, of which one has a second node, and a virtual one."""
    kernel.add(0, VideoNode("Integrated Camera: Front"))
    kernel.add(1, VideoNode("Integrated Camera: Front", flags=METADATA))
    kernel.add(2, VideoNode("HD Pro Webcam C920"))
    kernel.add(10, VideoNode("maskcast camera", flags=OUTPUT, driver="v4l2 loopback"))
    kernel.add(12, VideoNode("Insta360 Link"))
    return kernel


def link(kernel: VideoKernel, number: int, name: str) -> Path:
    path = kernel.root / "dev/v4l/by-id" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(f"../../video{number}")
    return path


@pytest.mark.parametrize(
    ("address", "number"),
    [
        *(("0", 0), ("camera:2", 2), ("12", 12), ("camera:c920", 2), ("camera:webcam C920", 2)),
        *(("camera:INSTA", 12), ("camera:integrated camera", 0), ("camera:920", 2)),
    ],
)
def test_numbers_and_names(three: VideoKernel, address: str, number: int) -> None:
    assert is_camera(address)
    assert local_files(address) == []
    place = place_of(address)
    assert place.path == three.root / f"dev/video{number}"
    assert three.node(place.target) is three.node(number)


def test_messages_say_where_a_camera_is_unless_its_address_does(three: VideoKernel) -> None:
    path = three.root / "dev/video2"
    for address in ("2", "camera:2", str(path)):
        assert place_of(address).where == ""
    assert place_of("camera:c920").where == f" ({path})"
    assert place_of("camera:920").where == f" ({path})"


def test_paths_and_links_to_them(three: VideoKernel) -> None:
    path = link(three, 2, "usb-046d_HD_Pro_Webcam_C920-video-index0")
    for address in (str(path), f"camera:{path}", str(three.root / "dev/video2")):
        assert is_camera(address)
        assert local_files(address) == []
        assert place_of(address).path == three.root / "dev/video2"
    link(three, 12, path.name)
    assert place_of(str(path)).path == three.root / "dev/video12"


@pytest.mark.parametrize(
    "address", ["talk.mp4", "c920", "./0", "1000", "demo:", "screen:", "rtsp://host/0", "", "a\0b"]
)
def test_what_is_no_camera(three: VideoKernel, address: str) -> None:
    assert not is_camera(address)


def test_a_path_of_a_device_that_is_gone_means_a_camera(three: VideoKernel) -> None:
    assert is_camera("/dev/video7")
    assert is_camera("/dev/v4l/by-id/usb-gone-video-index0")
    assert not is_camera("/dev/null")


def test_names_that_fit_two_or_none_are_one_line(three: VideoKernel) -> None:
    with pytest.raises(StreamError) as two:
        place_of("camera:in")
    line = f"{three.root}/dev/video0) and camera:12 (Insta360 Link, {three.root}/dev/video12)"
    assert str(two.value) == (
        f"camera:in: 2 cameras are called so; there are camera:0 (Integrated Camera: Front, {line}"
    )
    with pytest.raises(StreamError) as none:
        place_of("camera:brio")
    assert str(none.value).startswith("camera:brio: no camera is called so; there are camera:0 (")
    assert "camera:2 (HD Pro Webcam C920" in str(none.value)
    assert "maskcast" not in str(none.value)
    assert "camera:1 " not in str(none.value)


def test_a_whole_name_is_meant_before_one_that_has_it_in_it(kernel: VideoKernel) -> None:
    kernel.add(0, VideoNode("Webcam Pro"))
    kernel.add(2, VideoNode("Webcam"))
    assert place_of("camera:webcam").path == kernel.root / "dev/video2"


def test_no_camera_at_all(kernel: VideoKernel) -> None:
    with pytest.raises(StreamError, match="no camera is called so; no camera is plugged in"):
        place_of("camera:c920")
    assert why_not(place_of("0"), "") == (
        "camera 0: cannot be opened; no camera is plugged in (a video file or demo: can be given "
        "instead)"
    )


def test_the_next_ones_begin_anew_after_the_last(three: VideoKernel) -> None:
    assert beside(place_of("camera:0")) == ["2", "12"]
    assert beside(place_of("camera:c920")) == ["12", "0"]
    assert beside(place_of("12")) == ["0", "2"]
    assert beside(place_of(str(three.root / "dev/video10"))) == ["12", "0", "2"]


def test_why_a_camera_cannot_be_opened(three: VideoKernel, monkeypatch) -> None:
    def told(address: str) -> str:
        line = why_not(place_of(address), "Invalid argument")
        assert "\n" not in line
        return line

    assert "camera 7: cannot be opened; there is no such device; there are" in told("7")
    assert "Integrated Camera: Front gives no pictures" in told("1")
    assert "it gives no picture (Invalid argument)" in told("2")
    node = three.node(2)
    assert node is not None
    node.busy = True
    assert "it is used by another program: end that" in told("2")
    with holding(three.root / "dev/video2") as name:
        assert f"it is used by {name}: end that" in told("2")
    monkeypatch.setattr("stream.cameras.devices.os.access", lambda path, mode: False)
    assert "usermod -aG video" in told("2")


def test_programs_that_have_a_device_open(kernel: VideoKernel) -> None:
    path, other = kernel.add(0, VideoNode("C920")), kernel.add(2, VideoNode("Link"))
    by_id = link(kernel, 0, "usb-c920")
    with holding(by_id) as name, path.open():
        assert holders(path) == holders(by_id) == [name]
        assert holders(other) == []
    assert holders(path) == []


def test_elsewhere_cameras_are_numbers(monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    place = place_of("camera:1")
    assert (place.target, place.path, place.where) == (1, None, "")
    assert beside(place) == ["2", "0"]
    assert "is it plugged in, free and permitted" in why_not(place, "")
    with pytest.raises(StreamError, match="on Linux only; give a number"):
        place_of("camera:facetime")
    assert not is_camera("/dev/video0")
