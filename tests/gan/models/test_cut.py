"""PatchNCE against the paper's sum written out, CUT's terms, FastCUT's mirror."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from coldstart import cli
from coldstart.errors import UserError
from gan.data import Pair
from gan.models import MODELS
from gan.models.cut import CUT, CUTConfig, patch_nce
from gan.networks import PatchConfig, ResnetConfig


def tiny(**keys: Any) -> CUT:
    torch.manual_seed(0)
    small: dict[str, Any] = {"generator": ResnetConfig(4, 1), "discriminator": PatchConfig(4), "nce_layers": [0, 4, 10]}
    return CUT(CUTConfig(**{**small, **keys}), steps=10)


def test_patch_nce_is_the_papers_sum_written_out() -> None:
    torch.manual_seed(0)
    query, key = (F.normalize(torch.randn(2, 5, 8), dim=-1) for _ in range(2))
    terms = []
    for n in range(2):
        for s in range(5):
            likeness = [math.exp(float(query[n, s] @ key[n, other]) / 0.07) for other in range(5)]
            terms.append(-math.log(likeness[s] / sum(likeness)))
    assert patch_nce(query, key, 0.07).item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_patch_nce_leaves_the_source_alone_and_is_exact_under_autocast() -> None:
    query, key = (F.normalize(torch.randn(1, 300, 8), dim=-1).requires_grad_() for _ in range(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = patch_nce(query, key, 0.07)
    torch.testing.assert_close(low, patch_nce(query, key, 0.07))
    low.backward()
    assert query.grad is not None
    assert key.grad is None


def by_hand(model: CUT, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """PatchNCE over all patches of all layers, each encoded on its own."""
    layers = model.config.nce_layers
    features = [[f.flatten(2).transpose(1, 2) for f in model.encoder.features(x, layers)] for x in (query, key)]
    v, w = (model.mlp(f) for f in features)
    return torch.stack([patch_nce(a, b, 0.07) for a, b in zip(v, w, strict=True)]).mean()


def test_losses_equal_the_papers_terms_computed_one_by_one(pair: Pair) -> None:
    model = tiny(nce_patches=5000)  # more than there are: all of them
    critic, generator = model.updates(pair)
    fake, same = model.generator(pair.source), model.generator(pair.target)
    scores = model.critic.network(fake)
    judged = ((model.critic.network(pair.target) - 1).square().mean() + scores.square().mean()) / 2
    assert critic["discriminator"].item() == pytest.approx(judged.item(), rel=1e-4)
    nce = (by_hand(model, fake, pair.source) + by_hand(model, same, pair.target)) / 2
    expected = {"adversarial": (scores - 1).square().mean(), "nce": nce}
    assert generator.keys() == expected.keys()
    for name, value in expected.items():
        assert generator[name].item() == pytest.approx(value.item(), rel=1e-4), name


def test_fastcut_compares_the_mirrored_translation_with_the_source_as_it_is(pair: Pair) -> None:
    model = tiny(nce_patches=5000, nce_identity=False, flip_equivariance=True, lambda_nce=10.0)
    seen = set()
    for seed in range(6):
        torch.manual_seed(seed)
        flipped = bool(torch.rand(()) < 0.5)
        torch.manual_seed(seed)
        _, losses = model.updates(pair)
        fake = model.generator(pair.source.flip(3) if flipped else pair.source)
        features = [model.encoder.features(x, model.config.nce_layers) for x in (fake, pair.source)]
        query = [f.flip(3) for f in features[0]] if flipped else features[0]
        v, w = (model.mlp([f.flatten(2).transpose(1, 2) for f in fs]) for fs in (query, features[1]))
        nce = torch.stack([patch_nce(a, b, 0.07) for a, b in zip(v, w, strict=True)]).mean()
        assert losses["nce"].item() == pytest.approx(10 * nce.item(), rel=1e-4)
        seen.add(flipped)
    assert seen == {True, False}


def test_every_network_learns_also_in_bfloat16(pair: Pair) -> None:
    model = tiny()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        critic, generator = model.updates(pair)
    critic["discriminator"].backward()
    assert all(p.grad is None for p in [*model.generator.parameters(), *model.mlp.parameters()])
    torch.stack(list(generator.values())).sum().backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    assert all(bool(p.grad.any()) for p in model.mlp.parameters() if p.grad is not None and p.dim() > 1)


def test_the_mlp_is_the_published_one() -> None:
    torch.manual_seed(0)
    assert sum(p.numel() for p in CUT(CUTConfig(), steps=1).mlp.parameters()) == 560_384


def test_defaults_in_conf_are_the_papers() -> None:
    assert cli.typed(CUTConfig, cli.compose("gan_train", ["model=cut"]).model) == CUTConfig()
    fast = cli.typed(CUTConfig, cli.compose("gan_train", ["model=fastcut"]).model)
    assert MODELS[fast.name] is CUT
    assert (fast.lambda_nce, fast.nce_identity, fast.flip_equivariance) == (10.0, False, True)
    cli.typed(CUTConfig, cli.compose("gan_train", ["model=cut_small"]).model)


@pytest.mark.parametrize(
    "wrong",
    [
        {"nce_layers": [0, 19]},
        {"nce_layers": [4, 0]},
        {"nce_layers": []},
        {"nce_temperature": 0.0},
        {"nce_patches": 1},
        {"lambda_nce": -1.0},
    ],
)
def test_config_refuses_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"model.{next(iter(wrong))}"):
        CUTConfig(**wrong)
