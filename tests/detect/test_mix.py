import dataclasses
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from coldstart import cli, dataset, lineage
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from detect import data
from detect.augment import Augmentation, AugmentConfig
from detect.held_out import HoldOutConfig
from detect.mix import Mix
from detect.train import TrainConfig, prepare

Toys = Callable[..., Path]
BOTH: dict[str, Any] = {"synthetic": ["a"], "real": ["b"]}


def test_mix_follows_the_given_folders() -> None:
    assert Mix(synthetic="a").synthetic == ["a"]
    assert [Mix(**keys).mix for keys in ({"synthetic": ["a"]}, {"real": ["b"]}, BOTH)] == ["synthetic", "real", "joint"]
    quotas = {mix: Mix(**BOTH, mix=mix, batch=8).quota for mix in ("joint", "real", "synthetic", "pretrain_finetune")}
    assert quotas == {"joint": (6, 2), "real": (0, 8), "synthetic": (8, 0), "pretrain_finetune": (8, 0)}
    assert Mix(**BOTH, batch=8).phases(100) == []
    assert Mix(**BOTH, mix="pretrain_finetune", finetune=0.4, batch=8).phases(100) == [(60, (0, 8))]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "no training data; give synthetic="),
        ({"real": ["a"], "mix": "joint"}, r"mix=joint needs synthetic=\[DIR"),
        ({"synthetic": ["a"], "mix": "pretrain_finetune"}, r"mix=pretrain_finetune needs real=\[DIR"),
        ({**BOTH, "finetune": 1.0}, "finetune: 1.0 is not between 0 and 1"),
        ({**BOTH, "real_weights": [1, 2]}, r"real_weights: \[1, 2\] is not one number from 0 for each folder"),
        ({**BOTH, "synthetic_weights": [0]}, "synthetic_weights: .* one of them above 0"),
        ({**BOTH, "sampling_weights": {"cup": -1}}, "has a weight below 0"),
    ],
)
def test_bad_keys_are_named(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Mix(**keys)


def test_weights_of_folders_and_classes(toys: Toys) -> None:
    folders = [dataset.load(toys(name, count)) for name, count in (("a", 2), ("b", 4), ("c", 3))]
    # In folder c, the second picture shows no bar and the third nothing.
    c = folders[2]
    kept = [a for a in c.annotations if (a["image_id"], a["category_id"]) != (2, 3) and a["image_id"] != 3]
    c = dataset.Dataset(c.root, c.images, kept, c.categories)
    keys: dict[str, Any] = {"synthetic": ["a", "b"], "real": ["c"]}
    assert Mix(**keys).weights(folders[:2], [c]) == [1.0] * 9
    weights = Mix(**keys, synthetic_weights=[3, 1], sampling_weights={"bar": 2.0, "disc": 0.5}).weights(
        folders[:2], [c]
    )
    assert weights == [3 / 2 * 2] * 2 + [1 / 4 * 2] * 4 + [2.0, 1.0, 1.0]
    assert Mix(**keys, real_weights=[2], mix="synthetic").weights(folders[:2], []) == [1.0] * 6
    shares = np.array(weights[:6])
    assert shares[:2].sum() / shares.sum() == pytest.approx(0.75)
    with pytest.raises(UserError, match="no class 'cup'; there are bar, disc, square"):
        Mix(**keys, sampling_weights={"cup": 2.0}).weights(folders[:2], [c])


def test_composed_batches_go_on_where_they_stopped(toys: Toys) -> None:
    """With everything that is drawn, batch k depends on seed and k alone, and its quota is exact."""
    mix = Mix(**BOTH, mix="pretrain_finetune", batch=4)
    folders = [dataset.load(toys(name, 3)) for name in "ab"]
    samples = [sample for folder in folders for sample in data.read(folder, folder.class_names, (64, 64), masks=True)]
    augmentation = Augmentation(AugmentConfig(copy_paste=0.6, mosaic=0.4, temperature=0.5), (64, 64))

    def batches(start: int) -> list[Any]:
        order = data.Batches((3, 3), mix.quota, 6, [5, 0], start, weights=[1, 2, 3, 1, 1, 1], phases=mix.phases(6))
        torch.manual_seed(start)  # what is drawn elsewhere does not matter
        return list(islice(data.loader(samples, augmentation, order, 0), 6 - start))

    for whole, resumed in zip(batches(0)[3:], batches(3), strict=True):
        for one, other in zip(whole[0], resumed[0], strict=True):
            assert torch.equal(one, other)
        for one, other in zip(whole[1], resumed[1], strict=True):
            assert torch.equal(one["boxes"], other["boxes"])


def test_a_leak_stops_a_training_before_anything_is_written(toys: Toys, tmp_path: Path) -> None:
    train, test = toys("split/train", 2), toys("split/test", 2, seed=1)
    for folder in (train, test):
        moved = folder.with_name("moved")
        folder.rename(moved)
        lineage.claim(folder, "split", {"side": folder.name})
        shutil.copytree(moved, folder, dirs_exist_ok=True)
        shutil.rmtree(moved)
    shutil.copyfile(test / "images" / "000.png", train / "images" / "001.png")
    copied = tmp_path / "copied"
    shutil.copytree(train, copied)
    (copied / "card.json").unlink()
    config = TrainConfig(
        detector={"name": "fcos_lite0"}, logger=LoggerConfig(kind="none"), out=str(tmp_path / "o"), real=[str(train)]
    )
    with pytest.raises(
        UserError, match=r"split/train/images/001\.png and \S+split/test/images/000\.png \(equal files\)"
    ):
        prepare(config)
    for seed in range(4):  # whichever picture is held out to choose the detector by
        with pytest.raises(UserError, match="equal files"):
            prepare(dataclasses.replace(config, hold_out=HoldOutConfig(0.5), seed=seed))
    assert prepare(dataclasses.replace(config, leak_check=False)).real
    with pytest.raises(UserError, match="equal files"):  # also where another folder is the one to hold out
        prepare(dataclasses.replace(config, real=[str(copied)], held_out=[str(train)]))


def test_weights_of_classes_can_be_given_on_the_command_line() -> None:
    config = cli.compose("detect_train", ["real=[a]", "out=o", "sampling_weights={squash: 2}", "real_weights=[3]"])
    typed = cli.typed(TrainConfig, config)
    assert (typed.sampling_weights, typed.real_weights) == ({"squash": 2.0}, [3.0])
