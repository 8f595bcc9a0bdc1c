"""What the benchmark times on both sides is the same training: equal weights and pictures lead to equal losses."""

from typing import Any

import pytest
import torch

from benchmarks import plain_gan
from benchmarks.translate import Noise, main
from coldstart.cli import typed
from gan.data import Pair
from gan.models import MODELS

SHAPE = {"generator": {"base": 4, "blocks": 8}, "discriminator": {"base": 4}}


def ours(name: str, **keys: Any) -> Any:
    return MODELS[name](typed(MODELS[name].Config, {"name": name, **SHAPE, **keys}, "model"), 10)


def steps(model: Any, pair: Pair, count: int) -> list[dict[str, float]]:
    """The losses of `count` training steps in float32, without a Trainer."""
    optimizers, _ = model.configure_optimizers()
    found = []
    for _ in range(count):
        logged: dict[str, torch.Tensor] = {}
        for optimizer, losses in zip(optimizers, model.updates(pair), strict=True):
            optimizer.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            optimizer.step()
            logged |= losses
        found.append({name: float(loss.detach()) for name, loss in logged.items()})
    return found


@pytest.fixture
def pair() -> Pair:
    torch.manual_seed(0)
    return Pair(*(item[None] for item in Noise(32, 1)[0]))


def test_cyclegan_is_the_plain_one(pair: Pair) -> None:
    model, plain = ours("cyclegan"), plain_gan.CycleGan(4, 8)
    plain.there.load_state_dict(model.generator.state_dict())
    plain.back.load_state_dict(model.inverse.state_dict())
    for critic, network in ((plain.critic_b, model.critic_target), (plain.critic_a, model.critic_source)):
        critic.load_state_dict(network.network.model.state_dict())
    for found in steps(model, pair, 3):
        assert found == pytest.approx(plain.step(pair.source, pair.target), rel=2e-3)


def test_cut_is_the_plain_one(pair: Pair) -> None:
    """With all places as patches, so that their draw makes no difference."""
    model, plain = ours("cut", nce_patches=4096), plain_gan.Cut(4, 8, patches=4096)
    plain.generator.load_state_dict(model.generator.state_dict())
    plain.critic.load_state_dict(model.critic.network.model.state_dict())
    for mine, theirs in zip(plain.mlp, model.mlp.children(), strict=True):
        mine.load_state_dict(theirs.state_dict())
    for found in steps(model, pair, 3):
        assert found == pytest.approx(plain.step(pair.source, pair.target), rel=2e-3)


def test_the_table_has_a_line_for_each_model(capsys: pytest.CaptureFixture[str]) -> None:
    main(["models=[cut]", "base=4", "blocks=8", "crop=64", "steps=1", "turns=1", "translators=[bilateral]", "side=64"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4].startswith("cut")
    assert lines[-1].startswith("bilateral")
