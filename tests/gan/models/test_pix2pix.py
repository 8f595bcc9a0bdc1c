"""pix2pix's losses, term by term."""

import pytest
import torch
import torch.nn.functional as F

from coldstart import cli
from coldstart.errors import UserError
from gan.data import Pair
from gan.models.pix2pix import Pix2Pix, Pix2PixConfig
from gan.models.safety import SafetyConfig
from gan.networks import PatchConfig, UnetConfig


def tiny(**keys: object) -> Pix2Pix:
    torch.manual_seed(0)
    small = {"generator": UnetConfig(5, 4, "instance"), "discriminator": PatchConfig(4, norm="instance")}
    return Pix2Pix(Pix2PixConfig(**{**small, **keys}), steps=10)  # type: ignore[arg-type]


def test_losses_equal_the_papers_terms_computed_one_by_one(pair: Pair) -> None:
    model = tiny()
    critic, generator = list(model.updates(pair))
    fake = model.generator(pair.source)
    scores_real = model.critic.network(torch.cat([pair.source, pair.target], 1))
    scores_fake = model.critic.network(torch.cat([pair.source, fake], 1))
    judged = -(F.logsigmoid(scores_real).mean() + F.logsigmoid(-scores_fake).mean()) / 2
    expected = {"adversarial": -F.logsigmoid(scores_fake).mean(), "l1": 100 * (fake - pair.target).abs().mean()}
    assert critic["discriminator"].item() == pytest.approx(judged.item(), rel=1e-4)
    assert generator.keys() == expected.keys()
    for name, value in expected.items():
        assert generator[name].item() == pytest.approx(value.item(), rel=1e-4), name


def test_objects_can_count_more(pair: Pair) -> None:
    _, plain = tiny().updates(pair)
    _, heavy = tiny(safety=SafetyConfig(objects=3.0, art=1.0)).updates(pair)
    assert heavy["l1"] > 1.2 * plain["l1"]
    assert "art" in heavy


def test_the_same_render_gives_the_same_picture(pair: Pair) -> None:
    model = tiny(generator=UnetConfig(6, 4, "instance", dropout=True))
    wide = Pair(*(part.repeat(1, 1, 2, 2) for part in pair))
    assert not torch.equal(model.pictures(wide)[1], model.pictures(wide)[1])
    model.eval()
    assert torch.equal(model.pictures(wide)[1], model.pictures(wide)[1])


def test_defaults_in_conf_are_the_papers() -> None:
    config = cli.typed(Pix2PixConfig, cli.compose("gan_train", ["model=pix2pix"]).model)
    assert config == Pix2PixConfig()
    assert (config.lambda_l1, config.generator.depth, config.discriminator.norm) == (100.0, 8, "batch")


def test_config_refuses_a_negative_weight() -> None:
    with pytest.raises(UserError, match=r"model\.lambda_l1: must not be negative"):
        Pix2PixConfig(lambda_l1=-1.0)
