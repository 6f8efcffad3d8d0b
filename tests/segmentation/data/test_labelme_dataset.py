"""Files of LabelMe, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.inputs.annotated_photos import edit, labelme_document, problems, write_labelme


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["shapes"][0].update(label=""), "shape 1: has no label"),
        (lambda d: d["shapes"][0].update(shape_type="line"), "shape 1 (ball): a line has no area"),
        (lambda d: d["shapes"][0].update(points=[[1, 2]]), "has 1 points, not 2"),
        (lambda d: d["shapes"][1].update(shape_type="polygon"), "fewer than 3 different corners"),
        (
            lambda d: d["shapes"][1].update(points=[["a", "b"]]),
            "shape 2 (crate): the points are not a list",
        ),
        (lambda d: d["shapes"][1].update(shape_type="mask", mask="?"), "the mask is damaged"),
        (lambda d: d.update(imagePath="gone.png"), "there is no photo 'gone.png'"),
        (lambda d: d.update(imageWidth=400), "annotated at 400x120"),
        (lambda d: d.update(shapes={}), "'shapes' is not a list of shapes"),
        (lambda d: d["shapes"].clear(), "no photo has a shape"),
    ],
)
def test_labelme_tells_what_is_wrong(
    change: Callable[[Any], None], message: str, tmp_path: Path
) -> None:
    write_labelme(tmp_path)
    edit(tmp_path / "0.json", change)
    assert message in problems(tmp_path)


def test_labelme_files_share_no_photo(tmp_path: Path) -> None:
    write_labelme(tmp_path)
    (tmp_path / "copy.json").write_text(json.dumps(labelme_document("0.png")))
    assert "is already that of" in problems(tmp_path)
