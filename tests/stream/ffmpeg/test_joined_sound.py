"""Sound of recordings that were joined or have gaps, in files that others play."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import ffmpeg_reference as reference
from tests.inputs.films import PICTURE, copied

RATE = 48000
STEREO = "sine=frequency=440:duration=1:sample_rate=48000,aformat=channel_layouts=stereo"
SURROUND = STEREO.replace("stereo", "5.1")
SLOWER = STEREO.replace("48000", "44100")


def clip(path: Path, sound: str) -> bytes:
    """A second of picture and sound as a broadcast; returns what it is made of."""
    reference.ffmpeg(*PICTURE, "-f", "lavfi", "-i", sound, "-c:a", "aac", "-b:a", "192k", path)
    return path.read_bytes()


def samples(path: Path) -> NDArray[np.float32]:
    """Return a file's sound as it is played one after the other."""
    raw = reference.ffmpeg(
        "-i", path, "-map", "0:a", "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"
    )
    return np.frombuffer(raw, np.float32)


@pytest.mark.parametrize("parts", [(STEREO, SURROUND), (SURROUND, STEREO), (STEREO, SLOWER)])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_aac_that_changes_in_the_middle_is_heard_to_the_end(
    tmp_path: Path, parts: tuple[str, str], ending: str
) -> None:
    joined, path = tmp_path / "joined.ts", tmp_path / f"out{ending}"
    joined.write_bytes(b"".join(clip(tmp_path / "part.ts", part) for part in parts))
    anew = "changes its channels or rate in the middle, and is encoded anew"
    assert copied(joined, path) == [f"{path}: sound (aac) {anew}"]
    crossings = np.flatnonzero(np.diff(np.signbit(samples(path))))
    for begin_s in (0.3, 1.3):
        within = (crossings > begin_s * RATE) & (crossings < (begin_s + 0.5) * RATE)
        assert np.count_nonzero(within) == pytest.approx(440, abs=8)


def test_aac_that_stays_as_it_is_is_copied(tmp_path: Path) -> None:
    joined, path = tmp_path / "joined.ts", tmp_path / "out.mp4"
    joined.write_bytes(clip(tmp_path / "part.ts", STEREO) * 2)
    assert copied(joined, path) == []


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "pcm_f32le"])
def test_a_gap_in_plain_samples_stays_where_it_is(tmp_path: Path, codec: str) -> None:
    source, path = tmp_path / "gap.mkv", tmp_path / "out.mov"
    sound = "anoisesrc=duration=3:seed=1:sample_rate=48000,aselect='lt(t,1)+gt(t,2)'"
    reference.ffmpeg(*PICTURE, "-f", "lavfi", "-i", sound, "-c:a", codec, source)
    assert copied(source, path) == []
    before, after, near = samples(source), samples(path), int(0.9 * RATE)
    assert len(after) == pytest.approx(3 * RATE, abs=0.03 * RATE)
    assert np.array_equal(before[:near], after[:near])
    assert np.array_equal(before[-near:], after[-near:])
    assert not after[int(1.1 * RATE) : int(1.9 * RATE)].any()
