"""Exports on disk: when one is made anew, and when not."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segmentation.errors import WeightsError
from segmentation.runtime import export_cache
from segmentation.runtime.export_cache import MAX_EXPORTS, Origin, cached_export, checksum, sources
from segmentation.unfinished import Unfinished, discard_if_left
from tests.folders import ROOT
from tests.import_graph import import_graph

GRAPH = import_graph(ROOT)
EXPORTING = sorted(
    Path(name).parent.name
    for name, imported in GRAPH.items()
    if name.endswith("/segmenter.py") and "segmentation/runtime/compiling.py" in imported
)


def needed(name: str) -> set[str]:
    """Return a file and all that it imports, and that these import, and so on."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += GRAPH[name]
    return found


def families_of(family: str) -> tuple[str, ...]:
    """Return the folders that a family says its network is built in."""
    pytest.importorskip("keras")
    told: tuple[str, ...] = importlib.import_module(f"segmentation.{family}.segmenter").FAMILIES
    return told


def test_all_families_that_are_exported_are_looked_at():
    assert EXPORTING == ["centermask", "mask_rcnn", "person", "rf_detr", "rvm", "yolact"]


@pytest.mark.parametrize("family", EXPORTING)
def test_no_file_that_a_network_is_made_with_is_forgotten(family):
    hashed = {path.relative_to(ROOT).as_posix() for path in sources(families_of(family))}
    files = needed(f"segmentation/{family}/segmenter.py")
    assert files <= hashed
    for folder in families_of(family):
        assert any(name.startswith(f"segmentation/{folder}/") for name in files), folder


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A copy of the package's code, of which the exports are."""
    copy = tmp_path / "segmentation"
    weights = shutil.ignore_patterns("*.bin", "*.npz", "*.xml", "__pycache__")
    shutil.copytree(ROOT / "segmentation", copy, ignore=weights)
    monkeypatch.setattr(export_cache, "PACKAGE", copy)
    return copy


@pytest.mark.parametrize("family", EXPORTING)
def test_what_is_changed_decides_whether_an_export_is_stale(family, package):
    families = families_of(family)
    before = checksum(families)
    changing = set()
    for path in sorted(package.rglob("*.py")):
        code = path.read_bytes()
        path.write_bytes(code + b"# a comment\n")
        if checksum(families) != before:
            changing.add(path.relative_to(package.parent).as_posix())
        path.write_bytes(code)
    assert checksum(families) == before
    assert needed(f"segmentation/{family}/segmenter.py") <= changing
    rooms = {name.split("/")[1] for name in changing if name.count("/") > 1}
    assert rooms == {*families, "parts", "runtime", "weights"}
    assert "segmentation/loading.py" not in changing


def test_names_of_files_count(package):
    before = checksum(["yolact"])
    (package / "yolact" / "network.py").rename(package / "yolact" / "net.py")
    assert checksum(["yolact"]) != before


@pytest.fixture
def weights(tmp_path) -> Path:
    path = tmp_path / "weights.h5"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def export(tmp_path, weights) -> Callable[..., Path]:
    """Export as the cache wants it; `made` of it counts."""

    def exported(settings: str = "yolact 550", origin: Path = weights) -> Path:
        def make(target: Path) -> None:
            exported.made += 1  # type: ignore[attr-defined]
            target.write_text(settings)

        return cached_export(tmp_path / "compiled", Origin(origin, settings, ["yolact"]), make)

    exported.made = 0  # type: ignore[attr-defined]
    return exported


def test_an_export_is_made_once(export):
    assert export() == export()
    assert export.made == 1


def test_another_program_makes_it_anew(export, package):
    first = export()
    (package / "data" / "dataset.py").write_text("# another\n")
    assert export() == first
    with (package / "parts" / "boxes.py").open("a") as file:
        file.write("# another\n")
    assert export() != first
    assert export.made == 2


def test_other_settings_and_another_file_make_it_anew(export, weights):
    assert export().read_text() == "yolact 550"
    assert export("yolact 320").read_text() == "yolact 320"
    os.utime(weights, ns=(0, 0))
    export()
    assert export.made == 3


def test_those_used_last_are_kept(export):
    first = export()
    for size in range(MAX_EXPORTS):
        os.utime(export(f"yolact {size}").parent, (size, size))
        assert export() == first
    assert export.made == MAX_EXPORTS + 1
    assert len(list(first.parents[1].iterdir())) == MAX_EXPORTS
    export("yolact 0")
    assert export.made == MAX_EXPORTS + 2


def test_nothing_is_left_of_an_export_that_failed(export, tmp_path, weights):
    def fail(target: Path) -> None:
        target.write_text("half")
        raise ValueError("size")

    with pytest.raises(ValueError, match="size"):
        cached_export(tmp_path / "compiled", Origin(weights, "yolact 550", ["yolact"]), fail)
    assert list((tmp_path / "compiled").iterdir()) == []
    assert export().read_text() == "yolact 550"


def test_of_two_programs_at_once_one_exports_and_the_other_waits(export, tmp_path, weights):
    origin, waiting, found = Origin(weights, "yolact 550", ["yolact"]), threading.Event(), []

    def never(target: Path) -> None:
        raise AssertionError("it is exported twice")

    def wait_for_it() -> None:
        found.append(cached_export(tmp_path / "compiled", origin, never, waiting.set))

    other = threading.Thread(target=wait_for_it)

    def make(target: Path) -> None:
        other.start()
        assert waiting.wait(60)
        target.write_text("made")

    model = cached_export(tmp_path / "compiled", origin, make, never)
    other.join(60)
    assert found == [model]
    assert list((tmp_path / "compiled").iterdir()) == [model.parent]


def test_where_nothing_can_be_held_the_faster_program_counts(
    export, tmp_path, weights, monkeypatch
):
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    def slowly(target: Path) -> None:
        export()
        target.write_text("slower")

    monkeypatch.setattr("fcntl.flock", refuse)
    model = cached_export(tmp_path / "compiled", Origin(weights, "yolact 550", ["yolact"]), slowly)
    assert model.read_text() == "yolact 550"
    assert list((tmp_path / "compiled").iterdir()) == [model.parent]


def test_what_another_program_deletes_meanwhile_is_no_error(export, monkeypatch):
    models = [export(f"yolact {size}") for size in range(MAX_EXPORTS + 1)]
    stat, exists = Path.stat, Path.exists
    gone = models[1].parent

    def vanishing(path: Path, **how: Any) -> Any:
        if path == gone and gone.name in os.listdir(gone.parent):
            shutil.rmtree(gone)
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", vanishing)
    export("yolact 550")
    assert not exists(gone)


def test_an_export_is_taken_from_a_folder_that_is_not_ones_own(export, monkeypatch):
    first = export()

    def refuse(*arguments: object, **how: object) -> None:
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    assert export() == first


def test_what_killed_programs_left_is_deleted_before_the_next_export(export, tmp_path):
    first = export()
    left, in_use = (Unfinished(tmp_path / "compiled" / name) for name in ("ab", "cd"))
    for each in (left, in_use):
        each.hold_folder()
        (each.path / "network.bin").write_bytes(b"half")
    left.release()
    assert export() == first
    export("yolact 320")
    assert in_use.path.exists()
    assert not left.path.exists()
    in_use.release()


def test_what_is_made_is_held(tmp_path, weights):
    def make(target: Path) -> None:
        discard_if_left(target.parent)
        target.write_text("whole")

    origin = Origin(weights, "yolact 550", ["yolact"])
    assert cached_export(tmp_path / "compiled", origin, make).read_text() == "whole"


def test_half_an_export_is_made_anew(export):
    first = export()
    first.unlink()
    (first.parent / "network.bin").write_bytes(b"weights")
    assert export() == first
    assert list(first.parent.iterdir()) == [first]


def test_a_folder_that_cannot_be_written_to(tmp_path, weights):
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match=r"file/compiled: cannot be written to"):
        cached_export(tmp_path / "file" / "compiled", Origin(weights, "a", []), lambda path: None)
