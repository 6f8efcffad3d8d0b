"""What was found, as COCO's results."""

from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from segmentation.coco import CATEGORIES
from segmentation.instances import Instances
from stream.errors import StreamError
from stream.frame import Output, OutputInfo, StreamInfo
from stream.sinks.instances.results import InstancesJSON
from stream.sinks.parts.options import SinkOptions
from tests.stand_ins.fakes import discs, output_of

SIZE_HW = (45, 71)
IMAGE = np.zeros((*SIZE_HW, 3), np.uint8)
DISCS = discs(SIZE_HW)
PHOTOS = OutputInfo(StreamInfo(71, 45, None), categories=CATEGORIES)
VIDEO = OutputInfo(StreamInfo(71, 45, Fraction(25)), categories=CATEGORIES)
LIVE = replace(VIDEO, stream=replace(VIDEO.stream, live=True))


def output(
    index: int = 0,
    name: str | None = None,
    instances: Instances | None = DISCS,
) -> Output:
    return output_of(IMAGE, index, index / 25, name, instances=instances)


def written(path: Path, info: OutputInfo, *outputs: Output, polygons: bool = False) -> str:
    with InstancesJSON(path, info, SinkOptions(polygons=polygons)) as sink:
        for each in outputs:
            sink.write(each)
        assert sink.poll() == []
        sink.finish(cut_short=False)
    return path.read_text()


def as_truth(results: list[dict], names: dict[int, str]) -> COCO:
    """Return a ground truth of which `results` are all there is to find."""
    truth = COCO()
    truth.dataset = {
        "images": [
            {"id": number, "file_name": name, "height": SIZE_HW[0], "width": SIZE_HW[1]}
            for number, name in names.items()
        ],
        "categories": [{"id": number, "name": name} for number, name in CATEGORIES],
        "annotations": [
            {
                "id": k + 1,
                "iscrowd": 0,
                "area": float(coco_mask.area(each["segmentation"])),
                **{key: each[key] for key in ("image_id", "category_id", "bbox", "segmentation")},
            }
            for k, each in enumerate(results)
        ],
    }
    truth.createIndex()
    return truth


@pytest.mark.parametrize("polygons", [False, True])
def test_pycocotools_loads_the_file_and_finds_every_object(tmp_path, polygons):
    outputs = [output(0, "000000005001.jpg"), output(1, "000000010764.jpg")]
    rle = json.loads(written(tmp_path / "rle.json", PHOTOS, *outputs))
    truth = as_truth(rle, {5001: "000000005001.jpg", 10764: "000000010764.jpg"})
    path = tmp_path / "out.json"
    written(path, PHOTOS, *outputs, polygons=polygons)
    results = truth.loadRes(str(path))
    assert len(results.anns) == 6
    for number, each in results.anns.items():
        assert (results.annToMask(each) == truth.annToMask(truth.anns[number])).all()
    for kind in ("bbox", "segm"):
        evaluation = COCOeval(truth, results, kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        assert evaluation.stats[0] == pytest.approx(1.0)


def test_record_says_what_was_found_where(tmp_path):
    first, second, _ = json.loads(written(tmp_path / "out.json", PHOTOS, output(4, "dog.jpg")))
    segmentation = first.pop("segmentation")
    x, y, radius = 71 / 4, 45 / 2, 45 / 2.2
    assert first == {
        "image_id": 4,
        "file_name": "dog.jpg",
        "category_id": 1,
        "category_name": "person",
        "bbox": pytest.approx([x - radius, y - radius, 2 * radius, 2 * radius], abs=0.006),
        "score": pytest.approx(0.98, abs=1e-6),
    }
    assert segmentation["size"] == [45, 71]
    assert (second["category_id"], second["category_name"]) == (2, "bicycle")


def test_category_is_that_of_the_label_and_not_the_label(tmp_path):
    instances = discs(SIZE_HW, 1)
    instances.labels[0] = 79
    (record,) = json.loads(written(tmp_path / "out.json", PHOTOS, output(instances=instances)))
    assert (record["category_id"], record["category_name"]) == (90, "toothbrush")


def test_smaller_image_of_the_network_is_scaled_to_the_frame(tmp_path):
    seen = discs((15, 22), 1)
    (record,) = json.loads(written(tmp_path / "out.json", PHOTOS, output(instances=seen)))
    decoded = coco_mask.decode(record["segmentation"])
    assert (decoded == (seen.scaled_to(SIZE_HW).masks[0] >= 128)).all()
    x1, y1, x2, y2 = seen.boxes[0] * ([71 / 22, 45 / 15] * 2)
    assert record["bbox"] == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=0.006)


def test_frames_of_a_video_have_index_and_time(tmp_path):
    tracked = discs(SIZE_HW, 2, tracked=True)
    records = json.loads(
        written(tmp_path / "out.json", VIDEO, output(3, instances=tracked), output(5))
    )
    assert [each["image_id"] for each in records] == [3, 3, 5, 5, 5]
    assert [each["time_s"] for each in records] == [0.12, 0.12, 0.2, 0.2, 0.2]
    assert [each.get("track_id") for each in records] == [5, 6, None, None, None]
    assert not any("file_name" in each for each in records)


def test_photo_is_numbered_by_its_name_or_else_its_place(tmp_path):
    names = ["000000397133.jpg", "cat.jpg", "2.jpg", "dog.png", "5.jpg", "5.png", "²7.jpg", "1.jpg"]
    one = discs(SIZE_HW, 1)
    outputs = [output(index, name, one) for index, name in enumerate(names)]
    records = json.loads(written(tmp_path / "out.json", PHOTOS, *outputs))
    assert [each["file_name"] for each in records] == names
    assert [each["image_id"] for each in records] == [397133, 1, 2, 3, 5, -6, 6, -8]


def coco_file(path: Path, rows: list[tuple[object, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"file_name": name, "id": number} for name, number in rows]
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    return path


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("photos", "photos/annotations.json"),
        ("photos", "photos/annotations/instances_default.json"),
        ("images", "annotations.json"),
        ("images", "annotations/instances_default.json"),
        ("val2017", "annotations/instances_val2017.json"),
    ],
)
def test_a_photo_has_the_number_of_a_coco_file_beside_it(tmp_path, folder, file):
    rows = [("sub/cat.jpg", 3.0), ("7.jpg", 12), ("twice.jpg", 20), ("twice.jpg", 21)]
    coco_file(tmp_path / file, [*rows, ("dog.jpg", "x"), (None, 5), ("ox.jpg", 10**400)])
    names = ["dog.jpg", "8.jpg", "cat.jpg", "7.jpg", "twice.jpg", "12.jpg", "ox.jpg"]
    one = discs(SIZE_HW, 1)
    outputs = [output(index, name, one) for index, name in enumerate(names)]
    for each, name in zip(outputs, names, strict=True):
        path = tmp_path / folder / name
        outputs[each.frame.index] = replace(each, frame=replace(each.frame, path=path))
    records = json.loads(written(tmp_path / "out.json", PHOTOS, *outputs))
    assert [each["image_id"] for each in records] == [0, 8, 3, 12, 4, -6, 10**400]


@pytest.mark.parametrize("file", ["annotations.json", "annotations/instances_train2017.json"])
def test_a_coco_file_of_other_photos_says_nothing(tmp_path, file):
    coco_file(tmp_path / file, [("cat.jpg", 3)])
    (tmp_path / "val2017").mkdir()
    (tmp_path / "val2017" / "results.json").write_text("[]")
    (tmp_path / "val2017" / "broken.json").write_text("{")
    first = output(0, "cat.jpg", discs(SIZE_HW, 1))
    first = replace(first, frame=replace(first.frame, path=tmp_path / "val2017" / "cat.jpg"))
    (record,) = json.loads(written(tmp_path / "out.json", PHOTOS, first))
    assert record["image_id"] == 0


def test_lines_tell_nothing_found_from_no_mask_known(tmp_path):
    nothing = Instances.empty(SIZE_HW)
    outputs = [output(0), output(1, instances=nothing), output(2, instances=None)]
    lines = written(tmp_path / "out.jsonl", VIDEO, *outputs).splitlines()
    first, second, third = map(json.loads, lines)
    assert [each["category_id"] for each in first.pop("instances")] == [1, 2, 3]
    assert first == {"image_id": 0, "time_s": 0.0}
    assert second == {"image_id": 1, "time_s": 0.04, "instances": []}
    assert third == {"image_id": 2, "time_s": 0.08, "instances": None}
    assert json.loads(written(tmp_path / "out.json", VIDEO, *outputs[1:])) == []


def test_lines_and_list_hold_the_same(tmp_path):
    outputs = [output(0, "a.jpg"), output(1, "b.jpg")]
    records = json.loads(written(tmp_path / "out.json", PHOTOS, *outputs))
    flat = []
    for line in written(tmp_path / "out.jsonl", PHOTOS, *outputs).splitlines():
        keys = json.loads(line)
        flat += [{**keys, **each} for each in keys.pop("instances")]
    assert flat == records


def test_no_frame_at_all_gives_an_empty_document(tmp_path):
    assert json.loads(written(tmp_path / "out.json", VIDEO)) == []
    assert written(tmp_path / "out.jsonl", VIDEO) == ""


def test_instance_without_a_pixel_is_still_readable(tmp_path):
    instances = discs(SIZE_HW, 1)
    instances.masks[:] = 100
    text = written(tmp_path / "out.json", PHOTOS, output(instances=instances), polygons=True)
    (record,) = json.loads(text)
    assert not coco_mask.decode(record["segmentation"]).any()
    assert coco_mask.decode(record["segmentation"]).shape == SIZE_HW


@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_frames_go_to_the_disk_as_they_come(tmp_path, name):
    with InstancesJSON(tmp_path / name, VIDEO, SinkOptions()) as sink:
        sizes = []
        for index in range(300):
            sink.write(output(index))
            (part,) = tmp_path.iterdir()
            sizes.append(part.stat().st_size)
    assert sizes[99] < sizes[199] < sizes[299]


def test_file_appears_only_when_finished(tmp_path):
    with InstancesJSON(tmp_path / "out.json", VIDEO, SinkOptions()) as sink:
        sink.write(output())
        assert not (tmp_path / "out.json").exists()
    assert list(tmp_path.iterdir()) == []
    written(tmp_path / "out.json", VIDEO, output())
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_existing_and_input_files_are_safe(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("mine")
    with pytest.raises(StreamError, match="exists"):
        InstancesJSON(path, VIDEO, SinkOptions())
    os.link(path, tmp_path / "same.json")
    with pytest.raises(StreamError, match="is the input"):
        InstancesJSON(
            tmp_path / "same.json", VIDEO, SinkOptions(overwrite=True, input_paths=[path])
        )
    with pytest.raises(StreamError, match="there is no folder"):
        InstancesJSON(tmp_path / "missing" / "out.json", VIDEO, SinkOptions())
    assert path.read_text() == "mine"
    with InstancesJSON(path, VIDEO, SinkOptions(overwrite=True)) as sink:
        sink.write(output())
        assert path.read_text() == "mine"
        sink.finish(cut_short=True)
    assert len(json.loads(path.read_text())) == 3


def test_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(StreamError, match=r"out\.jsonl: cannot be written"):
            written(tmp_path / "out.jsonl", VIDEO, *map(output, range(100)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_a_recording_is_kept_where_the_disk_is_full(tmp_path, name):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(StreamError) as error:
            written(tmp_path / name, LIVE, *map(output, range(100)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    text = (tmp_path / name).read_text()
    num = len(json.loads(text) if name == "out.json" else list(map(json.loads, text.splitlines())))
    assert num > 3
    assert f"{name}: cannot be written (" in str(error.value)
    assert str(error.value).endswith(f"; the first {num} lines are kept")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_each_line_of_a_recording_is_there_at_once_and_kept_under_a_free_name(tmp_path):
    (tmp_path / "out.jsonl").write_text("mine")
    told: list[str] = []
    options = SinkOptions(overwrite=True, on_message=told.append)
    with InstancesJSON(tmp_path / "out.jsonl", LIVE, options) as sink:
        for index in range(3):
            sink.write(output(index))
            (part,) = tmp_path.glob(".out*")
            lines = map(json.loads, part.read_text().splitlines())
            assert [line["image_id"] for line in lines] == [*range(index + 1)]
    assert told == [
        f"{tmp_path}/out.jsonl: not finished; the first 3 lines are kept as out-2.jsonl"
    ]
    assert (tmp_path / "out.jsonl").read_text() == "mine"
    assert len((tmp_path / "out-2.jsonl").read_text().splitlines()) == 3


def test_missing_pycocotools_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(StreamError, match="-m pip install pycocotools"):
        InstancesJSON(tmp_path / "out.json", VIDEO, SinkOptions())
