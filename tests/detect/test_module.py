import pytest
import torch

from coldstart.errors import UserError
from detect.module import DetectorModule


class Diverged(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(float("inf")))

    def forward(self, pictures: object, targets: object) -> dict[str, torch.Tensor]:
        return {"classification": self.weight * 0, "bbox_regression": self.weight * 1}


def test_a_loss_that_is_no_number_stops_with_a_remedy() -> None:
    module = DetectorModule(Diverged(), lr=0.5, weight_decay=0.0, warmup=0.1, steps=10)
    with pytest.raises(UserError, match=r"the loss is nan at step 1: .* smaller lr= \(it is 0\.5\)"):
        module.training_step(([], []), 0)


def test_the_rate_rises_and_falls() -> None:
    module = DetectorModule(torch.nn.Linear(1, 1), lr=1e-3, weight_decay=0.01, warmup=0.1, steps=100)
    built = module.configure_optimizers()
    optimizer, schedule = built["optimizer"], built["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert max(rates) == pytest.approx(1e-3, rel=0.01)
    assert 8 <= rates.index(max(rates)) <= 11
    assert rates[0] < 1e-4
    assert rates[-1] < 1e-5


def test_frozen_weights_are_not_optimised() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
    model[0].requires_grad_(False)
    module = DetectorModule(model, lr=1e-3, weight_decay=0.1, warmup=0.1, steps=10)
    assert len(module.configure_optimizers()["optimizer"].param_groups[0]["params"]) == 2
