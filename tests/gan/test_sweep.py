"""What sweeps of gan.train compare by; what all sweeps have in common is tested in tests/coldstart/sweep/."""

from collections.abc import Callable
from pathlib import Path

import pytest

from coldstart import cli
from coldstart.errors import UserError
from gan.train import GOAL, TrainConfig, check_sweep, judge
from tests.gan.conftest import write_renders

FLOOR = {"measure": {"retained": 0.98}}


def test_trials_are_compared_on_held_out_renders_and_the_photos(
    train_config: Callable[..., TrainConfig], tmp_path: Path, photos: Path
) -> None:
    many = write_renders(tmp_path / "many", 20, (64, 48))
    checked = check_sweep(train_config(f"source={many.root}", "measure.renders=4"))
    assert len(checked.held) == 8
    assert {str(photo) for photo in photos.iterdir()} < checked.held
    assert checked.parents == {"target": photos, "source": many.root}
    assert check_sweep(train_config(f"source={many.root}", "measure.renders=4", "seed=1")).held != checked.held


def test_photos_at_another_zoom_are_others(photos: Path, tmp_path: Path) -> None:
    keys = ["model=stylegan2_small", "crop=32", f"target={photos}", f"out={tmp_path / 'out'}", "measure.renders=4"]
    keys += ["model.latent=8", "model.generator.base=64", "model.discriminator.base=64"]
    near, far = (
        check_sweep(cli.typed(TrainConfig, cli.compose("gan_train", [*keys, f"model.zoom={zoom}"]))).held
        for zoom in (1, 3)
    )
    assert len(near) == len(far)
    assert near != far
    assert "model" in GOAL.touches


def test_nothing_measured_is_nothing_to_compare_by(train_config: Callable[..., TrainConfig]) -> None:
    with pytest.raises(UserError, match="trials are compared by swd"):
        check_sweep(train_config())


def test_a_generator_that_loses_objects_does_not_count() -> None:
    assert judge(FLOOR, {"swd": 12.5, "retained": 0.99}) == 12.5
    assert judge(FLOOR, {"swd": 12.5, "retained": None}) == 12.5
    with pytest.raises(UserError, match=r"retains 90.0 % of the objects, less than measure.retained"):
        judge(FLOOR, {"swd": 1.0, "retained": 0.9})
