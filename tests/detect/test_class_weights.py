from typing import Any

import pytest
import torch
from torch import Tensor

from coldstart.errors import UserError
from detect import detectors
from detect.class_weights import class_weights, weigh

NAMES = ["cup", "bar", "jar"]


def test_balanced_gives_every_class_the_same_say() -> None:
    labels = torch.tensor([0] * 6 + [1] * 2)
    weights = class_weights("balanced", NAMES, labels)
    assert weights is not None
    assert weights.tolist() == pytest.approx([8 / 12, 2.0, 1.0])
    assert weights[labels].mean() == pytest.approx(1)


def test_weights_by_name_keep_the_mean() -> None:
    weights = class_weights({"bar": 3}, NAMES, torch.tensor([0, 0, 1, 1]))
    assert weights is not None
    assert weights.tolist() == pytest.approx([0.5, 1.5, 1.0])
    assert class_weights(None, NAMES, torch.tensor([0])) is None


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("even", "class_weights: 'even' is neither balanced"),
        ({"mug": 1}, "class_weights: 'mug' is none of the classes cup, bar, jar"),
        ({"cup": 0}, r"class_weights\.cup: 0 is not a number above 0"),
        ({"cup": "2"}, "is not a number"),
        ({"cup": float("nan")}, "is not a number"),
    ],
)
def test_bad_weights_are_refused(wanted: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        class_weights(wanted, NAMES, torch.tensor([0, 1, 2]))


def gradients(weights: list[float] | None, labels: list[int]) -> dict[str, Tensor]:
    """Of the head's outputs on one picture with a box of each label side by side."""
    torch.manual_seed(0)
    config = {"name": "fcos_lite0", "pretrained": False, "channels": 32, "head_convs": 0}
    model = detectors.build(detectors.check(config), 3).train()
    if weights:
        weigh(model, torch.tensor(weights))
    kept: dict[str, Tensor] = {}

    def keep(module: Any, arguments: Any, output: dict[str, Tensor]) -> None:
        for name, tensor in output.items():
            tensor.register_hook(lambda gradient, name=name: kept.update({name: gradient}))

    model.head.register_forward_hook(keep)  # type: ignore[union-attr]
    boxes = torch.tensor([[8.0 + 40 * i, 8.0, 40.0 + 40 * i, 40.0] for i in range(len(labels))]).reshape(-1, 4)
    losses = model([torch.rand(3, 64, 96)], [{"boxes": boxes, "labels": torch.tensor(labels).long()}])
    sum(losses.values()).backward()
    return kept


def test_a_weight_multiplies_what_the_objects_of_its_class_teach() -> None:
    plain, weighted = gradients(None, [0, 1]), gradients([1.0, 2.5, 1.0], [0, 1])
    for name, gradient in plain.items():
        ratio = weighted[name] / gradient
        found = {round(float(r), 2) for r in ratio[gradient.abs() > 1e-9]}
        assert found == {1.0, 2.5}, name
    same, without = gradients([2.0, 2.5, 9.0], []), gradients(None, [])
    assert torch.equal(same["cls_logits"], without["cls_logits"])


def test_a_detector_without_such_losses_says_so() -> None:
    model = detectors.build(detectors.check({"name": "ssdlite", "pretrained": False}), 3)
    with pytest.raises(UserError, match="this detector's losses take none"):
        weigh(model, torch.ones(3))
