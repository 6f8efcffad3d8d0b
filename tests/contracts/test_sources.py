"""What every source promises: see `stream.frame.Source`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from stream.frame import Frame, Source, StreamInfo
from tests.contracts.sources import NUM_FRAMES, SOURCES, Case, Make, write_material
from tests.contracts.subclasses import subclasses
from tests.leftovers import nothing_left

LONG_S = 30.0  # what does not happen soon does not happen in them


def cases(*, waiting: bool | None = None) -> list[object]:
    return [
        pytest.param(case, id=name, marks=[case.mark] if case.mark else [])
        for name, case in SOURCES.items()
        if waiting is None or case.waits == waiting
    ]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("material")
    write_material(folder)
    return folder


@pytest.fixture
def make(request: pytest.FixtureRequest, material: Path) -> Iterator[Make]:
    """What makes the source; afterwards nothing of it is left."""
    case: Case = request.param
    with case.surroundings(material) as make, nothing_left():
        yield make


every = pytest.mark.parametrize("make", cases(), indirect=True)
flowing = pytest.mark.parametrize("make", cases(waiting=False), indirect=True)
waiting = pytest.mark.parametrize("make", cases(waiting=True), indirect=True)


def test_every_source_is_in_the_list() -> None:
    assert subclasses(Source, "stream") <= {case.kind for case in SOURCES.values()}


def test_what_gives_no_frames_is_no_source() -> None:
    class Half(Source):
        info = StreamInfo(64, 48, None)

    with pytest.raises(TypeError, match="__iter__"):
        Half()


@every
def test_info_is_valid_once_it_is_opened_and_stays(make: Make) -> None:
    with make() as source:
        info = source.info
        assert info.width > 0
        assert info.height > 0
        assert info.pixel_aspect > 0
        assert info.fps is None or info.fps > 0
        assert info.num_frames is None or info.num_frames > 0
        assert source.num_left_out == 0
    assert source.info == info


@flowing
def test_frames_are_what_info_says_and_come_in_order(make: Make) -> None:
    with make() as source:
        frames = list(islice(source, NUM_FRAMES))
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == (source.info.height, source.info.width, 3)
        assert frame.picture.size_hw == frame.image.shape[:2]
        assert source.info.fps is not None or frame.name is not None
    assert source.info.num_frames in (None, len(frames)) or len(frames) == NUM_FRAMES
    for before, after in pairwise(frames):
        assert after.index > before.index
        assert after.take >= before.take
        assert source.info.fps is None or after.time_s > before.time_s


@flowing
def test_interrupt_ends_the_iteration_from_another_thread(make: Make) -> None:
    with make() as source:
        num_frames = 0
        for _ in source:
            thread = threading.Thread(target=source.interrupt)
            thread.start()
            thread.join()
            num_frames += 1
            assert num_frames <= 2, "it goes on"


@waiting
def test_interrupt_ends_an_iteration_that_waits(make: Make) -> None:
    with make() as source:
        frames: list[Frame] = []
        errors: list[Exception] = []

        def read() -> None:
            try:
                frames.extend(source)
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        time.sleep(1.0)
        assert thread.is_alive(), (errors, "it does not wait")
        source.interrupt()
        thread.join(LONG_S)
        assert not thread.is_alive()
        assert not errors


@every
def test_an_iteration_after_the_interruption_is_empty(make: Make) -> None:
    with make() as source:
        source.interrupt()
        source.interrupt()
        assert list(source) == []


@every
def test_leaving_again_and_again_is_harmless(make: Make) -> None:
    source = make()
    for _ in range(2):
        source.close()
    with make() as source:
        pass
    source.close()
    source.interrupt()


@flowing
def test_leaving_in_the_middle_frees_everything(make: Make) -> None:
    with make() as source:
        frames = iter(source)
        next(frames)

    def fail() -> None:
        with make() as source:
            for _ in source:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
