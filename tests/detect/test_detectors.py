import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision.models.detection import FCOS

from coldstart.cli import conf_dir
from coldstart.dataset import list_photos
from coldstart.errors import UserError
from detect.data import read_picture
from detect.detectors import DETECTORS, Checkpoint, build, check, load, save
from detect.fcos import GroupNorm

OTHERS = ["ssdlite", "retinanet_r50", "fasterrcnn_r50_v2", "rfdetr"]
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


def test_what_is_ignored_teaches_nothing_where_no_object_is() -> None:
    torch.manual_seed(0)
    model = build(check(SMALL), 1).train()
    kept: list[torch.Tensor] = []

    def keep(module: torch.nn.Module, arguments: object, output: dict[str, torch.Tensor]) -> None:
        output["cls_logits"].register_hook(kept.append)

    model.head.register_forward_hook(keep)
    target = {"boxes": torch.tensor([[8.0, 8, 40, 40]]), "labels": torch.tensor([0])}
    for ignored in ([], [[0.0, 0, 64, 64]]):
        losses = model([torch.ones(3, 64, 96)], [{**target, "ignored": torch.tensor(ignored).reshape(-1, 4)}])
        sum(losses.values()).backward()
    before, after = (gradient[0, :96, 0].reshape(8, 12) for gradient in kept)  # of the positions of stride 8
    assert (before != 0).all()
    positive = before < 0  # the object's
    assert positive.any()
    inside = torch.zeros(8, 12, dtype=torch.bool)
    inside[:, :8] = True
    assert (after[inside & ~positive] == 0).all()
    assert torch.equal(after[~inside | positive], before[~inside | positive])


def test_no_start_leaves_the_boxes_without_a_gradient() -> None:
    """With torchvision's ReLU, a bias below what the features give empties every box for good."""
    model = build(check(SMALL), 1).train()
    last = model.head.regression_head.bbox_reg[0]
    torch.nn.init.constant_(last.bias, -2.0)
    target = {"boxes": torch.tensor([[10.0, 10, 40, 50]]), "labels": torch.tensor([0])}
    model([torch.rand(3, 64, 96)], [target])["bbox_regression"].backward()
    assert (last.bias.grad.abs() > 0).all()


def test_candidates_are_torchvisions() -> None:
    torch.manual_seed(0)
    model = build(check({**SMALL, "min_score": 0.05}), 3).eval()
    model.topk_candidates = 60
    pictures, _ = model.transform([torch.rand(3, 70, 100)])
    maps = list(model.backbone(pictures.tensors).values())
    counts = [m.shape[2] * m.shape[3] for m in maps]
    outputs = {name: list(o.split(counts, dim=1)) for name, o in model.head(maps).items()}
    places = model.anchor_generator(pictures, maps)[0].split(counts)
    parts = [
        model._candidates(*(outputs[n][i][0] for n in ("cls_logits", "bbox_ctrness", "bbox_regression")), p, (70, 100))
        for i, p in enumerate(places)
    ]
    model.nms_thresh, model.detections_per_img = 1.0, 1000  # nothing is suppressed
    (theirs,) = FCOS.postprocess_detections(model, outputs, [list(places)], [(70, 100)])
    scores = torch.cat([part["scores"] for part in parts])
    order = scores.argsort(descending=True, stable=True)
    assert len(order) > 60
    torch.testing.assert_close(scores[order], theirs["scores"])
    torch.testing.assert_close(torch.cat([part["boxes"] for part in parts])[order], theirs["boxes"])
    assert torch.cat([part["labels"] for part in parts])[order].tolist() == theirs["labels"].tolist()


def test_group_norm_of_channels_that_lie_last_has_torchs_gradient() -> None:
    torch.manual_seed(0)
    ours, theirs = GroupNorm(2, 4), torch.nn.GroupNorm(2, 4)
    picture = torch.randn(2, 4, 5, 3).to(memory_format=torch.channels_last)
    found = []
    for norm in (ours, theirs):
        x = picture.clone().requires_grad_(True)
        norm(x).square().sum().backward()
        found.append([x.grad, norm.weight.grad, norm.bias.grad])
    torch.testing.assert_close(found[0], found[1])
    assert ours(picture.clone().requires_grad_(True)).is_contiguous()
    assert sum(isinstance(m, GroupNorm) for m in build(check(SMALL), 1).modules()) == 2


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


def test_every_detector_has_its_commented_config() -> None:
    files = {path.stem: path.read_text() for path in (conf_dir() / "detector").glob("*.yaml")}
    assert files.keys() == DETECTORS.keys() == {"fcos_lite0", *OTHERS}
    for name, text in files.items():
        keys = yaml.safe_load(text)
        assert keys["name"] == name
        check(keys)  # knows every key
        assert all("#" in line for line in text.splitlines() if not line.startswith("name:"))


@pytest.mark.parametrize("name", OTHERS)
def test_each_trains_finds_and_comes_back(name: str, tmp_path: Path) -> None:
    """With the same interface as FCOS: labels from 0, float32, boxes within the picture, the same after a reload."""
    if name == "rfdetr" and find_spec("rfdetr") is None:
        pytest.skip("rfdetr is not installed")
    torch.manual_seed(0)
    config = check({"name": name, "min_score": 1e-4, "max_detections": 20})
    limit = Image.MAX_IMAGE_PIXELS
    model = build(config, 2).train()
    assert limit == Image.MAX_IMAGE_PIXELS  # the guard against bombs stays
    targets = [{"boxes": torch.tensor([[10.0, 10, 40, 50]]), "labels": torch.tensor([1])}, no_boxes()]
    with torch.autocast("cpu", torch.bfloat16):
        losses = model([torch.rand(3, 64, 64), torch.rand(3, 64, 64)], targets)
    assert targets[0]["labels"].tolist() == [1]  # not changed in place
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    assert {name for name, p in model.named_parameters() if p.requires_grad and p.grad is None} <= {
        "network.backbone.0.encoder.encoder.embeddings.mask_token"  # of DINOv2's own training
    }
    assert any(p.grad is not None for p in model.backbone.parameters())
    save(tmp_path / "detector.safetensors", Checkpoint(model, config, ["a", "b"], (100, 70)))
    again = load(tmp_path / "detector.safetensors")
    picture = [torch.rand(3, 70, 100)]
    with torch.inference_mode():
        found, expected = again.model(picture)[0], model.eval()(picture)[0]
    assert 0 < len(found["boxes"]) <= 20
    assert set(found["labels"].tolist()) <= {0, 1}
    assert (found["boxes"] >= 0).all()
    assert (found["boxes"][:, 2:].amax(dim=0) <= torch.tensor([100, 70])).all()
    for key, value in expected.items():
        assert torch.equal(value, found[key])


def no_boxes() -> dict[str, torch.Tensor]:
    return {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}


def test_background_takes_label_0_inside_the_detector_alone() -> None:
    """SSD learns one bright square as class 1 of 2, and calls it that."""
    torch.manual_seed(0)
    model = build(check({"name": "ssdlite", "freeze": 0}), 2).train()
    picture = torch.zeros(3, 64, 64)
    picture[:, 16:48, 16:48] = 1
    target = {"boxes": torch.tensor([[16.0, 16, 48, 48]]), "labels": torch.tensor([1])}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(25):
        optimizer.zero_grad()
        sum(model([picture] * 2, [target] * 2).values()).backward()
        optimizer.step()
    model.eval()
    for module in model.modules():  # 25 steps are too few for running statistics
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
    found = model([picture, picture])[0]
    assert found["labels"][0] == 1
    torch.testing.assert_close(found["boxes"][0], target["boxes"][0], atol=6.0, rtol=0.0)


def test_local_weights_are_used_but_for_the_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"name": "retinanet_r50", "weights": str(tmp_path / "coco.pth")}
    with pytest.raises(UserError, match=r"coco\.pth: no such file"):
        build(check(given), 2)
    torch.save({"a": torch.zeros(1)}, tmp_path / "coco.pth")
    with pytest.raises(UserError, match=r"coco\.pth: holds no weights of retinanet_r50"):
        build(check(given), 2)
    coco = build(check({"name": "retinanet_r50", "pretrained": False}), 91)
    torch.save(coco.state_dict(), tmp_path / "coco.pth")
    model = build(check(given), 2)
    assert "starts from" in capsys.readouterr().out
    assert torch.equal(model.backbone.body.conv1.weight, coco.backbone.body.conv1.weight)
    assert not model.backbone.body.conv1.weight.requires_grad
    assert model.backbone.body.layer4[0].conv1.weight.requires_grad
    body = model.backbone.body.train()  # frozen are stem and first stage, their batch norms included
    before = {name: value.clone() for name, value in body.state_dict().items()}
    body(torch.rand(2, 3, 64, 64))
    changed = {name.split(".")[0] for name, value in body.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"layer2", "layer3", "layer4"}
    assert not any(p.requires_grad for part in (body.bn1, body.layer1) for p in part.parameters())
    assert model.head.classification_head.cls_logits.out_channels == 2 * 9


def test_rfdetr_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfdetr.config", None)
    with pytest.raises(UserError, match=r"needs the package rfdetr .*pip install 'coldstart-vision\[rfdetr\]'"):
        build(check({"name": "rfdetr"}), 2)


def test_a_mirrored_picture_votes_too(trained: Path, toys: Callable[..., Path]) -> None:
    """What is found on a picture and on its mirror image is the same, mirrored; untold, it is not quite."""
    plain = load(trained / "detector.safetensors")
    both = Checkpoint(build(replace(plain.config, mirrored=True), 3), plain.config, plain.class_names, plain.size)
    both.model.load_state_dict(plain.model.state_dict())
    (picture,) = list_photos(toys("a", 1, seed=98))
    frame = read_picture(picture).float() / 255
    apart = []
    for model in (both.model.eval(), plain.model):
        with torch.inference_mode():
            (found,), (other,) = model([frame]), model([frame.flip(-1)])
        # The best of each class.
        boxes, turned = (
            torch.stack([one["boxes"][(one["labels"] == label).nonzero()[0, 0]] for label in range(3)])
            for one in (found, other)
        )
        turned = turned[:, [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1]) + torch.tensor([96, 0, 96, 0])
        apart.append((boxes - turned).abs().max())
    assert apart[0] < 1e-3 < apart[1]
