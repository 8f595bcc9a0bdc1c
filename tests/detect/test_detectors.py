from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from coldstart.errors import UserError
from detect.detectors import Checkpoint, build, check, load, save

SMALL = {"name": "fcos_lite0", "channels": 32, "head_convs": 1, "pretrained": False}


def test_unknown_detectors_and_keys_are_named() -> None:
    with pytest.raises(UserError, match="no detector 'yolo'; available: fcos_lite0"):
        check({"name": "yolo"})
    with pytest.raises(UserError, match=r"detector\.chanels.*did you mean 'channels'"):
        check({**SMALL, "chanels": 32})


@pytest.mark.parametrize(
    "bad",
    [{"freeze": 9}, {"channels": 40}, {"head_convs": -1}, {"nms": 0.0}, {"agnostic_nms": 2.0}, {"min_score": 1.0}],
)
def test_values_out_of_range_are_named(bad: dict[str, float]) -> None:
    with pytest.raises(UserError, match=rf"detector\.{next(iter(bad))}"):
        check({**SMALL, **bad})


def test_training_gives_finite_losses_and_gradients_to_what_is_not_frozen() -> None:
    torch.manual_seed(0)
    model = build(check({**SMALL, "freeze": 3, "pretrained": True}), 2).train()
    pictures = [torch.rand(3, 64, 96), torch.rand(3, 64, 96)]
    targets = [
        {"boxes": torch.tensor([[10.0, 10, 40, 50]]), "labels": torch.tensor([1])},
        {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)},
    ]
    with torch.autocast("cpu", torch.bfloat16):
        losses: dict[str, torch.Tensor] = model(pictures, targets)
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    assert all((p.grad is not None) == p.requires_grad for p in model.parameters())
    assert not any(p.requires_grad for p in model.backbone.body.conv_stem.parameters())


def test_positions_lie_in_the_middle_of_their_cells() -> None:
    model = build(check(SMALL), 1).eval()
    pictures, _ = model.transform([torch.rand(3, 64, 96)])
    (anchors,) = model.anchor_generator(pictures, list(model.backbone(pictures.tensors).values()))
    middles = (anchors[:, :2] + anchors[:, 2:]) / 2
    assert middles[:2].tolist() == [[4, 4], [12, 4]]
    assert middles[96:98].tolist() == [[8, 8], [24, 8]]  # after 8×12 positions of stride 8
    assert anchors[-1].tolist() == [64, 32, 96, 64]


def test_no_start_leaves_the_boxes_without_a_gradient() -> None:
    """With torchvision's ReLU, a bias below what the features give empties every box for good."""
    model = build(check(SMALL), 1).train()
    last = model.head.regression_head.bbox_reg[0]
    torch.nn.init.constant_(last.bias, -2.0)
    target = {"boxes": torch.tensor([[10.0, 10, 40, 50]]), "labels": torch.tensor([0])}
    model([torch.rand(3, 64, 96)], [target])["bbox_regression"].backward()
    assert (last.bias.grad.abs() > 0).all()


def test_boxes_come_back_in_the_pixels_of_the_input() -> None:
    """The sides are no multiples of 32: boxes are neither resized nor cut off at the last multiple."""
    model = build(check({**SMALL, "min_score": 1e-6}), 1).eval()
    with torch.inference_mode():
        output = model([torch.rand(3, 70, 100)])[0]
    assert len(output["boxes"])
    assert output["boxes"][:, 2].max() <= 100
    assert output["boxes"][:, 3].max() <= 70
    assert output["boxes"][:, 2].max() > 90


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    config = check(SMALL)
    model = build(config, 2).eval()
    save(tmp_path / "detector.safetensors", Checkpoint(model, config, ["Käse", "b"], (96, 64)))
    again = load(tmp_path / "detector.safetensors")
    assert (again.config, again.class_names, again.size) == (config, ["Käse", "b"], (96, 64))
    picture = [torch.rand(3, 64, 96)]
    with torch.inference_mode():
        for key, value in model(picture)[0].items():
            assert torch.equal(value, again.model(picture)[0][key])


def test_wrong_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "detector.safetensors"
    with pytest.raises(UserError, match="no such checkpoint"):
        load(path)
    path.write_bytes(b"not safetensors")
    with pytest.raises(UserError, match="is not a safetensors file"):
        load(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=r"was not written by detect\.train"):
        load(path)
    config = check(SMALL)
    save(path, Checkpoint(build(config, 2), config, ["a", "b"], (96, 64)))
    metadata = {
        "format": "coldstart detector 2",
        "detector": '{"name": "fcos_lite0", "channels": 64}',
        "class_names": '["a"]',
        "size": "[96, 64]",
    }
    save_file(load_file(path), path, metadata)
    with pytest.raises(UserError, match="do not fit each other"):
        load(path)
    del metadata["size"]
    save_file(load_file(path), path, metadata)
    with pytest.raises(UserError, match="do not fit each other"):
        load(path)
