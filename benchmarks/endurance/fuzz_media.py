"""Videos and photos that are damaged: what the whole program makes of them.

python -m benchmarks.endurance.fuzz_media [--files 400] [--seed 0] [--folder F]

Small good videos, with sound of several codecs, animations and photos are damaged at random: cut
off, bytes changed, parts repeated or taken out. `run.py` copies each into an output. At fault is a
run that hangs, ends with anything but exit code 0, or 1 and one line that says why, or shows a
traceback; one that leaves an output that cannot be decoded, or anything beside it; one
that leaves none although the picture can be decoded (of videos by ffmpeg, of photos
and animations by Pillow), whatever the sound; and one that keeps silent about what is missing.

Prints one JSON object: how many files there were with and without an output, how many frames
ffmpeg decodes of them and of the outputs, and the faults, whose files are kept in the folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from PIL import Image

from benchmarks.common.command import run_command
from benchmarks.endurance.fuzz_files import ROOT, damaged
from stream.photo.decoding import MAX_PIXELS
from stream.photo.formats.kinds import photo_header
from tests import ffmpeg_reference as reference
from tests.inputs.heif_files import write_heif

MAX_S = 60.0
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25:duration=1")
SOUND = ("-f", "lavfi", "-i", "sine=duration=1")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "5")
#: Endings of videos and how they are encoded
VIDEOS = {
    ".mp4": (*H264, "-c:a", "aac"),
    ".mov": (*H264, "-c:a", "pcm_s16le"),
    ".mkv": (*H264, "-c:a", "ac3"),
    ".webm": ("-c:v", "libvpx", "-deadline", "realtime", "-g", "5", "-c:a", "libopus"),
    ".ts": (*H264, "-c:a", "mp2"),
    ".avi": ("-c:v", "mpeg4", "-g", "5", "-c:a", "libmp3lame"),
    ".mpg": ("-c:v", "mpeg2video", "-g", "5", "-c:a", "mp2"),
    ".flv": ("-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"),
    ".gif": ("-an",),
}
PHOTOS = (".png", ".jpg", ".webp", ".tiff", ".bmp", ".heic", ".avif")
OUTPUTS = (".mp4", ".mkv", ".webm")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="for what was at fault; default: a new one")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    print(json.dumps(fuzz(folder, options.files, options.seed), indent=2), flush=True)


def fuzz(folder: Path, num_files: int, seed: int) -> dict[str, Any]:
    """Damage so many files and copy each; returns what is printed."""
    rng = np.random.default_rng(seed)
    good = good_files(folder / "good")
    figures: dict[str, Any] = {"with_output": 0, "without": 0, "most_s": 0.0}
    figures |= {"frames_decoded": 0, "frames_written": 0, "faults": []}
    for number in range(num_files):
        path = good[number % len(good)]
        place = folder / "run"
        (place / "out").mkdir(parents=True)
        file = place / path.name
        file.write_bytes(damaged(path.read_bytes(), rng))
        ending = ".png" if path.suffix in PHOTOS else OUTPUTS[int(rng.integers(len(OUTPUTS)))]
        faults = copy_and_judge(file, place / "out" / f"out{ending}", figures)
        if faults:
            kept = folder / "faults" / f"{len(figures['faults'])}"
            shutil.copytree(place, kept)
            told = {"file": str(kept / file.name), "output": ending, "what": "; ".join(faults)}
            figures["faults"].append(told)
        shutil.rmtree(place)
    return figures


def copy_and_judge(file: Path, out: Path, figures: dict[str, Any]) -> list[str]:
    """Let the program copy a file, count what comes of it; returns what is at fault."""
    command = [sys.executable, ROOT / "run.py", file, "-o", out, "--effect", "none"]
    began = time.monotonic()
    try:
        done = subprocess.run(
            list(map(str, [*command, "--quality", "ultrafast:30"])),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAX_S,
        )
    except subprocess.TimeoutExpired:
        return ["hangs"]
    figures["most_s"] = max(figures["most_s"], round(time.monotonic() - began, 1))
    by_pillow = file.suffix in (*PHOTOS, ".gif") and file.suffix != ".heic"
    decoded = num_pictures(file) if by_pillow else num_frames(file)[0]
    written, complaint = num_frames(out) if out.exists() else (0, "")
    figures["with_output" if out.exists() else "without"] += 1
    figures["frames_decoded"] += decoded
    figures["frames_written"] += written
    return judged(done, out, decoded, written, complaint)


def judged(
    done: subprocess.CompletedProcess[str], out: Path, decoded: int, written: int, complaint: str
) -> list[str]:
    """Return what is at fault in a run that has ended.

    Args:
        done: the run.
        out: its output, which may be missing.
        decoded: number of frames that are decoded of its source without the program.
        written: of its output.
        complaint: of ffmpeg about the output.
    """
    faults = []
    said = done.stderr.splitlines()
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        faults.append(f"ends with {done.returncode}: {said[-1:]}")
    num_errors = sum(line.startswith("error: ") for line in said)
    if done.returncode == 1 and not (num_errors == 1 or (out.exists() and told_of_loss(said))):
        faults.append(f"says {said}")
    if (out.exists() and not written) or complaint:
        faults.append(f"the output is not whole: {complaint}")
    if beside := sorted(path.name for path in out.parent.iterdir() if path != out):
        faults.append(f"leaves {beside}")
    if decoded and not out.exists():
        faults.append(f"{decoded} can be decoded, nothing is written: {said[-1:]}")
    if out.exists() and written < decoded and done.returncode == 0 and not told_of_loss(said):
        faults.append(f"{written} of {decoded} are written, nothing is said")
    if out.exists() and out.suffix == ".png" and not decoded and not told_of_loss(said):
        faults.append("a photo is written of which not all can be decoded, nothing is said")
    return faults


def told_of_loss(said: list[str]) -> bool:
    """Return whether any line says that something was left out."""
    return any("damaged" in line or "left out" in line for line in said)


def num_frames(path: Path) -> tuple[int, str]:
    """Return how many frames ffmpeg decodes of a video, and the first of its complaints."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map", "0:V:0"]
    command += ["-fps_mode", "passthrough", "-f", "framecrc", "-"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    lines = done.stdout.decode().splitlines()
    complaints = done.stderr.decode(errors="replace").splitlines()
    return sum(not line.startswith("#") for line in lines), "".join(complaints[:1])


def num_pictures(path: Path) -> int:
    """Return how many frames of an animation, from the first on, or photos Pillow decodes whole."""
    count = 0
    try:
        with Image.open(path) as image:
            header = photo_header(path.read_bytes())
            if header is not None and header.width * header.height > MAX_PIXELS:
                return 0  # which the program refuses to read, and says so
            for count in range(getattr(image, "n_frames", 1)):
                image.seek(count)
                image.load()
            return count + 1
    except Exception:  # of a damaged file Pillow raises whatever its plugins do
        return count


def good_files(folder: Path) -> list[Path]:
    """Write one small good file of each kind; returns their paths."""
    folder.mkdir(parents=True)
    for ending, codecs in VIDEOS.items():
        sound = () if "-an" in codecs else SOUND
        reference.ffmpeg(*PICTURE, *sound, *codecs, folder / f"video{ending}")
    image = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    image = image.repeat(8, axis=0).repeat(8, axis=1)
    for ending in PHOTOS:
        path = folder / f"photo{ending}"
        if ending in (".heic", ".avif"):
            write_heif(path, image)
        else:
            Image.fromarray(image).save(path)
    return sorted(folder.iterdir())


if __name__ == "__main__":
    run_command(main)
