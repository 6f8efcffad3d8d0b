"""One black and white PNG for each instance."""

from __future__ import annotations

import json
import os

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from segmentation.coco import CATEGORIES
from segmentation.instances import Instances
from stream.errors import StreamError
from stream.frame import Output, OutputInfo, StreamInfo
from stream.sinks.instances.mask_photos import InstancePhotos
from stream.sinks.instances.results import InstancesJSON
from stream.sinks.parts.options import SinkOptions
from tests.stand_ins.fakes import discs, output_of

IMAGE = np.zeros((45, 71, 3), np.uint8)
DISCS = discs((45, 71))
INFO = OutputInfo(StreamInfo(71, 45, None), categories=CATEGORIES)


def output(
    index: int = 0,
    name: str | None = None,
    instances: Instances | None = DISCS,
    image: np.ndarray = IMAGE,
) -> Output:
    return output_of(image, index, 0.0, name, instances=instances)


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("polygons", [False, True])
@pytest.mark.parametrize("seen_hw", [(45, 71), (15, 22), (90, 142), (1, 1)])
def test_png_equals_the_json_of_the_same_instance(tmp_path, seen_hw, polygons):
    one = output(0, "dog.jpg", discs(seen_hw))
    folder, path = tmp_path / "masks", tmp_path / "out.json"
    with (
        InstancePhotos(folder, INFO, SinkOptions()) as photos,
        InstancesJSON(path, INFO, SinkOptions(polygons=polygons)) as document,
    ):
        for sink in (photos, document):
            sink.write(one)
            assert sink.poll() == []
            sink.finish(cut_short=False)
    records = json.loads(path.read_text())
    assert len(records) == len(names(folder)) == 3
    for name, record in zip(names(folder), records, strict=True):
        image = cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED)
        assert image.shape == (45, 71)
        assert image.dtype == np.uint8
        segmentation = record["segmentation"]
        if isinstance(segmentation, list):
            segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, 45, 71))
        assert (image == coco_mask.decode(segmentation) * 255).all()
        assert seen_hw == (1, 1) or set(np.unique(image)) == {0, 255}


def test_names_tell_photo_rank_class_and_score(tmp_path):
    instances = discs((45, 71), 4)
    instances.labels[:] = [0, 9, 0, 2]
    instances.scores[:] = [0.984, 0.75, 0.7449, 0.7]
    with InstancePhotos(tmp_path / "out", INFO, SinkOptions()) as sink:
        sink.write(output(7, None, instances[:2]))
        sink.write(output(8, "dog.jpg", instances))
        sink.write(output(9, "dog.png", instances[:1]))
        sink.finish(cut_short=False)
    assert names(tmp_path / "out") == [
        "000007_0-person-0.98.png",
        "000007_1-traffic_light-0.75.png",
        "dog_0-person-0.98.png",
        "dog_000009_0-person-0.98.png",
        "dog_1-traffic_light-0.75.png",
        "dog_2-person-0.74.png",
        "dog_3-car-0.70.png",
    ]


def test_class_names_cannot_lead_out_of_the_folder(tmp_path):
    hostile = ((1, "../../up"), (2, "a:b*c?"), (3, "fußgänger"))
    info = OutputInfo(INFO.stream, categories=hostile)
    with InstancePhotos(tmp_path / "out", info, SinkOptions()) as sink:
        sink.write(output(name="x.jpg"))
        sink.finish(cut_short=False)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == [
        "x_0-_up-0.98.png",
        "x_1-a_b_c_-0.87.png",
        "x_2-fußgänger-0.75.png",
    ]


def test_nothing_found_leaves_an_empty_folder(tmp_path):
    with InstancePhotos(tmp_path / "out", INFO, SinkOptions()) as sink:
        sink.write(output(0, "a.jpg", Instances.empty((45, 71))))
        sink.write(output(1, "b.jpg", None))
        sink.finish(cut_short=False)
    assert names(tmp_path / "out") == []


def test_photos_may_differ_in_size(tmp_path):
    with InstancePhotos(tmp_path / "out", INFO, SinkOptions()) as sink:
        sink.write(output(0, "a.jpg", discs((45, 71), 1)))
        sink.write(output(1, "b.jpg", discs((10, 9), 1), np.zeros((20, 19, 3), np.uint8)))
        sink.finish(cut_short=False)
    shapes = [
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape
        for path in sorted((tmp_path / "out").iterdir())
    ]
    assert shapes == [(45, 71), (20, 19)]


def test_files_appear_only_when_finished(tmp_path):
    with InstancePhotos(tmp_path / "new" / "out", INFO, SinkOptions()) as sink:
        sink.write(output())
        assert not [name for name in names(tmp_path / "new" / "out") if not name.startswith(".")]
    assert names(tmp_path) == [], "nor the folder that was made for it"
    (tmp_path / "mine").mkdir()
    with InstancePhotos(tmp_path / "mine", INFO, SinkOptions()) as sink:
        sink.write(output())
    assert names(tmp_path / "mine") == [], "a folder that was there stays"


def test_existing_and_input_files_are_safe(tmp_path):
    taken = tmp_path / "dog_0-person-0.98.png"
    taken.write_text("mine")
    with pytest.raises(StreamError, match="not empty"):
        InstancePhotos(tmp_path, INFO, SinkOptions())
    with pytest.raises(StreamError, match="cannot be a folder"):
        InstancePhotos(taken, INFO, SinkOptions(overwrite=True))
    os.link(taken, tmp_path / "input.png")
    with (
        InstancePhotos(
            tmp_path,
            INFO,
            SinkOptions(overwrite=True, input_paths=[tmp_path / "input.png"]),
        ) as sink,
        pytest.raises(StreamError, match="is the input"),
    ):
        sink.write(output(0, "dog.jpg"))
    assert taken.read_text() == "mine"
    with InstancePhotos(tmp_path, INFO, SinkOptions(overwrite=True)) as sink:
        sink.write(output(0, "dog.jpg"))
        assert taken.read_text() == "mine"
        sink.finish(cut_short=True)
    assert cv2.imread(str(taken), cv2.IMREAD_UNCHANGED).shape == (45, 71)
    assert (tmp_path / "input.png").read_text() == "mine"
