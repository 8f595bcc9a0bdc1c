import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from coldstart import dataset
from coldstart.errors import UserError
from detect import detectors
from detect.detectors import Checkpoint
from detect.held_out import EarlyStopping, HoldOutConfig, Measurement, divide

Toys = Callable[..., Path]


def test_a_part_of_each_folder_is_held_out(toys: Toys) -> None:
    folders = [dataset.load(toys(name, count, seed=seed)) for name, count, seed in (("a", 8, 1), ("b", 4, 2))]
    kept, held = divide(folders, 0.25, 0)
    for folder, left, out in zip(folders, kept, held, strict=True):
        ids = [{image["id"] for image in part.images} for part in (folder, left, out)]
        assert ids[1] | ids[2] == ids[0]
        assert not ids[1] & ids[2]
        assert len(ids[2]) == len(ids[0]) // 4
        for part in (left, out):
            assert {a["image_id"] for a in part.annotations} == {image["id"] for image in part.images}
    assert divide(folders, 0.25, 0) == (kept, held)


def test_copies_are_held_out_together_and_too_few_are_refused(toys: Toys) -> None:
    root = toys("a", 4)
    shutil.copy(root / "images" / "000.png", root / "images" / "001.png")
    folder = dataset.load(root)
    for seed in range(6):
        (kept,), _ = divide([folder], 0.5, seed)
        assert len({1, 2} & {image["id"] for image in kept.images}) in (0, 2)
    with pytest.raises(UserError, match=r"hold_out\.fraction=0\.1: .*leaves train or test empty"):
        divide([folder], 0.1, 0)


def test_a_scene_in_two_folders_is_held_out_of_both(toys: Toys, tmp_path: Path) -> None:
    renders, translated = dataset.load(toys("a", 8, seed=1)), dataset.load(toys("b", 6, seed=2))
    for image in translated.images:
        image["source"] = f"../a/images/{image['file_name']}"
    for seed in range(6):
        kept, held = divide([renders, translated], 0.3, seed)
        names = [{image["file_name"] for part in parts for image in part.images} for parts in (kept, held)]
        assert not names[0] & names[1]


def test_a_part_without_a_box_is_refused(toys: Toys) -> None:
    folder = dataset.load(toys("a", 4))
    none = dataset.Dataset(folder.root, folder.images, [], folder.categories)
    with pytest.raises(UserError, match="no held-out picture has a box"):
        divide([none], 0.5, 0)


def test_it_waits_for_the_last_phase(toys: Toys, tmp_path: Path) -> None:
    model = detectors.build(settings := detectors.check({"name": "fcos_lite0", "pretrained": False}), 3)
    checkpoint = Checkpoint(model, settings, ["square", "disc", "bar"], (64, 64))
    held = [dataset.load(toys("a", 1))]
    stopping = EarlyStopping(HoldOutConfig(0.5, patience=2), 100, held, checkpoint, tmp_path, from_step=40)
    for step, stopped in ((10, False), (20, False), (40, False), (50, False), (60, True)):
        stopping.history.append(Measurement(step, 0.0))
        assert stopping.stopped == stopped


def test_it_stops_after_so_many_measurements_without_a_new_best(toys: Toys, tmp_path: Path) -> None:
    model = detectors.build(settings := detectors.check({"name": "fcos_lite0", "pretrained": False}), 4)
    folders = [dataset.load(toys("a", 2)), dataset.load(toys("b", 1, names=["bar", "cup", "disc"]))]
    checkpoint = Checkpoint(model, settings, ["square", "disc", "bar", "cup"], (64, 64))
    stopping = EarlyStopping(HoldOutConfig(0.5, patience=2), 100, folders, checkpoint, tmp_path)
    assert [image["id"] for image in stopping.truth.images] == [1, 2, 3]
    assert [len(stopping.truth.by_image()[i]) for i in (1, 2, 3)] == [3, 3, 3]
    assert {a["category_id"] for a in stopping.truth.by_image()[3]} == {2, 3, 4}, "by name, not by id"
    assert [tuple(framed.shape) for framed, _ in stopping.pictures] == [(3, 64, 64)] * 3
    for count, (ap, stopped) in enumerate([(0.1, False), (0.3, False), (0.3, False), (0.2, True)]):
        stopping.history.append(Measurement(10 * count, ap))
        assert stopping.stopped == stopped
    assert stopping.best == (10, 0.3)
    stopping.weights = {"a": torch.ones(1)}
    other = EarlyStopping(HoldOutConfig(0.5, patience=0), 100, folders, checkpoint, tmp_path)
    other.load_state_dict(stopping.state_dict())
    assert (other.history, other.weights) == (stopping.history, stopping.weights)
    assert not other.stopped, "patience 0 never stops"


@pytest.mark.parametrize(
    ("keys", "message"), [({"fraction": 1.0}, r"hold_out\.fraction: 1\.0"), ({"every": 0}, r"hold_out\.every")]
)
def test_bad_keys_are_named(keys: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        HoldOutConfig(**keys)  # type: ignore[arg-type]
