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
    (sample,) = read(data, data.class_names, (96, 96))
    assert sample.picture.shape == (3, 192, 192)
    x, y, width, height = data.annotations[2]["bbox"]
    torch.testing.assert_close(sample.boxes, torch.tensor([[x, y, x + width, y + height]]) * 192 / 300)


def test_exif_orientation_is_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    assert read_picture(tmp_path / "a.jpg").shape == (3, 20, 30)


def test_unreadable_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"a\.jpg: cannot be read as an image"):
        read_picture(tmp_path / "a.jpg")


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


def test_workers_give_the_same_pictures(toys: Toys) -> None:
    data = dataset.load(toys("a", 4))
    samples = read(data, data.class_names, (64, 64))

    def first(workers: int) -> list[torch.Tensor]:
        batches = Batches((0, 4), (0, 2), steps=3, seed=1)
        return [
            p
            for ps, _ in islice(loader(samples, Augmentation(AugmentConfig(), (64, 64)), batches, workers), 3)
            for p in ps
        ]

    alone = first(0)
    for a, b in zip(alone, first(1), strict=True):
        assert torch.equal(a, b)
