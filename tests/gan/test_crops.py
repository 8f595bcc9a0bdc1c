"""Crops that depend on seed and index alone, and what a render knows going with them."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from coldstart.dataset import Dataset
from coldstart.errors import UserError
from gan.crops import Crops, From
from gan.data import Pictures, Renders, from_tensor, open_domains


def crops(domains: tuple[Renders, Pictures], seed: int = 0) -> Crops:
    return Crops(domains, "unpaired", crop=32, length=100, seed=seed)


def test_crops_depend_on_seed_and_index_alone(renders: Dataset, photos: Path) -> None:
    domains = open_domains(renders.root, photos, crop=32)
    first, again, other = crops(domains), crops(domains), crops(domains, seed=1)
    for index in (0, 7, 99):
        assert all(map(torch.equal, first[index], again[index]))
    assert not torch.equal(first[0][0], first[1][0])
    assert not torch.equal(first[0][0], other[0][0])
    assert [tuple(part.shape) for part in first[0]] == [(3, 32, 32), (3, 32, 32), (1, 32, 32), (0, 32, 32)]


def test_every_round_shows_every_picture_once(renders: Dataset, photos: Path) -> None:
    source, target = open_domains(renders.root, photos, crop=32)
    # Each picture is one colour, so that a crop tells which it is.
    source.kept = [np.full((48, 64, 4), value, np.uint8) for value in range(4)]
    data = Crops((source, target), "unpaired", crop=32, length=40, seed=3)
    seen = [int(from_tensor(data[i][0])[0, 0, 0]) for i in range(40)]
    rounds = [seen[i : i + 4] for i in range(0, 40, 4)]
    assert all(Counter(r) == Counter(range(4)) for r in rounds)
    assert len({tuple(r) for r in rounds}) > 3


def test_half_of_the_crops_are_mirrored(renders: Dataset, photos: Path) -> None:
    source, target = open_domains(renders.root, photos, crop=32)
    ramp = np.arange(64, dtype=np.uint8)[None, :, None].repeat(48, 0).repeat(4, 2)
    source.kept = [ramp] * 4
    data = Crops((source, target), "unpaired", crop=32, length=200, seed=0)
    mirrored = sum(bool(data[i][0][0, 0, 0] > data[i][0][0, 0, -1]) for i in range(200))
    assert 70 < mirrored < 130


def test_sampler_goes_on_where_it_is_told() -> None:
    assert list(From(6, 10)) == [6, 7, 8, 9]
    assert len(From(6, 10)) == 10
    assert list(From(5, 12, 2)) == [5, 7, 9, 11]
    assert len(From(5, 12, 2)) == 6


def test_objects_follow_the_mask_through_crop_and_mirror(renders: Dataset, photos: Path) -> None:
    data = crops(open_domains(renders.root, photos, crop=32))
    shown = 0
    for index in range(20):
        pair = data[index]
        red = (pair.source[0] - pair.source[2] > 0.5).float()
        assert torch.equal(pair.objects[0], red)
        shown += int(red.sum() > 0)
    assert shown > 5


def test_without_masks_nothing_is_an_object_and_a_misfit_is_named(renders: Dataset, photos: Path) -> None:
    mask = renders.mask_path(renders.images[1])
    Picture.new("I;16", (8, 8)).save(mask)
    with pytest.raises(UserError, match=r"masks/000001\.png: is no mask of its picture's 64×48"):
        open_domains(renders.root, photos, crop=32)
    mask.write_bytes(b"no")
    with pytest.raises(UserError, match=r"masks/000001\.png: cannot be read as a mask"):
        open_domains(renders.root, photos, crop=32)
    shutil.rmtree(renders.root / "masks")
    assert not crops(open_domains(renders.root, photos, crop=32))[0].objects.any()
