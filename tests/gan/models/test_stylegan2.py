"""StyleGAN2's losses against the papers' sums, lazy regularisation, adaptive augmentation, exact resume, refusals."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from coldstart import cli, training
from coldstart.dataset import Dataset
from coldstart.errors import UserError
from coldstart.split import SplitConfig, split
from coldstart.tracking import LoggerConfig
from gan.checkpoint import load_generator, load_sampler, save_generator
from gan.data import Pair
from gan.models.critic import AugmentConfig
from gan.models.stylegan2 import StyleGAN2, StyleGAN2Config, gradient_penalty, path_lengths
from gan.networks import ResnetConfig, ResnetGenerator
from gan.networks.stylegan2 import StyleConfig
from gan.networks.stylegan2_critic import StyleCriticConfig
from gan.train import TrainConfig, train
from tests.gan.test_resume import Stop, same, state

TINY = ["model=stylegan2_small", "crop=32", "batch=4", "steps=20", "precision=32-true", "accelerator=cpu"]
TINY += ["logger=none", "model.latent=8", "model.generator.base=64", "model.discriminator.base=64", "measure.every=0"]


@pytest.fixture
def overrides(photos: Path, tmp_path: Path) -> list[str]:
    """A tiny training on four photos."""
    return [*TINY, f"target={photos}", f"out={tmp_path / 'out'}"]


def config(overrides: list[str]) -> TrainConfig:
    return cli.typed(TrainConfig, cli.compose("gan_train", overrides))


def tiny(step: int, monkeypatch: pytest.MonkeyPatch, **keys: Any) -> StyleGAN2:
    torch.manual_seed(0)
    monkeypatch.setattr(StyleGAN2, "step", property(lambda self: step))
    networks = {"generator": StyleConfig([32, 32], 64, 8, 2), "discriminator": StyleCriticConfig(64, 8), "latent": 8}
    return StyleGAN2(StyleGAN2Config(**{**networks, "augment": AugmentConfig(), **keys}), steps=10)


def test_r1_is_the_squared_gradient_and_is_learnt_from() -> None:
    torch.manual_seed(0)
    a, x = torch.randn(3, 4, 4, requires_grad=True), torch.randn(5, 3, 4, 4, requires_grad=True)
    penalty = gradient_penalty((a * x.square()).sum((1, 2, 3)), x)
    torch.testing.assert_close(penalty, (2 * a * x).square().sum((1, 2, 3)).mean())
    (slope,) = torch.autograd.grad(penalty, a)
    torch.testing.assert_close(slope, (8 * a * x.square()).mean(0))


def test_r1_of_the_discriminator_is_each_pixels_slope_by_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny(0, monkeypatch)
    critic, image = model.critic.double(), torch.rand(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    penalty = gradient_penalty(critic(image), image)
    direction = F.normalize(torch.autograd.grad(critic(image).sum(), image)[0].flatten(), dim=0).view_as(image)
    along = (critic(image + 1e-6 * direction) - critic(image - 1e-6 * direction)) / 2e-6
    assert penalty.item() == pytest.approx(along.item() ** 2, rel=1e-4)


def test_path_lengths_are_those_of_the_jacobian() -> None:
    torch.manual_seed(0)
    layers, w = torch.randn(2, 5, 3 * 4 * 4), torch.randn(6, 2, 5, requires_grad=True)
    torch.manual_seed(1)
    lengths = path_lengths(torch.einsum("nld,ldp->np", w, layers).view(6, 3, 4, 4), w)
    torch.manual_seed(1)
    y = torch.randn(6, 3, 4, 4).flatten(1) / 4
    expected = torch.einsum("ldp,np->nld", layers, y).square().sum(2).mean(1).sqrt()
    torch.testing.assert_close(lengths, expected)


def test_losses_are_the_papers(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny(1, monkeypatch, mixing=0.0)
    torch.manual_seed(5)
    critic, generator = model.updates(pair)
    torch.manual_seed(5)
    fake = model.generator(torch.randn(4, 8)[:2])  # of as many latents as mixing would need
    expected = {
        "real": F.softplus(-model.critic(pair.target)).mean(),
        "fake": F.softplus(model.critic(fake)).mean(),
        "adversarial": F.softplus(-model.critic(fake)).mean(),
    }
    assert critic.keys() | generator.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close((critic | generator)[name], value, msg=name)


def test_regularisation_is_lazy_and_weighs_as_much_as_if_it_were_not(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = {step: [set(losses) for losses in tiny(step, monkeypatch).updates(pair)] for step in (0, 8, 16, 17)}
    assert terms[0] == terms[16] == [{"real", "fake", "r1"}, {"adversarial", "path"}]
    assert terms[8] == [{"real", "fake"}, {"adversarial", "path"}]
    assert terms[17] == [{"real", "fake"}, {"adversarial"}]
    model = tiny(0, monkeypatch, r1=3.0, r1_every=4)
    critic, _ = model.updates(pair)
    real = pair.target.clone().requires_grad_()
    torch.testing.assert_close(critic["r1"], 4 * 3 / 2 * gradient_penalty(model.critic(real), real))
    assert model.path_mean > 0
    assert [set(losses) for losses in tiny(0, monkeypatch, r1=0.0, path=0.0).updates(pair)] == terms[17]


def test_each_loss_reaches_its_own_network_also_in_bfloat16(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny(0, monkeypatch, augment=AugmentConfig(["translation", "cutout", "colour"]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        critic, generator = model.updates(pair)
    torch.stack(list(critic.values())).sum().backward()
    assert all(p.grad is None for p in model.generator.parameters())
    assert all(p.grad is not None for p in model.critic.parameters())
    before = [p.grad.clone() for p in model.critic.parameters() if p.grad is not None]
    torch.stack(list(generator.values())).sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.generator.parameters())
    assert all(
        torch.equal(a, p.grad) for a, p in zip(before, model.critic.parameters(), strict=True) if p.grad is not None
    )


def test_mixing_changes_the_style_once_along_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    alike, mixed = (tiny(0, monkeypatch, mixing=share).styles(64) for share in (0.0, 1.0))
    assert torch.equal(alike, alike[:, :1].expand_as(alike))
    changes = (mixed[:, 1:] != mixed[:, :-1]).all(2)
    assert torch.equal(changes.sum(1), torch.ones(64, dtype=torch.long))
    assert bool(changes.any(0).all()), "at any layer"


def test_twenty_steps_are_ten_and_ten(overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    keys = [*overrides, "model.augment.images=40", "model.r1_every=4", "model.path=2", "model.path_every=3"]
    train(config([*keys, f"out={whole}", "sample_every=3"]))  # looking changes nothing
    with monkeypatch.context() as patch:
        patch.setattr(training, "KeepCheckpoint", Stop)
        with pytest.raises(KeyboardInterrupt):
            train(config([*keys, f"out={parts}", "save_every=10"]))
    train(config([*keys, f"out={parts}"]))
    same(state(parts), state(whole))
    for file in ("generator.safetensors", "generator_last.safetensors"):
        assert (parts / file).read_bytes() == (whole / file).read_bytes()
    weights = state(whole)["state_dict"]
    assert 0 < weights["augment.p"] <= 1, "ADA has moved"
    assert weights["path_mean"] > 0
    assert weights["generator.average"].abs().max() > 0
    assert torch.equal(weights["averaged.module.average"], weights["generator.average"]), "buffers are not averaged"
    assert not torch.equal(weights["averaged.module.constant"], weights["generator.constant"])


def test_measured_by_its_samples(overrides: list[str], tmp_path: Path, capsys: Any) -> None:
    train(config([*overrides, "steps=4", "measure.every=2", "measure.renders=6"]))
    assert "best: step" in (said := capsys.readouterr().out)
    assert "kid_lite0" in said
    assert "retained" not in said
    assert (tmp_path / "out" / "measures.png").is_file()


def test_too_few_samples_are_not_measured(overrides: list[str], tmp_path: Path, capsys: Any) -> None:
    train(config([*overrides, "steps=1", "measure.every=1", "measure.renders=1"]))
    assert "not measured while training: measure.renders=1 samples are fewer than 4\n" in capsys.readouterr().out
    assert not (tmp_path / "out" / "measures.json").exists()


def test_its_generator_samples_and_does_not_translate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, file, other = tiny(0, monkeypatch), tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_generator(file, model.generator, "stylegan2", model.config.generator)
    loaded, name = load_sampler(file)
    z = torch.randn(1, 8)
    torch.testing.assert_close(loaded(z), model.generator(z))
    assert name == "stylegan2"
    with pytest.raises(UserError, match=r"a\.safetensors: holds a stylegan2, which makes pictures from chance"):
        load_generator(file)
    save_generator(other, ResnetGenerator(3, 3, base=4, blocks=1), "cut", ResnetConfig(4, 1))
    with pytest.raises(UserError, match=r"b\.safetensors: holds a cut, which needs pictures to translate"):
        load_sampler(other)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("source=somewhere", "source: model.name=stylegan2 learns from photos alone; leave source out"),
        ("pairing=content", "pairing and epoch: model.name=stylegan2 pairs nothing"),
        ("epoch=100", "its learning rate stays as it is; leave them out"),
        ("model.generator.size=[64,96]", "crop: must be the shorter side of model.generator.size=[64, 96], got 32"),
        ("model.generator.size=[96,32]", "does not cover 96×32; give a larger model.zoom"),
        ("model.generator.size=[33,32]", "model.generator.size: must be an even width and height"),
        ("model.generator.mapping=9", "mapping from 1 to 8"),
        ("model.discriminator.base=0", "model.discriminator: base and most must be at least 1"),
        ("model.zoom=0.5", "model.zoom: must be at least 1, got 0.5"),
        ("model.mixing=2", "model.mixing: must lie in [0, 1], got 2.0"),
        ("model.r1=-1", "model.r1: must not be negative"),
        ("model.path_every=0", "model.path_every must be at least 1"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    overrides: list[str], tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(UserError) as error:
        train(config([*overrides, override]))
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_photos_of_a_test_split_are_refused(overrides: list[str], renders: Dataset, tmp_path: Path) -> None:
    split(SplitConfig(str(renders.root), str(tmp_path / "parts"), train=2, logger=LoggerConfig(kind="none")))
    with pytest.raises(UserError, match="belongs to the test split"):
        train(config([*overrides, f"target={tmp_path / 'parts' / 'test'}"]))


def test_defaults_in_conf_are_the_papers() -> None:
    composed = config(["model=stylegan2", "target=a", "out=b"])
    assert cli.typed(StyleGAN2Config, composed.model) == StyleGAN2Config()
    small = cli.typed(StyleGAN2Config, config(["model=stylegan2_small", "target=a", "out=b"]).model)
    assert small.generator.size == [64, 64]
