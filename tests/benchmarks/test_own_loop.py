"""The loops that the program is measured beside do what is said of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.own_loop import LOOPS, encoder
from tests.ffmpeg_reference import ffmpeg

WIDTH, HEIGHT, NUM_FRAMES = 128, 96, 12


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    source = f"testsrc2=size={WIDTH}x{HEIGHT}:rate=25:duration={NUM_FRAMES / 25}"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-crf", "0", path)
    return path


def half(frame: np.ndarray) -> np.ndarray:
    """The person is the left half."""
    alpha = np.zeros(frame.shape[:2], np.float32)
    alpha[:, : WIDTH // 2] = 1
    return alpha


def details(frame: np.ndarray) -> float:
    return float(np.abs(cv2.Laplacian(frame, cv2.CV_32F)).mean())


@pytest.mark.parametrize("name", LOOPS)
def test_each_frame_is_written_once_with_its_person_sharp(name: str, clip: Path) -> None:
    written: list[np.ndarray] = []

    def write(data: bytes) -> None:
        written.append(np.frombuffer(bytes(data), np.uint8).reshape(HEIGHT, WIDTH, 3))

    LOOPS[name](cv2.VideoCapture(str(clip)), half, write)
    capture = cv2.VideoCapture(str(clip))
    frames = [capture.read()[1] for _ in range(NUM_FRAMES)]
    assert len(written) == NUM_FRAMES
    for frame, seen in zip(frames, written, strict=True):
        left, right = (
            (slice(None), slice(WIDTH // 2 - 2)),
            (slice(None), slice(WIDTH // 2 + 2, None)),
        )
        assert np.abs(frame[left].astype(int) - seen[left]).max() <= 1
        assert details(seen[right]) < details(frame[right]) / 4


def test_what_is_piped_becomes_a_video(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with encoder(path, (WIDTH, HEIGHT), 25, "ultrafast:20") as process:
        assert process.stdin is not None
        for value in range(0, 250, 25):
            process.stdin.write(bytes([value]) * (WIDTH * HEIGHT * 3))
        process.stdin.close()
    assert process.returncode == 0
    capture = cv2.VideoCapture(str(path))
    shades = [int(capture.read()[1].mean()) for _ in range(10)]
    assert shades == sorted(shades)
    assert shades[-1] - shades[0] > 200
