"""What the benchmark times on both sides is the same network and training: equal weights lead to equal losses."""

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import plain_detector
from benchmarks.detect import main, make
from detect import detectors, inference

SIZE = (96, 128)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    torch.set_num_threads(1)


def pair(freeze: int) -> tuple[Any, Any]:
    """Ours and the plain one with the same weights."""
    torch.manual_seed(0)
    keys = {"name": "fcos_lite0", "freeze": freeze, "channels": 32, "head_convs": 1}
    ours = detectors.build(detectors.check(keys), 3)
    plain = plain_detector.detector(3, SIZE, channels=32, convs=1, freeze=freeze)
    plain_detector.take_over(plain, ours)
    return ours, plain


def batch() -> tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]:
    generator = torch.Generator().manual_seed(1)
    pictures = [torch.rand(3, SIZE[1], SIZE[0], generator=generator) for _ in range(2)]
    boxes = torch.tensor([[8.0, 10, 40, 60], [30, 70, 90, 120]])
    return pictures, [
        {"boxes": boxes, "labels": torch.tensor([0, 2])},
        {"boxes": boxes[:1], "labels": torch.tensor([1])},
    ]


def test_both_train_the_same() -> None:
    """With the biases of the backbone left out, which frozen batch norm does not have."""
    ours, plain = pair(freeze=4)
    for convolution in (m for m in ours.backbone.body.modules() if isinstance(m, torch.nn.Conv2d)):
        convolution.bias.requires_grad_(False)
    losses: list[list[float]] = []
    for model in (ours, plain):
        learned = [p for p in model.parameters() if p.requires_grad]
        losses.append(list(plain_detector.steps(model, torch.optim.SGD(learned, 1e-2, momentum=0.9), [batch()] * 4)))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][-1] < losses[0][0]


def test_both_find_the_same(tmp_path: Path) -> None:
    folder = make(tmp_path / "photos", 1, SIZE)
    ours, plain = pair(freeze=8)
    checkpoint = detectors.Checkpoint(
        ours.eval(), detectors.check({"name": "fcos_lite0", "agnostic_nms": None}), ["a", "b", "c"], SIZE
    )
    photos = [folder / "images" / "1.jpg"]
    (found,) = inference.detect(checkpoint, photos, "cpu", "32-true")
    (theirs,) = plain_detector.find(plain, photos)
    assert len(found) == len(theirs["scores"]) == 100
    assert [d.score for d in found] == pytest.approx(theirs["scores"].tolist(), abs=1e-5)


def test_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    main(
        [
            "size=[64,96]",
            "photo=[64,96]",
            "photos=4",
            "batch=2",
            "steps=1",
            "turns=1",
            "epochs=2",
            "found=2",
            "scored=20",
        ]
    )
    lines = capsys.readouterr().out.splitlines()
    firsts = [line.split("  ")[0] for line in lines]
    rows = ("plain", "ours", "ours, ONNX", "float32's floor", "pycocotools")
    assert [first for first in firsts if first in rows] == [
        *("plain", "ours", "plain", "ours", "ours, ONNX", "float32's floor"),
        *("pycocotools", "ours"),
    ]
    used = next(line for line in lines if line.startswith("MB in use")).split(": ")[1].split()
    assert len(used) == 2 and all(float(mb) > 100 for mb in used)
