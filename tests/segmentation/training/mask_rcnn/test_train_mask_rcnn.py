"""Training of Mask R-CNN on drawn shapes: it learns, goes on after a kill, and its file is used."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("h5py")
pytest.importorskip("pycocotools")
if keras.backend.backend() != "tensorflow":
    pytest.skip("trained with TensorFlow here", allow_module_level=True)

import run  # noqa: E402
from segmentation.data import Photo  # noqa: E402
from segmentation.evaluation.average_precision import evaluate  # noqa: E402
from segmentation.instances import Instances  # noqa: E402
from segmentation.loading import load  # noqa: E402
from segmentation.mask_rcnn.config import MaskRCNNConfig  # noqa: E402
from segmentation.mask_rcnn.network import MaskRCNNParts, build_network  # noqa: E402
from segmentation.mask_rcnn.segmenter import MaskRCNN  # noqa: E402
from segmentation.segmenter import Options  # noqa: E402
from segmentation.training.mask_rcnn import images as training_images  # noqa: E402
from segmentation.training.mask_rcnn.graph import TrainingConfig, build_training  # noqa: E402
from segmentation.training.mask_rcnn.images import Steps, TrainingImages  # noqa: E402
from segmentation.training.mask_rcnn.start_weights import assign  # noqa: E402
from segmentation.training.mask_rcnn.train_mask_rcnn import train_mask_rcnn  # noqa: E402
from segmentation.training.mask_rcnn.trainable import Trainable, trainable  # noqa: E402
from segmentation.training.mask_rcnn.trainer import Settings  # noqa: E402
from segmentation.weights.hdf5_weights import load_tensors  # noqa: E402
from segmentation.weights.named_weights import named_weights  # noqa: E402
from segmentation.weights.trained_weights import read_description, save_trained  # noqa: E402
from tests.folders import ROOT  # noqa: E402
from tests.inputs.drawn_shapes import CLASSES, drawn_shapes  # noqa: E402

SIZE = 128
TRAINING = TrainingConfig(max_objects=8, num_anchors=64, num_proposals=60, num_regions=24)


def small_stages(pixels: object) -> list:
    """Four pairs of convolutions; the maps of strides 4, 8 and 16."""
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    maps = []
    for stage, channels in enumerate((16, 32, 64, 64)):
        for index in range(2):
            stride = 2 if index == 0 else 1
            name = f"res{stage}{index}"
            x = keras.layers.Conv2D(channels, 3, stride, padding="same", name=name)(x)
            x = keras.layers.BatchNormalization(momentum=0.9, name=f"bn{stage}{index}")(x)
            x = keras.layers.ReLU()(x)
        maps.append(x)
    return maps[1:]


def small_config(size: int, num_classes: int) -> MaskRCNNConfig:
    return MaskRCNNConfig(
        backbone=small_stages,
        size_hw=(size, size),
        num_classes=num_classes,
        strides=(4, 8, 16),
        anchor_scales_px=(24, 40, 64),
        anchor_ratios=(1.0,),
        pyramid_channels=32,
        rpn_channels=32,
        box_channels=64,
        mask_channels=32,
        num_mask_convs=2,
        canonical_px=64.0,
        num_candidates=300,
        num_proposals=40,
        num_detections=10,
    )


@pytest.mark.long
def test_learns_four_photos_by_heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_images, "augment", lambda rng, scene, *_, **__: scene)
    dataset = drawn_shapes(tmp_path, 4)
    keras.utils.set_random_seed(0)
    config = small_config(SIZE, len(CLASSES) + 1)
    model = build_training(MaskRCNNParts(config, num_images=2), TRAINING)
    rate = keras.optimizers.schedules.CosineDecay(0.0, 160, warmup_target=2e-3, warmup_steps=20)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=5.0), jit_compile=False)
    images = TrainingImages(dataset.photos, config, TRAINING)
    model.fit(Steps(images, 2, 0, 180), shuffle=False, verbose=0)

    network = build_network(config)
    assign(network, named_weights(model))
    segmenter = MaskRCNN(
        lambda *arrays: network.predict_on_batch(list(arrays)),
        size=SIZE,
        classes=CLASSES,
        min_score=0.05,
        device="",
    )
    reached = evaluate(segmenter, dataset)
    assert reached.mask.ap is not None
    assert reached.mask.ap > 0.9
    assert set(reached.mask_by_class) == set(CLASSES)


def test_batch_shared_out_among_gpus_has_no_fixed_number_of_images() -> None:
    """As TensorFlow's strategies trace the graph; batch norm learns there as elsewhere."""
    import tensorflow as tf

    parts = MaskRCNNParts(small_config(64, 3), num_images=2)
    model = build_training(parts, TRAINING, num_replicas=2)
    specs = {
        name: tf.TensorSpec((None, *x.shape[1:]), x.dtype, name) for name, x in model.input.items()
    }
    rows = {name: np.zeros(x.shape, x.dtype) for name, x in model.input.items()}
    before = model.get_layer("bn00").moving_mean.numpy()
    shared = tf.function(lambda rows: model(rows, training=True), input_signature=[specs])(rows)
    assert (model.get_layer("bn00").moving_mean.numpy() != before).any()
    wanted = model(rows, training=True)
    assert shared.keys() == wanted.keys()
    for name, values in wanted.items():
        assert shared[name].shape == values.shape
        np.testing.assert_allclose(shared[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


KILLED = """
import os, sys
from pathlib import Path
import tensorflow
from segmentation.training import training_log, training_run
from tests.segmentation.training.mask_rcnn.test_train_mask_rcnn import train
training_run.CHECKPOINT_EVERY_S = 0
training_log.REPORT_EVERY_S = 0
tensorflow.config.run_functions_eagerly(True)
def report(line):
    if line.startswith("step 4 "):
        os._exit(9)
train(Path(sys.argv[1]), Path(sys.argv[2]), report)
"""


def train(photos: Path, run: Path, report: object = lambda line: None) -> Path:
    """Two epochs of two steps of two images."""
    return train_mask_rcnn(
        drawn_shapes(photos, 5, (60, 80)),
        run,
        Settings(size=64, epochs=2, images_per_device=2, learning_rate=1e-3),
        report,  # type: ignore[arg-type]
        lambda photo, found, classes: photo.image(),
        make=lambda backbone, size, num_classes, train_norm: Trainable(
            small_config(size, num_classes), TRAINING
        ),
    )


def table(path: Path) -> list[dict[str, float]]:
    with open(path, newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@pytest.mark.usefixtures("eager")
def test_killed_and_begun_again_is_as_never_killed(tmp_path: Path) -> None:
    photos, killed, whole = (tmp_path / name for name in ("photos", "killed", "whole"))
    command = [sys.executable, "-c", KILLED, photos, killed]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 9
    assert len(table(killed / "steps.csv")) == 4  # the last one is not in the checkpoint
    lines: list[str] = []
    best = train(photos, killed, lines.append)
    assert lines[0] == "goes on after step 3"
    assert best == killed / "best.h5"

    train(photos, whole)
    for name, num in (("steps.csv", 4), ("epochs.csv", 2)):
        found, wanted = table(killed / name), table(whole / name)
        assert len(found) == len(wanted) == num
        for one, other in zip(found, wanted, strict=True):
            assert one == pytest.approx(other, rel=1e-5, abs=1e-6)
    assert (killed / "pictures" / "epoch_002").is_dir()
    assert list((killed / "tensorboard").glob("events*"))

    told = read_description(best)
    assert (told.classes, told.size) == (CLASSES, 64)
    assert told.category_ids == (1, 2), "as the data are written"
    network = build_network(small_config(64, 3))
    load_tensors(network, best)
    lines.clear()
    train(photos, killed, lines.append)  # everything is done
    assert len(table(killed / "steps.csv")) == 4


def test_other_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    state = tmp_path / "run" / "checkpoint" / "state.json"
    state.write_text('{"step": 3, "schedule": {"size": 999}}')
    with pytest.raises(ValueError, match="begun with"):
        train(tmp_path / "photos", tmp_path / "run")
    assert not (tmp_path / "run" / "steps.csv").exists()


def test_images_are_the_same_at_every_call_and_differ_from_each_other(tmp_path: Path) -> None:
    dataset = drawn_shapes(tmp_path, 5)
    config = small_config(SIZE, 3)
    one, other = (TrainingImages(dataset.photos, config, TRAINING, seed) for seed in (0, 0))
    for name, values in one.batch(7, 2).items():
        np.testing.assert_array_equal(values, other.batch(7, 2)[name], err_msg=name)
    assert (one.image(0)["image"] != one.image(5)["image"]).any()
    turn = {one.image(place)["image"].tobytes() for place in range(5)}
    assert len(turn) == 5


def test_boxes_and_masks_lie_where_the_objects_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_images, "augment", lambda rng, scene, *_, **__: scene)
    dataset = drawn_shapes(tmp_path, 6)
    images = TrainingImages(dataset.photos, small_config(SIZE, 3), TRAINING)
    num_objects = 0
    for place in range(6):
        image = images.image(place)
        for box, label, mask in zip(
            image["boxes"], image["labels"], image["mini_masks"], strict=True
        ):
            if label == 0:
                assert not mask.any()
                continue
            num_objects += 1
            y1, x1, y2, x2 = box.round().astype(int)
            inside = image["image"][y1:y2, x1:x2].max(axis=2) > 90
            filled = (mask >= 128).mean()
            assert inside.mean() == pytest.approx(filled, abs=0.06)
            assert filled > 0.95 if label == 2 else 0.7 < filled < 0.85
    assert num_objects == sum(len(photo.annotations) for photo in dataset.photos)


@pytest.mark.long
def test_trained_file_finds_the_same_in_the_loop_as_in_evaluate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    dataset = drawn_shapes(tmp_path / "photos", 2, (96, 128))
    keras.utils.set_random_seed(1)
    network = trainable("small", SIZE, len(CLASSES) + 1).network
    weights = tmp_path / "own.h5"
    tensors = named_weights(build_network(network))
    save_trained(weights, tensors, CLASSES, size=SIZE, backbone="small")

    segmenter = load("mask-rcnn", Options(weights=weights, min_score=0.05, device="cpu"))
    assert (segmenter.classes, segmenter.max_input) == (CLASSES, SIZE)
    wanted: list[tuple] = []

    def keep(photo: Photo, found: Instances) -> None:
        for label, score, (x1, y1, x2, y2) in zip(
            found.labels, found.scores, found.boxes.tolist(), strict=True
        ):
            box = (x1, y1, x2 - x1, y2 - y1)
            wanted.append((photo.path.name, CLASSES[label], round(float(score), 4), *box))

    evaluate(segmenter, dataset, keep)
    assert len({name for name, *_ in wanted}) == 2

    out = tmp_path / "found.json"
    command = [str(tmp_path / "photos"), "-o", str(out), "--model", "mask-rcnn", "--device", "cpu"]
    command += ["--weights", str(weights), "--min-score", "0.05"]
    assert run.main(command) == 0
    found = [
        (row["file_name"], row["category_name"], round(row["score"], 4), *row["bbox"])
        for row in json.loads(out.read_text())
    ]
    assert sorted(found) == sorted(wanted)
