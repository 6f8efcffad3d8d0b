"""What is wrong with somebody's data stops a training before it touches anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("keras")
pytest.importorskip("tensorflow", reason="Keras trains through it here")

import run
from tests.inputs.annotated_photos import write_coco, write_via


def edited(change: Callable[[Any], None]) -> Callable[[Path], None]:
    """Return what changes the annotations of a folder."""

    def edit(folder: Path) -> None:
        file = folder / "annotations.json"
        document = json.loads(file.read_text())
        change(document)
        file.write_text(json.dumps(document))

    return edit


def first(document: Any) -> Any:
    return document["annotations"][0]


AWAY = [[900, 900, 950, 900, 950, 950]]
SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing image": (lambda f: (f / "images" / "1.png").unlink(), "there is no photo '1.png'"),
    "cut off image": (lambda f: (f / "images" / "1.png").write_bytes(b"\x89PNG"), "not a picture"),
    "empty polygon": (edited(lambda d: first(d).update(segmentation=[[]])), "polygon is empty"),
    "polygon outside": (edited(lambda d: first(d).update(segmentation=AWAY)), "lies outside"),
    "another size": (edited(lambda d: d["images"][0].update(width=77)), "annotated at 77x120"),
    "unknown category": (edited(lambda d: first(d).update(category_id=5)), "no category with"),
    "id twice": (edited(lambda d: first(d).update(id=1)), "'annotations' have the id 1"),
    "wrong JSON": (lambda f: (f / "annotations.json").write_text("{"), "not JSON"),
    "mixed formats": (write_via, "formats are mixed in it"),
    "one photo": (
        edited(lambda d: d.update(images=d["images"][:1], annotations=d["annotations"][:2])),
        "no photos are left to validate with",
    ),
    "nothing there": (lambda f: f.rename(f.with_name("other")), "no such file or folder"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_nothing_is_trained_and_nothing_overwritten(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, message = SPOILT[name]
    spoil(write_coco(tmp_path / "data", 3).absolute())
    earlier = tmp_path / "run" / "best.h5"
    earlier.parent.mkdir()
    earlier.write_text("of an earlier run")
    arguments = ["--data", str(tmp_path / "data"), "--strict", "--weights", "none", "--size", "64"]
    assert run.main(["train", "mask-rcnn", *arguments, "--run", str(earlier.parent)]) == 1
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
    assert "(DataError" not in told
    assert [path.name for path in earlier.parent.iterdir()] == ["best.h5"]
    assert earlier.read_text() == "of an earlier run"
    assert run.main(["train", "mask-rcnn", *arguments, "--run", str(tmp_path / "fresh")]) == 1
    assert not (tmp_path / "fresh").exists()


def test_everything_wrong_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_coco(tmp_path / "data", 3)
    together = ["missing image", "empty polygon", "unknown category"]
    (folder / "images" / "1.png").unlink()
    edited(lambda d: first(d).update(segmentation=[[]]))(folder)
    edited(lambda d: d["annotations"][4].update(category_id=5))(folder)
    arguments = ["--data", str(folder), "--strict", "--weights", "none"]
    arguments += ["--run", str(tmp_path / "run")]
    assert run.main(["train", "mask-rcnn", *arguments]) == 1
    head, *lines = capsys.readouterr().err.splitlines()
    assert head == f"error: {folder / 'annotations.json'}: 3 problems"
    assert len(lines) == 3
    for name in together:
        assert sum(SPOILT[name][1] in line for line in lines) == 1
