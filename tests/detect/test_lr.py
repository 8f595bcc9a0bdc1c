import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from detect.lr import Curve, RangeConfig, find, smooth, suggest


def config(out: Path, photos: Path, **keys: Any) -> RangeConfig:
    defaults: dict[str, Any] = {
        "detector": {"name": "fcos_lite0", "channels": 32, "head_convs": 0},
        "logger": LoggerConfig(kind="none"),
        "out": str(out),
        "real": [str(photos)],
        "size": [64, 64],
        "batch": 2,
        "steps": 20,
        "low": 1e-5,
        "high": 1.0,
        "accelerator": "cpu",
        "precision": "32-true",
    }
    return RangeConfig(**{**defaults, **keys})


def valley() -> Curve:
    """A loss that falls from 1e-4 on, steepest at 1e-3, lowest at 1e-2."""
    rates = np.logspace(-6, 0, 601)
    logs = np.log10(rates)
    fall, rise = 1 / (1 + np.exp(6 * (logs + 3))), np.exp(4 * (logs + 1.4))
    losses = (fall + 0.02 * rise).tolist()
    return Curve(rates.tolist(), losses, losses)


def test_the_suggestion_is_a_tenth_of_the_rate_of_the_lowest_loss() -> None:
    found = suggest(valley())
    assert found is not None
    assert found.lowest == pytest.approx(1e-2, rel=0.3)
    assert found.lr == pytest.approx(found.lowest / 10)
    assert found.steepest == pytest.approx(1e-3, rel=0.05)


def test_a_loss_that_only_rises_suggests_nothing(toys: Callable[..., Path], tmp_path: Path) -> None:
    rates = [1.0, 2.0, 3.0]
    assert suggest(Curve(rates, rates, rates)) is None
    assert suggest(Curve([], [], [])) is None
    with pytest.raises(UserError, match=r"does not fall from low=10 on, see .*lr\.png; give a smaller low="):
        find(config(tmp_path / "out", toys("photos", 3), low=10.0, high=1e6, optimizer="sgd"))
    assert (tmp_path / "out" / "lr.png").is_file()
    assert not (tmp_path / "out" / "lr.json").exists()


def test_smoothing_begins_with_the_first_loss_and_forgets() -> None:
    assert smooth([3.0, 3.0, 3.0], 0.9) == pytest.approx([3.0] * 3)
    assert smooth([1.0, 3.0], 0.5) == pytest.approx([1.0, (0.25 * 1 + 0.5 * 3) / 0.75])
    assert smooth([1.0, 2.0, 5.0], 0.0) == [1.0, 2.0, 5.0]


def test_rates_rise_geometrically_and_nothing_else_is_left(toys: Callable[..., Path], tmp_path: Path) -> None:
    photos, out = toys("photos", 3), tmp_path / "out"
    before = torch.get_rng_state()
    find(config(out, photos))
    assert torch.equal(torch.get_rng_state(), before)
    assert sorted(p.name for p in out.iterdir()) == ["card.json", "lr.json", "lr.png"]
    found = json.loads((out / "lr.json").read_text())
    rates = np.array(found["curve"]["rates"])
    assert rates[0] == pytest.approx(1e-5)
    assert rates[1:] / rates[:-1] == pytest.approx(np.full(len(rates) - 1, 1e5 ** (1 / 19)))
    assert found["curve"]["smoothed"] == pytest.approx(smooth(found["curve"]["losses"], 0.8))
    assert found["lr"] == pytest.approx(rates[int(np.argmin(found["curve"]["smoothed"]))] / 10)
    with Image.open(out / "lr.png") as picture:
        assert min(picture.size) > 300


def test_batches_of_one_step_are_one_point(toys: Callable[..., Path], tmp_path: Path) -> None:
    find(config(tmp_path / "out", toys("photos", 3), accumulate=2))
    curve = json.loads((tmp_path / "out" / "lr.json").read_text())["curve"]
    assert len(curve["rates"]) == len(set(curve["rates"])) == len(curve["losses"]) <= 20


def test_a_rate_that_breaks_the_weights_ends_the_test_and_not_in_an_error(
    toys: Callable[..., Path], tmp_path: Path
) -> None:
    find(config(tmp_path / "out", toys("photos", 3), high=1e9, steps=30, gradient_clip=1e9))
    found = json.loads((tmp_path / "out" / "lr.json").read_text())
    assert len(found["curve"]["losses"]) < 30
    assert np.isfinite(found["curve"]["losses"]).all()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"low": 1.0, "high": 0.1}, "low and high: 1 to 0.1 is not a range"),
        ({"smoothing": 1.0}, "smoothing: 1.0"),
        ({"steps": 5}, "steps: 5 is below 10"),
    ],
)
def test_bad_keys_are_named(keys: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        config(tmp_path / "out", tmp_path, **keys)
