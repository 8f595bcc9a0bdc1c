"""Photos with a texture of their own each, so that only what is made of one another is alike."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageOps

from coldstart import lineage
from coldstart.dataset import Annotation, Dataset, Image, categories_from, load, save
from coldstart.errors import UserError
from coldstart.leaks import refuse_leaks


def photos(root: Path, *seeds: int, card: tuple[Any, ...] | None = None) -> Dataset:
    """Each seed gives its own picture; `card` is what the folder's card says it is."""
    if card:
        lineage.claim(root, *card)
    (root / "images").mkdir(parents=True)
    images: list[Image] = []
    annotations: list[Annotation] = []
    for i, seed in enumerate(seeds, start=1):
        pixels = np.random.default_rng(seed).integers(0, 255, (4, 3, 3), dtype=np.uint8)
        Picture.fromarray(pixels).resize((60, 80), Picture.Resampling.BICUBIC).save(root / "images" / f"{seed}.png")
        images.append({"id": i, "file_name": f"{seed}.png", "width": 60, "height": 80})
        box = [1.0 * seed, 2.0, 30.0, 40.0]
        annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": box, "area": 1200.0, "iscrowd": 0})
    save(Dataset(root, images, annotations, categories_from(["milk"])))
    return load(root)


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Dataset, Dataset]:
    split = tmp_path / "split"
    train = photos(split / "train", 1, 2, card=("split", {"side": "train"}))
    return train, photos(split / "test", 3, 4, card=("split", {"side": "test"}))


def test_sides_that_share_nothing_pass(sides: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    refuse_leaks([sides[0]], tmp_path / "out")
    refuse_leaks([sides[0], photos(tmp_path / "more", 8, 9)], tmp_path / "out", [str(sides[1].root)])


def test_a_copy_and_a_mirrored_brighter_one_are_named_with_their_pairs(
    sides: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    train, test = sides
    more = photos(tmp_path / "more", 6, 7)
    shutil.copyfile(test.path(test.images[0]), more.path(more.images[0]))
    with Picture.open(test.path(test.images[1])) as picture:
        ImageOps.mirror(picture).point(lambda v: min(255, v + 8)).save(more.path(more.images[1]))
    with pytest.raises(UserError) as caught:
        refuse_leaks([train, more], tmp_path / "out")
    message = str(caught.value)
    assert message.startswith("2 pairs of pictures")
    assert f"{more.path(more.images[0])} and {test.path(test.images[0])} (equal files)" in message
    assert f"{more.path(more.images[1])} and {test.path(test.images[1])} (mirrored, nearly equal)" in message


def test_a_folder_that_belongs_to_no_split_is_checked_against_those_near(
    sides: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    whole = photos(tmp_path / "whole", 3, 5)
    with pytest.raises(UserError, match=r"whole/images/3\.png and \S+test/images/3\.png \(equal files\)"):
        refuse_leaks([whole], tmp_path / "out")


def test_translations_whose_translator_has_seen_a_test_photo_are_refused(
    sides: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    train, test = sides
    for target, refused in ((train, False), (test, True)):
        gan, made = tmp_path / f"gan{refused}", tmp_path / f"made{refused}"
        lineage.claim(gan, "gan.train", {}, {"target": target.root})
        (gan / "generator.safetensors").touch()
        folder = photos(made, 20, 21, card=("gan.translate", {}, {"checkpoint": gan / "generator.safetensors"}))
        if not refused:
            refuse_leaks([folder, train], tmp_path / "out")
            continue
        with pytest.raises(UserError, match=r"3\.png .*, learned from by the translator of \S+madeTrue"):
            refuse_leaks([folder, train], tmp_path / "out")
    shutil.rmtree(test.root)
    with pytest.raises(UserError, match=r"learned from .*test, which is not there"):
        refuse_leaks([load(tmp_path / "madeTrue")], tmp_path / "out")


def test_a_held_out_render_in_another_look_is_one_scene(tmp_path: Path) -> None:
    ours, theirs = photos(tmp_path / "ours", 1, 2), photos(tmp_path / "theirs", 1, 5)
    for folder, add in ((ours, 0), (theirs, 9)):
        for index, image in enumerate(folder.images):
            image |= {"seed": 7, "index": index}
            with Picture.open(folder.path(image)) as picture:
                picture.point(lambda v, add=add: max(0, 250 - v - add)).save(folder.path(image))
        save(folder)
    # Number 1 of the other folder is of another scene's config: the same seed and number, but another place.
    with pytest.raises(UserError, match=r"^1 pairs .*ours/images/1\.png and \S+theirs/images/1\.png \(one scene\)"):
        refuse_leaks([ours], tmp_path / "out", [str(theirs.root)])
