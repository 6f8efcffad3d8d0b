"""How many workers a machine bears."""

from __future__ import annotations

import pytest

from segmentation.segmenter import Options
from stream.batch.jobs.settings import Settings
from stream.batch.workers import workers_needed
from stream.batch.workers.workers_needed import num_workers, wants_gpu


@pytest.mark.parametrize("model", ["portrait", "mask-rcnn-person", "rf-detr-seg-nano"])
def test_a_gpu_is_wanted_where_the_network_would_use_one(model):
    def wants(**options: str) -> bool:
        return wants_gpu(Settings(model, Options(**options)))  # type: ignore[arg-type]

    assert wants(device="gpu")
    assert wants(backend="keras")
    assert not wants(backend="keras", device="cpu")
    assert not wants(backend="openvino")
    assert wants() == (model == "rf-detr-seg-nano")


def test_one_worker_has_the_gpu_for_itself(monkeypatch):
    monkeypatch.setattr(workers_needed, "num_processors", lambda: 4)
    monkeypatch.setattr(workers_needed, "_available_memory", lambda: None)
    on_keras = Settings("portrait", Options(backend="keras"))
    for is_present, num in ((False, 4), (True, 1)):
        monkeypatch.setattr(workers_needed, "gpu_present", lambda there=is_present: there)
        assert num_workers(None, on_keras) == num
        assert num_workers(3, Settings("portrait", Options())) == 3
