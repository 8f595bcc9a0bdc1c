"""What a render knows: encoded to [-1, 1], mirrored as geometry asks, missing files named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from coldstart.dataset import Dataset, write_atomic
from coldstart.errors import UserError
from coldstart.passes import encode
from gan.crops import Crops
from gan.data import open_domains
from gan.guide import GUIDES, read_guide

ALL = ["depth", "normals", "albedo", "edges"]


@pytest.fixture
def passes(renders: Dataset) -> Dataset:
    """The toy renders with passes: 1 m away, nothing in the first column; normals to the right; albedo by column."""
    for image in renders.images:
        size = (image["height"], image["width"])
        depth = np.ones(size, np.float32)
        depth[:, 0] = np.inf
        normals = np.zeros((*size, 3), np.float32)
        normals[..., 0], normals[..., 2] = 0.6, 0.8
        albedo = np.broadcast_to(np.linspace(0, 1, size[1], dtype=np.float32)[:, None], (*size, 3)).copy()
        for name, values in (("depth", depth), ("normals", normals), ("albedo", albedo)):
            write_atomic(renders.pass_path(image, name), encode(name, values))
    return renders


def test_every_guide_lies_in_its_range(passes: Dataset) -> None:
    found = {name: read_guide(passes, passes.images[0], [name]) for name in GUIDES}
    assert {name: values.shape[2] for name, values in found.items()} == {n: len(GUIDES[n][0]) for n in GUIDES}
    assert all(values.min() >= -1 and values.max() <= 1 for values in found.values())
    assert found["depth"][0, 5, 0] == pytest.approx(0, abs=1e-3)
    assert found["depth"][0, 0, 0] == -1
    assert found["albedo"][0, 0, 0] == -1
    x, y, side, _ = map(int, passes.annotations[0]["bbox"])
    edges = found["edges"][..., 0] > 0
    assert edges[y, x]
    assert edges[y - 1, x] if y else True
    assert not edges[y + 2 : y + side - 2, x + 2 : x + side - 2].any()
    inside = np.asarray(Picture.open(passes.mask_path(passes.images[0]))) > 0
    assert inside[y, x] and not inside.all()
    assert np.array_equal(found["objects"][..., 0], np.where(inside, 1, -1))


def test_mirrored_crops_turn_the_normals_with_them(passes: Dataset, photos: Path) -> None:
    data = Crops(open_domains(passes.root, photos, 32, guide=ALL), "unpaired", crop=32, length=20, seed=0)
    signs = set()
    for index in range(20):
        pair = data[index]
        assert pair.guide.shape == (8, 32, 32)
        mirrored = bool(pair.guide[4, 0, 0] > pair.guide[4, 0, -1])  # albedo rises to the right
        assert float(pair.guide[1].mean()) == pytest.approx(-0.6 if mirrored else 0.6, abs=1e-2)
        assert float(pair.guide[3].mean()) == pytest.approx(0.8, abs=1e-2)
        signs.add(mirrored)
    assert signs == {True, False}


def test_colours_stay_exact_beside_a_guide(passes: Dataset, photos: Path) -> None:
    plain, guided = (open_domains(passes.root, photos, 32, guide=guide)[0] for guide in ([], ALL))
    assert np.array_equal(plain[1][..., :4], guided[1][..., :4])


def test_a_missing_or_misfitting_pass_is_named(passes: Dataset, photos: Path) -> None:
    path = passes.pass_path(passes.images[2], "normals")
    write_atomic(path, encode("normals", np.zeros((4, 4, 3), np.float32)))
    with pytest.raises(UserError, match=r"normals/000002\.png: is 4×4, its picture is not"):
        open_domains(passes.root, photos, 32, guide=ALL)
    path.unlink()
    with pytest.raises(UserError, match=r"normals/000002\.png: no such file; render with passes=\[depth"):
        open_domains(passes.root, photos, 32, guide=ALL)


@pytest.mark.parametrize("name", ["objects", "edges"])
def test_a_missing_mask_is_named(renders: Dataset, name: str) -> None:
    renders.mask_path(renders.images[2]).unlink()
    read_guide(renders, renders.images[1], [name])
    with pytest.raises(
        UserError, match=rf"masks/000002\.png: no such file; the guide {name} needs renders with masks/"
    ):
        read_guide(renders, renders.images[2], [name])
