"""Names of photos in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.errors import StreamError
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.photo_names import PhotoNames
from stream.sinks.photos import PhotoFile, PhotoFolder
from tests.inputs.photo_files import names
from tests.stand_ins.fakes import output_of

RGB = np.zeros((6, 8, 3), np.uint8)


def written(folder: Path, given: list[str], **options: object) -> list[str]:
    with PhotoFolder(folder, SinkOptions(**options)) as sink:
        for index, name in enumerate(given):
            sink.write(output_of(RGB + index, index, 0.0, name))
        sink.finish(cut_short=False)
    return names(folder)


@pytest.mark.parametrize("overwrite", [False, True])
def test_none_replaces_another(tmp_path, overwrite):
    given = ["a_000002.png", "a.png", "a.png", "A.jpg", "a.jpg", "a_000004.png"]
    found = written(tmp_path / "out", given, overwrite=overwrite)
    assert len(found) == len(given)
    assert len({name.casefold() for name in found}) == len(given), "also on disks without case"
    shades = {int(cv2.imread(str(tmp_path / "out" / name))[0, 0, 0]) for name in found}
    assert shades == set(range(len(given)))


@pytest.mark.parametrize("letter", ["x", "ä", "猫"])
def test_names_as_long_as_they_may_be(tmp_path, letter):
    stem = letter * (255 // len(os.fsencode(letter)))
    found = written(tmp_path / "out", [stem, f"{stem[:-5]}.jpg", stem])
    assert len(found) == 3
    assert all(name.endswith(".png") and len(os.fsencode(name)) <= 255 for name in found)


def test_one_file_of_a_name_as_long_as_it_may_be(tmp_path):
    path = tmp_path / f"{'x' * 251}.png"
    with PhotoFile(path, SinkOptions()) as sink:
        sink.write(output_of(RGB))
        sink.finish(cut_short=False)
    assert names(tmp_path) == [path.name]
    with pytest.raises(StreamError, match="cannot be written"):
        PhotoFile(tmp_path / f"{'x' * 252}.png", SinkOptions())


def test_each_of_many_costs_as_much_as_one_of_few(tmp_path, monkeypatch):
    looks = [0]
    stat = Path.stat

    def counted(self: Path, **more: bool) -> os.stat_result:
        looks[0] += 1
        return stat(self, **more)

    monkeypatch.setattr(Path, "stat", counted)
    costs = []
    for num in (5, 200):
        inputs = [tmp_path / f"{index}.jpg" for index in range(num)]
        for path in inputs:
            path.touch()
        for _ in range(2):  # the second time all are there
            folder = tmp_path / f"out{num}"
            with PhotoFolder(folder, SinkOptions(overwrite=True, input_paths=inputs)) as sink:
                looks[0] = 0
                for index in range(5):
                    sink.write(output_of(RGB, index, 0.0, f"{index}.jpg"))
                costs.append(looks[0])
                sink.finish(cut_short=False)
    assert costs[0] == costs[2]
    assert costs[1] == costs[3]


def test_of_a_stream_without_an_end_no_name_is_remembered():
    def num_held() -> int:
        held = vars(names).values()
        return sum(len(each) for each in held if isinstance(each, set | dict | list))

    names = PhotoNames(4)
    given = {names.name(output_of(RGB, index).frame) for index in range(300)}
    assert (len(given), num_held()) == (300, 0)
    given = {names.name(output_of(RGB, index, 0.0, "a.jpg").frame) for index in range(300)}
    assert len(given) == num_held() == 300
