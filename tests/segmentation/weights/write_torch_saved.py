"""Write what PyTorch itself saves and computes, for tests that have no PyTorch.

python -m tests.segmentation.weights.write_torch_saved

Needs torch. The files in `torch_saved/` are those of torch 2.14.
"""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.segmentation.weights.saved import ARRAYS, BASE, PLAIN, TORCH_SAVED, TRAINED


def write(saved: object, name: str, protocol: int = 2) -> None:
    for form in ("zip", "old"):
        path = TORCH_SAVED / f"{name}-{form}.pth"
        is_zip = form == "zip"
        torch.save(saved, path, _use_new_zipfile_serialization=is_zip, pickle_protocol=protocol)


def tensors() -> dict[str, Any]:
    base = torch.from_numpy(BASE.copy())
    state = collections.OrderedDict(
        base=base,
        transposed=base.permute(2, 0, 1),
        row=base[1, 2],
        every_second=base[..., ::2],
        repeated=torch.ones(1).expand(3, 3),
        parameter=nn.Parameter(base + 1),
        empty=torch.zeros(0, 3),
        scalar=torch.tensor(5),
        flags=torch.tensor([True, False]),
        half=base.half(),
        double=base.double(),
        small=torch.tensor([-1, 200]).short(),
        byte=torch.tensor([255], dtype=torch.uint8),
    )
    state._metadata = {"": {"version": 2}}  # type: ignore[attr-defined]
    return {"state": state, "brain": base.bfloat16()}


def containers() -> dict[str, Any]:
    more = {"size": torch.Size([3, 4]), "default": collections.defaultdict(list, {1: [2]})}
    return {**ARRAYS, "again": ARRAYS["array"], **more, "plain": PLAIN}


def checkpoint() -> dict[str, Any]:
    """Return what a training keeps: more than tensors, and things that no reader knows."""
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(TRAINED))
    optimizer = torch.optim.SGD(model.parameters(), 0.0, momentum=0.9)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 4]).state_dict(),
        "whole": optimizer,
        "precision": torch.float16,
        "objects": np.array(["a", None], dtype=object),
        "iteration": 7,
    }


def layers() -> dict[str, np.ndarray]:
    """Return a network of one layer of each kind, an image and what it makes of it."""
    stem = nn.Module()
    stem.add_module("conv", nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False))
    stem.add_module("norm", nn.BatchNorm2d(4))
    others = {
        "wide": nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
        "groups": nn.GroupNorm(2, 4),
        "enlarge": nn.ConvTranspose2d(4, 5, 2, stride=2),
        "fc1": nn.Linear(5 * 8 * 6, 9),
        "fc2": nn.Linear(9, 7),
    }
    parts = nn.ModuleDict({"stem": stem, **others}).eval()
    torch.manual_seed(0)
    state = {name: x for name, x in parts.state_dict().items() if x.dtype == torch.float32}
    for tensor in state.values():
        tensor.uniform_(0.1, 1)
    image = np.random.default_rng(0).normal(size=(2, 8, 6, 3)).astype(np.float32)
    with torch.no_grad():
        x = stem.norm(stem.conv(torch.from_numpy(image.transpose(0, 3, 1, 2).copy())))
        for name in ("wide", "groups", "enlarge"):
            x = parts[name](x)
        result = parts["fc2"](parts["fc1"](x.flatten(1)))
    tensors = {name: x.numpy() for name, x in state.items()}
    return {**tensors, "IMAGE": image, "RESULT": result.numpy()}


def main() -> None:
    TORCH_SAVED.mkdir(exist_ok=True)
    for protocol in (2, 3, 4, 5):
        write(tensors(), f"tensors-{protocol}", protocol)
    for protocol in (2, 5):
        write(containers(), f"containers-{protocol}", protocol)
    write(checkpoint(), "checkpoint")
    write({"a": torch.ones(4).half(), "b": np.ones((2, 2)), "c": {1}}, "small")
    np.savez(TORCH_SAVED / "layers.npz", **layers())


if __name__ == "__main__":
    main()
