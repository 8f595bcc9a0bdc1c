import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageOps

from coldstart import lineage
from coldstart.dataset import Dataset, load, save, sha256
from coldstart.errors import UserError
from coldstart.split import SplitConfig, choose, folds, split
from coldstart.tracking import LoggerConfig

QUIET = LoggerConfig(kind="none")


def config(*args: Any, **keys: Any) -> SplitConfig:
    """Without a logger; toy pictures are all alike."""
    return SplitConfig(*args, **{"near_duplicates": False, "logger": QUIET, **keys})


Toy = Callable[..., Dataset]


def hashes(root: Path) -> list[str]:
    dataset = load(root)
    return [sha256(dataset.path(image)) for image in dataset.images]


def test_every_image_lands_on_one_side(toy: Toy, tmp_path: Path) -> None:
    data = toy("data", 10)
    split(config(str(data.root), str(tmp_path / "out"), train=4, seed=3))
    train, test = hashes(tmp_path / "out" / "train"), hashes(tmp_path / "out" / "test")
    assert (len(train), len(test)) == (4, 6)
    assert sorted(train + test) == sorted(hashes(data.root))
    sides = [load(tmp_path / "out" / side) for side in ("train", "test")]
    assert sum(len(side.annotations) for side in sides) == len(data.annotations)
    assert all(image["sha256"] == sha256(side.path(image)) for side in sides for image in side.images)
    card = lineage.read_card(tmp_path / "out" / "train")
    assert card["complete"]
    assert card["parents"]["data"]["sha256"] == lineage.fingerprint(data.root)


def test_the_seed_decides(toy: Toy) -> None:
    data = toy("data", 12)
    assert choose(data, 6, 1) == choose(data, 6, 1)
    assert len({frozenset(choose(data, 6, seed)["train"]) for seed in range(5)}) > 1


def test_a_fraction_is_of_the_photos(toy: Toy) -> None:
    sides = choose(toy("data", 8), 0.25, 0, val=0.5)
    assert {side: len(ids) for side, ids in sides.items()} == {"train": 2, "val": 4, "test": 2}


def test_identical_pictures_stay_together(toy: Toy) -> None:
    data = toy("data", 6)
    for copy in (1, 2):
        shutil.copyfile(data.path(data.images[0]), data.path(data.images[copy]))
    for seed in range(6):
        assert len(choose(data, 3, seed)["train"] & {1, 2, 3}) in (0, 3)


def test_a_rare_class_is_in_train(toy: Toy) -> None:
    data = toy("data", 10)
    # Only the last picture shows class 3.
    kept = [a for a in data.annotations if a["category_id"] != 3 or a["image_id"] == 10]
    save(Dataset(data.root, data.images, kept, data.categories))
    assert all(10 in choose(load(data.root), 2, seed)["train"] for seed in range(5))


def test_masks_go_along(toy: Toy, tmp_path: Path) -> None:
    data = toy("data", 2)
    (data.root / "masks").mkdir()
    for image in data.images:
        shutil.copyfile(data.path(image), data.mask_path(image))
    split(config(str(data.root), str(tmp_path / "out"), train=1))
    assert all(len(list((tmp_path / "out" / side / "masks").iterdir())) == 1 for side in ("train", "test"))


def test_passes_and_scenes_go_along_and_sources_lead_to_the_same_renders(renders: Toy, tmp_path: Path) -> None:
    data = renders("data", 2)
    for image in data.images:
        image["source"] = f"../before/{image['file_name']}"
    save(data)
    out = tmp_path / "deep" / "er" / "out"
    split(config(str(data.root), str(out), train=1))
    folders = {path.name for path in data.root.iterdir() if path.is_dir()}
    assert folders > {"images", "masks"}
    for side in ("train", "test"):
        assert {path.name for path in (out / side).iterdir() if path.is_dir()} == folders
        (image,) = load(out / side).images
        assert (out / side / image["source"]).resolve() == tmp_path / "before" / image["file_name"]


@pytest.mark.parametrize("train", [0, -1, 1.5, float("inf"), float("nan")])
def test_a_share_that_means_nothing_is_refused(train: float) -> None:
    with pytest.raises(UserError, match="train: must be a number of photos"):
        SplitConfig("data", "out", train=train)


@pytest.mark.parametrize("train", [4, 9, 0.01, 0.99])
def test_an_empty_side_is_refused_before_anything_is_written(toy: Toy, tmp_path: Path, train: float) -> None:
    data = toy("data", 4)
    with pytest.raises(UserError, match="leaves train or test empty"):
        split(config(str(data.root), str(tmp_path / "out"), train=train))
    assert not (tmp_path / "out").exists()


def test_nothing_but_identical_pictures_is_refused(toy: Toy) -> None:
    data = toy("data", 3)
    for image in data.images[1:]:
        shutil.copyfile(data.path(data.images[0]), data.path(image))
    with pytest.raises(
        UserError, match=r"1 groups of photos that belong together .* leave test empty|leave train empty"
    ):
        choose(data, 2, 0)


def test_a_finished_split_is_left_alone(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = config(str(toy("data", 4).root), str(tmp_path / "out"), train=2)
    split(wanted)
    before = (tmp_path / "out" / "train" / "annotations.json").stat().st_mtime_ns
    split(wanted)
    assert "already complete" in capsys.readouterr().out
    assert (tmp_path / "out" / "train" / "annotations.json").stat().st_mtime_ns == before


def test_folds_test_every_picture_once(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = toy("data", 7)
    shutil.copyfile(data.path(data.images[0]), data.path(data.images[1]))
    split(config(str(data.root), str(tmp_path / "out"), folds=3))
    assert "7 photos, 6 groups that stay together, the largest of 2" in capsys.readouterr().out
    tests = [hashes(tmp_path / "out" / f"fold{k}" / "test") for k in range(3)]
    trains = [hashes(tmp_path / "out" / f"fold{k}" / "train") for k in range(3)]
    assert sorted(h for test in tests for h in test) == sorted(hashes(data.root))
    for train, test in zip(trains, tests, strict=True):
        assert not set(train) & set(test)
        assert len(train) + len(test) == 7
    assert lineage.read_card(tmp_path / "out" / "fold1" / "test")["config"]["side"] == "test"


def test_too_many_folds_are_refused(toy: Toy) -> None:
    with pytest.raises(UserError, match=r"has 3 groups .* too few for folds=4"):
        folds(toy("data", 3), 4, 0)
    with pytest.raises(UserError, match="at least 2, got 1"):
        SplitConfig("data", "out", folds=1)


def test_sessions_stay_together_and_a_single_one_is_said(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = toy("data", 6)
    for k, image in enumerate(data.images):  # three at noon, three an hour later
        name = f"IMG_20240131_{12 + k // 3}0{k}00.png"
        data.path(image).rename(data.root / "images" / name)
        image["file_name"] = name
    save(data)
    for seed in range(4):
        assert choose(data, 3, seed)["train"] in ({1, 2, 3}, {4, 5, 6})
    split(config(str(data.root), str(tmp_path / "out"), train=2, session_gap=9999))
    assert "all photos are of one session, which is split nevertheless" in capsys.readouterr().out
    assert len(hashes(tmp_path / "out" / "train")) == 2


def test_photos_that_a_translator_has_learned_from_go_to_train(toy: Toy, tmp_path: Path) -> None:
    data, gan = toy("data", 6), tmp_path / "gan"
    seen = tmp_path / "seen"
    seen.mkdir()
    for k in (1, 4):
        shutil.copyfile(data.path(data.images[k]), seen / f"{k}.png")
    lineage.claim(gan, "gan.train", {}, {"target": seen})
    (gan / "generator.safetensors").touch()
    translated = tmp_path / "translated"
    lineage.claim(translated, "gan.translate", {}, {"checkpoint": gan / "generator.safetensors", "source": data.root})
    for seed in range(3):
        out = tmp_path / f"out{seed}"
        split(config(str(data.root), str(out), 3, seed=seed, translators=[str(translated)]))
        assert {sha256(p) for p in seen.iterdir()} <= set(hashes(out / "train"))
    with pytest.raises(UserError, match="2 of its photos taught a translator"):
        split(config(str(data.root), str(tmp_path / "no"), 1, translators=[str(translated)]))
    with pytest.raises(UserError, match=r"has no card\.json"):
        split(config(str(data.root), str(tmp_path / "no"), 3, translators=[str(seen)]))
    assert not (tmp_path / "no").exists()


def test_nearly_equal_photos_stay_together(toy: Toy, tmp_path: Path) -> None:
    data = toy("data", 4)
    random = np.random.default_rng(0)
    for image in data.images[:3]:
        pixels = random.integers(0, 255, (4, 3, 3), dtype=np.uint8)
        Picture.fromarray(pixels).resize((96, 128), Picture.Resampling.BICUBIC).save(data.path(image))
    with Picture.open(data.path(data.images[2])) as picture:
        ImageOps.mirror(picture).point(lambda v: min(255, v + 6)).save(data.path(data.images[3]))
    split(config(str(data.root), str(tmp_path / "out"), folds=3, near_duplicates=True))
    tests = [hashes(tmp_path / "out" / f"fold{k}" / "test") for k in range(3)]
    assert sorted(hashes(data.root)[2:]) in [sorted(test) for test in tests]
