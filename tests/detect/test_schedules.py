import pytest
import torch

from detect import schedules


def rates(schedule: torch.optim.lr_scheduler.LRScheduler, steps: int) -> list[float]:
    """What torch's schedule gives at each step, of a highest rate of 1."""
    found = []
    for _ in range(steps):
        found.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step()
    return found


@pytest.fixture
def sgd() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)


@pytest.mark.parametrize(("steps", "warmup"), [(50, 0.1), (7, 0.5), (5, 0.1)])
def test_one_cycle_is_that_of_torch(steps: int, warmup: float) -> None:
    adam = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))])
    torchs = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=1.0, total_steps=steps + 1, pct_start=warmup)
    for at in range(steps):
        assert schedules.onecycle(at, steps, warmup) == pytest.approx(adam.param_groups[0]["lr"])
        assert schedules.momentum(at, steps, warmup, 0.85, 0.95) == pytest.approx(adam.param_groups[0]["betas"][0])
        adam.step()
        torchs.step()


def test_one_cycle_whose_top_is_its_first_step() -> None:
    assert schedules.onecycle(0, 9, 0.1) == 1  # where torch divides by zero


def test_cosine_is_that_of_torch_after_its_ramp(sgd: torch.optim.Optimizer) -> None:
    torchs = rates(torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=90), 90)
    assert [schedules.cosine(at, 100, 0.1) for at in range(10, 100)] == pytest.approx(torchs, abs=1e-9)
    assert [schedules.cosine(at, 100, 0.1) for at in range(10)] == pytest.approx([0.1 * k for k in range(1, 11)])


def test_step_is_that_of_torch_after_its_ramp(sgd: torch.optim.Optimizer) -> None:
    torchs = rates(torch.optim.lr_scheduler.MultiStepLR(sgd, [60, 80], gamma=0.1), 90)
    assert [schedules.step(at, 90, 0.1) for at in range(9, 90)] == pytest.approx(torchs[9:])
    assert schedules.step(0, 90, 0.1) == pytest.approx(1 / 9)


@pytest.mark.parametrize("name", schedules.SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 350])
def test_rates_are_between_0_and_1_and_never_rise_after_the_ramp(name: str, steps: int) -> None:
    found = [schedules.SCHEDULES[name](at, steps, 0.3) for at in range(steps + 1)]
    assert all(0 <= rate <= 1 for rate in found)
    top = found.index(max(found))
    assert found[top:] == sorted(found[top:], reverse=True)
