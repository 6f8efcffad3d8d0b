"""The page in a real browser: frames that come back a second, and their round trip.

python -m benchmarks.serve CLIP [--visitors 1 2] [--seconds 20] [--effect blur]
python -m benchmarks.serve CLIP --encoders

Chromium's camera shows CLIP at 640x480 with a number drawn into each frame: two rows of squares,
black on white for a one, the second row reversed, so that a blur does not hide it. The page's two
pictures are read whenever the browser shows a new frame; the round trip of a frame is the time
from its appearance in the camera's picture to that in the masked one. Server and browser share
the processor. Prints one JSON object for each number of visitors.

With `--encoders`: processor time that aiortc's encoders take for a frame of the clip, and its
decoders for what these made, at the bit rates they begin with and at most use.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
from aiortc.codecs import depayload, h264, vpx
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from numpy.typing import NDArray
from playwright.sync_api import Browser, sync_playwright

from benchmarks.common.command import run_command
from stream.ffmpeg.process import executable

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT, FPS = 640, 480, 30
SQUARE_PX, NUM_BITS = 40, 12
NUM_FRAMES = 240
WARM_UP_S = 6.0

#: Keeps [number, time in ms] of every frame that a video shows.
READ = f"""() => {{
  window.seen = {{}};
  for (const id of ['before', 'after']) {{
    const video = document.getElementById(id), canvas = document.createElement('canvas');
    canvas.width = {WIDTH}; canvas.height = {2 * SQUARE_PX};
    const context = canvas.getContext('2d', {{ willReadFrequently: true }});
    window.seen[id] = [];
    const read = (now, frame) => {{
      video.requestVideoFrameCallback(read);
      context.drawImage(video, 0, 0, {WIDTH}, {2 * SQUARE_PX}, 0, 0, {WIDTH}, {2 * SQUARE_PX});
      const pixels = context.getImageData(0, 0, {WIDTH}, {2 * SQUARE_PX}).data;
      let number = 0;
      for (let bit = 0; bit < {NUM_BITS}; bit++) {{
        const x = {SQUARE_PX} * bit + {SQUARE_PX // 2};
        const at = y => pixels[4 * (y * {WIDTH} + x) + 1];
        const above = at({SQUARE_PX // 2}), below = at({SQUARE_PX + SQUARE_PX // 2});
        if (Math.abs(above - below) < 12) return;
        if (above < below) number |= 1 << bit;
      }}
      window.seen[id].push([number, frame.presentationTime]);
    }};
    video.requestVideoFrameCallback(read);
  }}
}}"""
DECODED = """async () => {
  const entries = [...(await window.connection.getStats()).values()];
  return entries.find(entry => entry.type === 'inbound-rtp').framesDecoded;
}"""
KEEP_CONNECTION = """
  const Plain = RTCPeerConnection;
  window.RTCPeerConnection = class extends Plain {
    constructor(...given) { super(...given); window.connection = this; }
  };
"""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--visitors", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--effect", default="blur", help="as the page names it: blur, grey, ...")
    parser.add_argument("--encoders", action="store_true", help="compare VP8 and H.264")
    options = parser.parse_args()
    if options.encoders:
        for name in ("VP8", "H264"):
            for limit in ("DEFAULT_BITRATE", "MAX_BITRATE"):
                print(json.dumps(encode(camera_frames(options.clip), name, limit)), flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        camera = numbered(options.clip, Path(folder) / "camera.y4m")
        for num in options.visitors:
            print(json.dumps(measure(camera, num, options.seconds, options.effect)), flush=True)


def camera_frames(clip: Path) -> NDArray[np.uint8]:
    """Return the clip as a camera would give it, (N, H * 3 / 2, W) uint8, planar YUV 4:2:0."""
    size = f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase,crop={WIDTH}:{HEIGHT}"
    command = [executable(), "-v", "error", "-stream_loop", "-1", "-i", str(clip)]
    command += ["-vf", f"{size},fps={FPS}", "-frames:v", str(NUM_FRAMES)]
    raw = subprocess.run(
        [*command, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"], check=True, capture_output=True
    ).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT * 3 // 2, WIDTH).copy()


def encode(frames: NDArray[np.uint8], name: str, limit: str) -> dict[str, Any]:
    """Encode and decode frames with aiortc's own codecs; returns what that took."""
    module = {"VP8": vpx, "H264": h264}[name]
    encoder, decoder = {
        "VP8": (vpx.Vp8Encoder, vpx.Vp8Decoder),
        "H264": (h264.H264Encoder, h264.H264Decoder),
    }[name]
    encoding, decoding = encoder(), decoder()
    encoding.target_bitrate = getattr(module, limit)
    spent_s, num_bytes = [0.0, 0.0], 0
    for index, planes in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = index * 90_000 // FPS, Fraction(1, 90_000)
        began = time.process_time()
        payloads, _ = encoding.encode(frame, force_keyframe=index == 0)
        encoded = time.process_time()
        codec = RTCRtpCodecParameters(f"video/{name}", 90_000)
        data = b"".join(depayload(codec, payload) for payload in payloads)
        num_bytes += len(data)
        before = time.process_time()
        decoding.decode(JitterFrame(data, int(frame.pts)))
        spent_s[0] += encoded - began
        spent_s[1] += time.process_time() - before
    return {
        "codec": name,
        "kbit_s": round(num_bytes * 8 / len(frames) * FPS / 1000),
        "encode_ms": round(spent_s[0] / len(frames) * 1000, 2),
        "decode_ms": round(spent_s[1] / len(frames) * 1000, 2),
    }


def numbered(clip: Path, path: Path) -> Path:
    """Write the clip with numbers as a file that Chromium takes for a camera."""
    frames = camera_frames(clip)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number, frame in enumerate(frames):
            draw(frame, number)
            file.write(b"FRAME\n" + frame.tobytes())
    return path


def draw(frame: NDArray[np.uint8], number: int) -> None:
    """Draw a number into a frame in planar YUV 4:2:0, (H * 3 / 2, W) uint8."""
    chroma = frame[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    chroma[:, :SQUARE_PX] = 128
    frame[: 2 * SQUARE_PX] = 128
    for bit in range(NUM_BITS):
        columns = slice(SQUARE_PX * bit, SQUARE_PX * (bit + 1))
        shades = (16, 235) if number >> bit & 1 else (235, 16)
        frame[:SQUARE_PX, columns] = shades[0]
        frame[SQUARE_PX : 2 * SQUARE_PX, columns] = shades[1]


def measure(camera: Path, num_visitors: int, seconds: float, effect: str) -> dict[str, Any]:
    """Let so many visitors look at themselves; returns what they saw."""
    with ExitStack() as stack:
        server, address = start_server(stack)
        browser = start_browser(stack, camera)
        pages = [visit(browser, address, effect) for _ in range(num_visitors)]
        time.sleep(WARM_UP_S)
        decoded = [page.evaluate(DECODED) for page in pages]
        for page in pages:
            page.evaluate(READ)
        cpu_s, began = sum(server.cpu_times()[:2]), time.perf_counter()
        time.sleep(seconds)
        elapsed_s = time.perf_counter() - began
        cpu_s = sum(server.cpu_times()[:2]) - cpu_s
        frames = [
            page.evaluate(DECODED) - before for page, before in zip(pages, decoded, strict=True)
        ]
        seen = [page.evaluate("() => window.seen") for page in pages]
        told = [page.inner_text("#n-trip") for page in pages]
    trips = [sorted(round_trips(one["before"], one["after"])) for one in seen]
    return {
        "visitors": num_visitors,
        "effect": effect,
        "seconds": round(elapsed_s, 1),
        "fps": [round(num / elapsed_s, 1) for num in frames],
        "round_trip_p50_ms": [round(statistics.median(one)) for one in trips],
        "round_trip_p95_ms": [round(one[int(len(one) * 0.95)]) for one in trips],
        "frames_read": [len(one) for one in trips],
        "page_says_ms": [int(text) if text.isdigit() else None for text in told],
        "server_cores": round(cpu_s / elapsed_s, 2),
    }


def start_browser(stack: ExitStack, camera: Path) -> Browser:
    """Start a Chromium whose camera shows the clip."""
    program = next(filter(None, map(shutil.which, BROWSERS)))
    arguments = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ]
    playwright = stack.enter_context(sync_playwright())
    browser = playwright.chromium.launch(executable_path=program, args=arguments)
    stack.callback(browser.close)
    return browser


def start_server(stack: ExitStack) -> tuple[psutil.Process, str]:
    """Start the page in a process of its own; returns it and the page's address."""
    command = [sys.executable, "run.py", "serve", "--port", "0"]
    process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    stack.callback(process.terminate)
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.match(r"open (\S+)", line):
            # what it says later is read, so that it never waits for us
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return psutil.Process(process.pid), found[1]
    raise SystemExit("the server did not start")


def visit(browser: Any, address: str, effect: str) -> Any:
    """Open the page and its camera, both pictures shown."""
    page = browser.new_context().new_page()
    page.add_init_script(KEEP_CONNECTION)
    page.goto(address)
    page.check(f"input[name=effect][value={effect}]", force=True)
    page.click("#start")
    page.wait_for_selector("#status.live")
    page.click("#compare")
    return page


def round_trips(before: list[list[float]], after: list[list[float]]) -> list[float]:
    """Return for each frame that came back how long that took, in milliseconds.

    Numbers begin again after `NUM_FRAMES`; a frame was sent the last time its number was shown.
    """
    trips = []
    for number, shown_ms in after:
        sent = [at_ms for other, at_ms in before if other == number and at_ms <= shown_ms]
        if sent:
            trips.append(shown_ms - sent[-1])
    return [trip for trip in trips if trip < NUM_FRAMES / FPS * 500]


if __name__ == "__main__":
    run_command(main)
