"""Where real test data lies, for every test that can use it."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.sources.demo import FPS, HEIGHT, WIDTH, Demo
from tests.ffmpeg_reference import ffmpeg
from tests.folders import ROOT, SHARED
from tests.memory import give_memory_back
from tests.recipes import Recipes
from tests.session_folder import SessionFolder

# TensorFlow's own allocator for oneDNN never gives anything back
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "true")

# tests run in the background ignore these, as would every program that they start and end
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

# its OpenSSL crashes where TensorFlow's symbols are there first
with contextlib.suppress(ImportError):
    import pylibsrtp  # noqa: F401


def pytest_addoption(parser: pytest.Parser) -> None:
    """See `tests.golden.reference`."""
    parser.addoption(
        "--both-photos",
        action="store_true",
        help="compare all networks with the originals on the photo beside the checkout as well",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with long tests come first: at the end no worker waits for another.

    Among them, and among the others, those that compute and those that wait for windows, pages and
    programs take turns: while one worker waits another has the processor.
    """
    if not config.getoption("--both-photos"):
        more = [item for item in items if item.get_closest_marker("both_photos")]
        items[:] = [item for item in items if item not in more]
        config.hook.pytest_deselected(items=more)
    long_files = {item.path for item in items if item.get_closest_marker("long")}
    kinds: dict[tuple[bool, bool], dict[Path, None]] = {}
    for path in dict.fromkeys(item.path for item in items):
        kinds.setdefault((path not in long_files, _computes(path)), {})[path] = None
    places = {
        path: (is_short, (index + 0.5) / len(files))
        for (is_short, _), files in kinds.items()
        for index, path in enumerate(files)
    }
    items.sort(key=lambda item: places[item.path])


def _computes(path: Path) -> bool:
    return path.relative_to(ROOT / "tests").parts[0] in ("contracts", "segmentation")


@pytest.fixture(scope="module", autouse=True)
def memory_given_back() -> Iterator[None]:
    """What a file's networks took is free before the next file begins."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session(free_memory=False)
    give_memory_back()
    # to look through all that was imported takes half a second, and never finds anything
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real clips and photos; skips where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the project's test data in {folder.name}/ beside the checkout")
    return folder


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> SessionFolder:
    """What all workers of this session share."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return SessionFolder(shared / "shared")


@pytest.fixture(scope="session")
def demo_clip(session: SessionFolder) -> Path:
    """Sixteen seconds of a portrait in motion with a tone, 640x480; skips without scikit-image."""
    pytest.importorskip("skimage", reason="scikit-image carries the portrait")
    return session.made("demo_clip.mp4", _write_demo_clip)


def _write_demo_clip(path: Path) -> None:
    once = path.with_suffix(".mkv")
    with Demo() as demo:
        frames = b"".join(frame.image.tobytes() for frame in demo)
    raw = ("-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{WIDTH}x{HEIGHT}")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    ffmpeg(*raw, "-framerate", str(FPS), "-i", "-", *coded, once, data=frames)
    tone = ("-f", "lavfi", "-i", "sine=duration=16")
    ffmpeg("-stream_loop", "1", "-i", once, *tone, "-c:v", "copy", "-c:a", "aac", path)
    once.unlink()


@pytest.fixture(scope="session")
def recipes(session: SessionFolder) -> Recipes:
    """Weights as published files have them, the same on every machine, and their exports."""
    return Recipes(session)


@pytest.fixture(scope="session")
def mask_rcnn_weights(recipes: Recipes) -> Path:
    """Weights as Matterport published them."""
    pytest.importorskip("h5py")
    return recipes.weights("matterport")
