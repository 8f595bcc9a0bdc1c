import pytest
import torch

from detect import detectors
from detect.groups import Opening, groups, parts


@pytest.mark.parametrize(
    ("name", "keys", "count"), [("fcos_lite0", {"freeze": 4}, 5), ("fcos_lite0", {"freeze": 0}, 9), ("ssdlite", {}, 5)]
)
def test_every_weight_that_learns_is_in_one_group(name: str, keys: dict[str, int], count: int) -> None:
    model = detectors.build(detectors.check({"name": name, "pretrained": False, **keys}), 3)
    found = parts(model)
    assert len(found) == count
    ids = [id(p) for part in found for p in part]
    assert sorted(ids) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert {id(p) for p in model.head.parameters()} <= {id(p) for p in found[0]}  # type: ignore[union-attr]
    deepest, *_, nearest = [p for p in model.backbone.body.parameters() if p.requires_grad]  # type: ignore[union-attr]
    assert any(p is deepest for p in found[-1])
    assert any(p is nearest for p in found[1])


def test_rates_fall_by_the_same_factor() -> None:
    model = detectors.build(detectors.check({"name": "fcos_lite0", "pretrained": False, "freeze": 4}), 3)
    optimizer = torch.optim.SGD(groups(model, 0.1, 0.5))
    assert [group["base"] for group in optimizer.param_groups] == [0.1, 0.05, 0.025, 0.0125, 0.00625]


def test_all_have_joined_in_when_opening_ends() -> None:
    opening = Opening(share=0.5, steps=100, count=6)
    joined = [sum(opening.factor(depth, at) for depth in range(6)) for at in range(100)]
    assert joined[0] == 1
    assert joined[9:12] == [1, 2, 2]
    assert joined[49:] == [5] + [6] * 50
    assert all(Opening(share=0, steps=100, count=6).factor(depth, 0) for depth in range(6))
