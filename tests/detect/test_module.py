from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from coldstart import training
from coldstart.errors import UserError
from detect.module import DetectorModule
from detect.recipe import Recipe


class Backbone(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(*(torch.nn.Linear(1, 1) for _ in range(3)))


class Toy(torch.nn.Module):
    """Three parts and a head, whose loss is their weighted sum."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.backbone, self.head, self.factor = Backbone(), torch.nn.Linear(1, 1), factor

    def forward(self, pictures: torch.Tensor, targets: object) -> dict[str, torch.Tensor]:
        x = pictures
        for part in [*self.backbone.body, self.head]:
            x = part(x) + x
        return {"classification": x.square().mean(), "bbox_regression": x.sum() * self.factor}


class Watch(training.pl.Callback):
    def __init__(self) -> None:
        self.seen: list[list[dict[str, Any]]] = []

    def on_before_optimizer_step(self, trainer: Any, module: Any, optimizer: torch.optim.Optimizer) -> None:
        self.seen.append([{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups])


def fit(steps: int, **keys: Any) -> tuple[DetectorModule, list[list[dict[str, Any]]]]:
    """Train the toy; what its optimiser's groups were at each step."""
    torch.manual_seed(0)
    training.quiet()
    recipe = Recipe(steps=steps, **keys)
    module, watch = DetectorModule(Toy(), recipe), Watch()
    trainer = training.trainer("cpu", 1, "32-true", steps, callbacks=[watch], accumulate_grad_batches=recipe.accumulate)
    data = torch.linspace(0, 1, 2 * steps * recipe.accumulate).reshape(-1, 1)
    training.fit(trainer, module, DataLoader(TensorDataset(data, data), batch_size=2))
    return module, watch.seen


def test_a_loss_that_is_no_number_stops_with_a_remedy() -> None:
    module = DetectorModule(Toy(float("inf")), Recipe(lr=0.5))
    module.trainer = training.trainer("cpu", 1, "32-true", 1)
    message = r"step 1: a loss is not a finite number \(bbox_regression -?(inf|nan)\); .* smaller lr= \(it is 0\.5\)"
    with pytest.raises(training.NotFinite, match=message):
        module.training_step((torch.ones(1, 1), []), 0)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="none was due yet"):
        trainer = training.trainer("cpu", 1, "32-true", 1)
        training.fit(trainer, module, DataLoader(TensorDataset(torch.ones(2, 1), torch.ones(2, 1))))


def test_rate_and_momentum_are_set_at_every_step() -> None:
    _, seen = fit(30, lr=1e-3, warmup=0.2)
    reference = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))])
    schedule = torch.optim.lr_scheduler.OneCycleLR(reference, max_lr=1e-3, total_steps=31, pct_start=0.2)
    for groups in seen:
        for group in groups:
            assert group["lr"] == pytest.approx(reference.param_groups[0]["lr"], rel=1e-6)
            assert group["betas"] == pytest.approx(reference.param_groups[0]["betas"], rel=1e-6)
        reference.step()
        schedule.step()
    assert len(seen) == 30
    _, seen = fit(4, optimizer="sgd", schedule="step", momentum=[0.5, 0.9])
    assert [groups[0]["momentum"] for groups in seen] == [0.9] * 4


def test_rates_fall_with_the_depth() -> None:
    _, seen = fit(1, lr=1.0, layer_decay=0.5, schedule="step")
    assert [group["lr"] for group in seen[0]] == [1.0, 0.5, 0.25, 0.125]


def test_stages_join_in_one_after_another_and_do_not_move_before() -> None:
    module, seen = fit(12, unfreeze=0.5, schedule="step", warmup=0.01)
    learning = [[group["lr"] > 0 for group in groups] for groups in seen]
    assert [sum(row) for row in learning] == [1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4, 4]
    assert all(row == sorted(row, reverse=True) for row in learning), "the head first"
    torch.manual_seed(0)
    fresh = Toy()
    module, _ = fit(1, unfreeze=0.9)
    for name, before in fresh.state_dict().items():
        after = module.model.state_dict()[name]
        assert torch.equal(before, after) == name.startswith("backbone"), name


def test_frozen_parts_are_not_optimised() -> None:
    model = Toy()
    model.backbone.body[0].requires_grad_(False)
    optimizer = DetectorModule(model, Recipe()).configure_optimizers()
    assert [len(group["params"]) for group in optimizer.param_groups] == [2, 2, 2]


def test_two_batches_that_are_accumulated_learn_as_one() -> None:
    torch.manual_seed(0)
    training.quiet()
    data = torch.linspace(0, 1, 24).reshape(-1, 1)
    results = []
    for accumulate, size in ((1, 8), (2, 4)):
        torch.manual_seed(0)
        module = DetectorModule(Toy(0), Recipe(steps=3, accumulate=accumulate))
        trainer = training.trainer("cpu", 1, "32-true", 3, accumulate_grad_batches=accumulate)
        training.fit(trainer, module, DataLoader(TensorDataset(data, data), batch_size=size))
        assert trainer.global_step == 3
        results.append(module.state_dict())
    for name, tensor in results[0].items():
        torch.testing.assert_close(results[1][name], tensor, rtol=1e-4, atol=1e-6)


def test_the_average_is_that_of_the_weights_after_each_step() -> None:
    weights: list[torch.Tensor] = []

    class Keep(DetectorModule):
        def optimizer_step(self, *arguments: Any, **options: Any) -> None:
            super().optimizer_step(*arguments, **options)
            weights.append(self.model.head.weight.detach().clone())  # type: ignore[union-attr, operator]

    module = Keep(Toy(), Recipe(steps=4, ema=0.5, lr=0.1))
    data = torch.ones(8, 1)
    training.fit(training.trainer("cpu", 1, "32-true", 4), module, DataLoader(TensorDataset(data, data), batch_size=2))
    expected = weights[0]
    for weight in weights[1:]:
        expected = 0.5 * expected + 0.5 * weight
    torch.testing.assert_close(module.final.head.weight, expected)  # type: ignore[union-attr]
    assert DetectorModule(model := Toy(), Recipe()).final is model


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"optimizer": "adam"}, "optimizer: 'adam' is none of adamw, sgd"),
        ({"schedule": "linear"}, "schedule: 'linear' is none of onecycle, cosine, step"),
        ({"momentum": [0.9, 0.8]}, "momentum"),
        ({"layer_decay": 0.0}, "layer_decay"),
        ({"unfreeze": 1.5}, "unfreeze"),
        ({"ema": 1.0}, "ema"),
        ({"accumulate": 0}, "accumulate: 0 is below 1"),
        ({"lr": float("nan")}, "lr and gradient_clip must be above 0"),
    ],
)
def test_bad_recipes_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Recipe(**keys)
