from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from coldstart import dataset
from coldstart.errors import UserError
from detect.augment import Augmentation, AugmentConfig
from detect.compose import IGNORED
from detect.data import Batches, class_names, loader, read, read_picture

Toys = Callable[..., Path]


def test_classes_are_matched_by_name(toys: Toys) -> None:
    first = dataset.load(toys("a", 1))
    second = dataset.load(toys("b", 1, names=["bar", "square", "cup"]))
    names = class_names([first, second])
    assert names == ["square", "disc", "bar", "cup"]
    labels = read(second, names, (96, 96))[0].labels
    by_id = {1: "bar", 2: "square", 3: "cup"}
    assert [names[label] for label in labels] == [by_id[a["category_id"]] for a in second.annotations]


def test_ignored_boxes_are_no_targets_and_big_pictures_shrink(toys: Toys) -> None:
    data = dataset.load(toys("a", 1, size=(300, 300)))
    data.annotations[0]["ignore"] = 1
    data.annotations[1]["iscrowd"] = 1
    outside = {**data.annotations[0], "id": 99, "bbox": [400.0, 10.0, 20.0, 20.0]}
    data.annotations.append(outside)  # type: ignore[arg-type]
    (sample,) = read(data, data.class_names, (96, 96))
    assert sample.picture.shape == (3, 192, 192)
    assert sample.labels.tolist() == [2, IGNORED, IGNORED]
    corners = torch.tensor([[x, y, x + w, y + h] for x, y, w, h in (data.annotations[k]["bbox"] for k in (2, 0, 1))])
    torch.testing.assert_close(sample.boxes, corners * 192 / 300)
    still = Augmentation(AugmentConfig(mirror=0, chance=0.0), (96, 96))
    (_, (target,)) = next(iter(loader([sample], still, Batches((0, 1), (0, 1), 1, 0), 0)))
    torch.testing.assert_close(target["boxes"], corners[:1] * 96 / 300)
    torch.testing.assert_close(target["ignored"], corners[1:] * 96 / 300)


def test_exif_orientation_is_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    assert read_picture(tmp_path / "a.jpg").shape == (3, 20, 30)


def test_unreadable_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    Image.new("RGB", (30, 20)).save(tmp_path / "b.png")
    damaged = bytearray((tmp_path / "b.png").read_bytes())
    damaged[33:41] = b"\0\0\0\1\xff\xff\xff\xff"  # of the chunk after the header: PIL raises SyntaxError
    (tmp_path / "b.png").write_bytes(damaged)
    for name in ("a.jpg", "b.png"):
        with pytest.raises(UserError, match=rf"{name}: cannot be read as an image"):
            read_picture(tmp_path / name)


def test_the_quota_is_exact_and_every_sample_gets_its_turn() -> None:
    batches = [[index for index, _ in batch] for batch in Batches((10, 3), (6, 2), steps=30, seed=0)]
    assert len(batches) == 30
    assert all(sum(i >= 10 for i in batch) == 2 and len(batch) == 8 for batch in batches)
    flat = [i for batch in batches for i in batch]
    synthetic, real = [flat.count(i) for i in range(10)], [flat.count(i) for i in range(10, 13)]
    assert synthetic == [18] * 10
    assert real == [20] * 3


def test_batches_depend_on_the_seed_and_go_on_where_they_stopped() -> None:
    everything = list(Batches((5, 4), (2, 2), steps=10, seed=[3, 0]))
    assert list(Batches((5, 4), (2, 2), steps=10, seed=[3, 0], start=6)) == everything[6:]
    assert list(Batches((5, 4), (2, 2), steps=10, seed=[3, 1])) != everything


def test_weights_say_how_often_a_sample_comes_and_the_quota_stays_exact() -> None:
    weights = [1.0, 2.5, 0.0, 0.5] + [3.0, 1.0]
    batches = [[index for index, _ in batch] for batch in Batches((4, 2), (3, 2), steps=4000, seed=1, weights=weights)]
    assert all(sum(i >= 4 for i in batch) == 2 for batch in batches)
    flat = np.bincount([i for batch in batches for i in batch], minlength=6)
    np.testing.assert_allclose(flat[:4] / 12000, np.array(weights[:4]) / 4, atol=0.01)
    np.testing.assert_allclose(flat[4:] / 8000, np.array(weights[4:]) / 4, atol=0.01)
    equal = list(Batches((5, 4), (2, 2), steps=10, seed=3, weights=[2.0] * 9))
    assert equal == list(Batches((5, 4), (2, 2), steps=10, seed=3))


def test_the_quota_changes_between_phases_and_a_resumed_training_sees_the_same() -> None:
    batches = Batches((5, 4), (3, 0), steps=10, seed=2, phases=[(4, (0, 3)), (8, (1, 2))])
    kinds = [sum(i >= 5 for i, _ in batch) for batch in batches]
    assert kinds == [0] * 4 + [3] * 4 + [2] * 2
    resumed = Batches((5, 4), (3, 0), steps=10, seed=2, start=6, phases=[(4, (0, 3)), (8, (1, 2))])
    assert list(resumed) == list(batches)[6:]


def test_masks_say_where_each_target_is_seen(toys: Toys) -> None:
    data = dataset.load(toys("a", 1, size=(300, 300)))
    mask = np.zeros((300, 300), np.uint16)
    for instance, a in enumerate(data.annotations, start=7):
        x, y, w, h = map(int, a["bbox"])
        mask[y : y + h, x : x + w] = a["instance"] = instance
        a["visible_fraction"] = 0.5
    data.annotations[0]["ignore"] = 1
    dataset.write_atomic(data.mask_path(data.images[0]), dataset.png_bytes(mask))
    (sample,) = read(data, data.class_names, (96, 96), masks=True)
    assert sample.objects is not None
    assert sample.objects.shape == (192, 192)
    assert sample.visible.tolist() == [0.5] * 3
    for row, box in enumerate(sample.boxes[sample.labels != IGNORED], start=1):
        ys, xs = (sample.objects == row).nonzero().T
        found = torch.tensor([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        torch.testing.assert_close(found.float(), box, atol=1.0, rtol=0)
    assert sample.objects.unique().tolist() == [0, 1, 2]
    assert read(data, data.class_names, (96, 96))[0].objects is None
    data.mask_path(data.images[0]).write_bytes(b"no picture")
    with pytest.raises(UserError, match="cannot be read as a mask"):
        read(data, data.class_names, (96, 96), masks=True)


def test_workers_give_the_same_pictures(toys: Toys) -> None:
    data = dataset.load(toys("a", 4))
    samples = read(data, data.class_names, (64, 64))
    config = AugmentConfig(copy_paste=0.5, mosaic=0.5, motion=5, temperature=0.5)

    def first(workers: int) -> list[torch.Tensor]:
        batches = Batches((2, 2), (1, 1), steps=3, seed=1)
        return [p for ps, _ in islice(loader(samples, Augmentation(config, (64, 64)), batches, workers), 3) for p in ps]

    alone = first(0)
    for a, b in zip(alone, first(1), strict=True):
        assert torch.equal(a, b)
