import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from coldstart import backbone
from coldstart.backbone import Float32, detector_body, efficientnet_lite0, fold_batch_norm, imagenet_weights
from coldstart.errors import UserError


@pytest.mark.parametrize("pooled", [False, True])
def test_the_wheels_tensors_match_timms_in_order_shape_by_shape(pooled: bool) -> None:
    ours = efficientnet_lite0(pretrained=False, pooled=pooled).state_dict()
    theirs = torch.load(imagenet_weights(), weights_only=True)
    names = list(theirs)
    assert [t.shape for t in ours.values()] == [t.shape for t in list(theirs.values())[: len(ours)]]
    left_out = ("_fc",) if pooled else ("_conv_head", "_bn1", "_fc")
    assert all(name.startswith(left_out) for name in names[len(ours) :])
    # The same kind of tensor at the same place: weight, bias, running_mean, …
    assert [n.rsplit(".", 1)[1] for n in ours] == [n.rsplit(".", 1)[1] for n in names[: len(ours)]]


def test_pretrained_features_tell_patterns_apart_that_random_ones_do_not() -> None:
    """Two crops of one texture are closer than two textures, by a wide margin, only after ImageNet."""
    rows, columns = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    stripes, checks = torch.sin(columns / 2), torch.sign(torch.sin(rows / 5) * torch.sin(columns / 5))
    pictures = torch.stack([stripes, stripes.roll(7, 1), checks, checks.roll(7, 1)])[:, None].repeat(1, 3, 1, 1)

    def margin(pretrained: bool) -> float:
        torch.manual_seed(0)
        network = efficientnet_lite0(pretrained).eval()
        with torch.inference_mode():
            features = torch.nn.functional.normalize(network(pictures)[-1].mean((2, 3)), dim=1)
        likeness = features @ features.T
        return float(likeness[0, 1] + likeness[2, 3] - likeness[0, 2] - likeness[1, 3])

    assert margin(True) > 0.5
    assert margin(False) < 0.1


def test_pooled_features_are_one_row_a_picture_of_any_size() -> None:
    assert efficientnet_lite0(pretrained=True, pooled=True).eval()(torch.zeros(2, 3, 40, 56)).shape == (2, 1280)


def test_folding_batch_norm_changes_no_output() -> None:
    network = efficientnet_lite0(pretrained=True).eval()
    folded = copy.deepcopy(network)
    fold_batch_norm(folded)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        for before, after in zip(network(x), folded(x), strict=True):
            torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)


def test_float32_computes_outside_autocast() -> None:
    inner = torch.nn.Conv2d(4, 4, 5, padding=2, groups=4)
    x = torch.randn(1, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert inner(x).dtype == torch.bfloat16
        wide = Float32(inner)(x.bfloat16())
    torch.testing.assert_close(wide, inner(x.bfloat16().float()))


def test_float32_are_the_slow_depthwise_convolutions() -> None:
    network = efficientnet_lite0(pretrained=False)
    fold_batch_norm(network)
    wide = [m.inner for m in network.modules() if isinstance(m, Float32)]
    assert {(c.kernel_size[0], c.stride[0]) for c in wide} == {(5, 1), (5, 2), (3, 2)}
    assert all(c.groups == c.in_channels for c in wide)
    rest = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d) and m not in wide and m.groups > 1]
    assert {(c.kernel_size[0], c.stride[0]) for c in rest} == {(3, 1)}


def test_float32_is_for_weights_that_learn() -> None:
    inner = torch.nn.Conv2d(4, 4, 5, padding=2, groups=4)
    x = torch.randn(1, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            assert Float32(inner)(x).dtype == torch.bfloat16
        assert Float32(inner.requires_grad_(False))(x).dtype == torch.bfloat16


def test_biases_that_were_batch_norms_learn_as_its_would() -> None:
    network = efficientnet_lite0(pretrained=False)
    fold_batch_norm(network)
    biases = [p for name, p in network.named_parameters() if name.endswith("bias")]
    assert len(biases) == len(list(network.parameters())) / 2
    sum(m.sum() for m in network(torch.randn(1, 3, 64, 64))).backward()
    assert all(b.grad is not None for b in biases)
    frozen = efficientnet_lite0(pretrained=False).requires_grad_(False)
    fold_batch_norm(frozen)
    assert not any(p.requires_grad for p in frozen.parameters())


def test_a_detectors_body_is_read_from_its_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = efficientnet_lite0(pretrained=False).eval()
    fold_batch_norm(network)
    tensors = {f"backbone.body.{name}": tensor for name, tensor in network.state_dict().items()}
    path = tmp_path / "detector.safetensors"
    save_file({**tensors, "head.weight": torch.zeros(1)}, path)
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert all(torch.equal(a, b) for a, b in zip(detector_body(path)(x), network(x), strict=True))
    for content in (None, b"no"):
        path.unlink() if content is None else path.write_bytes(content)
        with pytest.raises(UserError, match=r"detector\.safetensors: holds no detector"):
            detector_body(path)
    save_file({"head.weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=r"detector\.safetensors: holds no detector"):
        detector_body(path)


def test_absent_weights_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backbone, "files", lambda name: tmp_path)
    with pytest.raises(UserError, match="weights of EfficientNet-Lite0 are absent; install"):
        imagenet_weights()
