import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from coldstart import cli, training
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from detect import class_folders, classifier
from detect.classify import ClassifyConfig, Material, classify, prepare, score, table
from detect.groups import parts
from tests.checkpoints import same, state

COLOURS = {"green": (40, 200, 60), "red": (220, 40, 40)}


def make_classes(root: Path, count: int = 6) -> Path:
    """Noise in two colours, a folder each."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            noise = rng.integers(-40, 40, (8, 8, 3)) + np.array(colour)
            picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8)).resize((40, 48), Image.Resampling.NEAREST)
            picture.save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_classes(tmp_path_factory.mktemp("classes") / "photos")


@pytest.fixture
def config(classes: Path, tmp_path: Path) -> Callable[..., ClassifyConfig]:
    """Eight steps of 4 at 32×32 into a folder of that name."""

    def make(name: str, **keys: Any) -> ClassifyConfig:
        defaults: dict[str, Any] = {
            "logger": LoggerConfig(kind="none"),
            "data": str(classes),
            "out": str(tmp_path / name),
            "size": [32, 32],
            "near_duplicates": False,
            "batch": 4,
            "steps": 8,
            "range_steps": 0,
            "draws": 50,
            "checkpoint_every": 4,
            "accelerator": "cpu",
            "precision": "32-true",
        }
        return ClassifyConfig(**{**defaults, **keys})

    return make


def test_it_tells_two_colours_apart_with_the_rate_of_its_range_test_and_can_be_used(
    config: Callable[..., ClassifyConfig], classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classify(config("out", steps=16, range_steps=16, near_duplicates=True))
    out = tmp_path / "out"
    results = json.loads((out / "results.json").read_text())
    assert results["top1"] == 1.0
    assert results["intervals"] == {"top1": [1.0, 1.0]}
    assert results["lr"] == json.loads((out / "lr.json").read_text())["lr"]
    assert results["images"]["train"] + results["images"]["test"] == 12
    assert np.trace(results["confusion"]["counts"]) == results["images"]["test"] == len(results["predictions"])
    for name in ("confusion", "embedding", "lr"):
        with Image.open(out / f"{name}.png") as picture:
            assert min(picture.size) > 100
    with Image.open(out / "batch.png") as picture:
        assert picture.size == (4 * 32, 32)
    loaded = classifier.load(out / "classifier.safetensors")
    seen = classifier.look(loaded, [class_folders.read(classes / n / "0.png", (32, 32)) for n in COLOURS], "cpu")
    assert [loaded.class_names[k] for k in seen.probabilities.argmax(axis=1)] == list(COLOURS)
    assert seen.features.shape == (2, 1280)
    assert seen.probabilities.sum(axis=1) == pytest.approx(1)
    assert "top-1 1.000, 95 % 1.000–1.000 on" in capsys.readouterr().out
    classify(config("out", steps=16, range_steps=16, near_duplicates=True))
    assert "already there" in capsys.readouterr().out


def test_a_range_test_longer_than_the_training_reaches_its_end(config: Callable[..., ClassifyConfig]) -> None:
    shorter = config("shorter", steps=4, range_steps=12)
    classify(shorter)
    rates = json.loads((Path(shorter.out) / "lr.json").read_text())["curve"]["rates"]
    assert len(rates) > 4


def test_an_interrupted_training_ends_where_the_uninterrupted_one_does(
    config: Callable[..., ClassifyConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: dict[str, Any] = {"unfreeze": 0.7, "layer_decay": 0.9, "ema": 0.9}
    classify(config("whole", **keys))

    class KeepRun(training.KeepRun):
        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, what: Any, batch_idx: int) -> None:
            if batch_idx == 5:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "KeepRun", KeepRun)
        with pytest.raises(KeyboardInterrupt):
            classify(config("parts", **keys))
    assert training.saved_steps(tmp_path / "parts" / "last.ckpt") == 4
    assert not (tmp_path / "parts" / "results.json").exists()
    classify(config("parts", **keys))
    same(*(state(tmp_path / name) for name in ("whole", "parts")))
    same(*(load_file(tmp_path / name / "classifier.safetensors") for name in ("whole", "parts")))
    same(*(json.loads((tmp_path / name / "results.json").read_text()) for name in ("whole", "parts")))


def test_the_layers_form_groups_from_the_head_to_the_stem() -> None:
    model = classifier.Classifier(3, pretrained=False)
    found = parts(model)
    assert {id(p) for p in found[0]} == {id(p) for p in model.head.parameters()}
    assert len(found) == 1 + 1 + 7 + 1  # head, the last convolution, the stages, the stem
    assert {id(p) for part in found for p in part} == {id(p) for p in model.parameters() if p.requires_grad}


def test_top_1_and_its_interval_count_groups(config: Callable[..., ClassifyConfig]) -> None:
    found = class_folders.ClassFolders(Path("x"), ["a", "b"], [Path(f"x/{i}.png") for i in range(8)], [0, 0, 0, 1] * 2)
    sides = class_folders.Sides([0, 1, 2, 3], [4, 5, 6, 7], [0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1]] * 8)
    results = score(Material(config("out", draws=500), found, [], sides), probabilities)
    assert results["top1"] == results["majority"] == 0.75
    assert results["confusion"]["counts"] == [[3, 0], [1, 0]]
    # Two groups, one all right and one all wrong: a quarter of the samples holds one of them alone.
    assert results["intervals"]["top1"] == [0.0, 1.0]
    assert results["per_class"]["b"] == {"train": 1, "test": 1, "recall": 0.0, "precision": None}
    assert "\n7.png: taken for a (0.90)" in table(results)
    many = table({**results, "predictions": [results["predictions"][3]] * 12})
    assert many.count("7.png") == 10
    assert many.endswith("and 2 more, see results.json")
    assert results["predictions"][3] == {"file": "7.png", "class": "b", "found": "a", "probability": 0.9}


def test_copies_stay_on_one_side_and_every_class_is_on_both(
    config: Callable[..., ClassifyConfig], tmp_path: Path
) -> None:
    root = make_classes(tmp_path / "photos", 4)
    for name in COLOURS:
        for i in range(4):
            with Image.open(root / name / f"{i}.png") as picture:
                picture.resize((80, 96)).save(root / name / f"{i} copy.png")
    material = prepare(config("out", near_duplicates=True, train=0.5), class_folders.find(root))
    side = dict.fromkeys(material.sides.test, "test") | dict.fromkeys(material.sides.train, "train")
    place = {material.found.name(i): i for i in range(16)}
    assert all(side[place[f"{n}/{i}.png"]] == side[place[f"{n}/{i} copy.png"]] for n in COLOURS for i in range(4))
    for part in (material.sides.train, material.sides.test):
        assert {material.found.labels[i] for i in part} == {0, 1}
    assert material.pictures[place["red/0 copy.png"]].shape == (3, 64, 53), "at most twice the input size"


def test_turned_pictures_are_read_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg", exif=exif)
    assert class_folders.read(tmp_path / "a.jpg", (32, 32)).shape == (3, 20, 10)


def break_class(root: Path, how: str) -> None:
    if how == "empty":
        (root / "blue").mkdir()
    elif how == "broken":
        (root / "red" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    elif how == "both":
        (root / "red" / "twin.png").write_bytes((root / "green" / "0.png").read_bytes())
    elif how == "outside":
        (root / "red" / "far.png").symlink_to(root.parent / "elsewhere.png")
        Image.new("RGB", (9, 9)).save(root.parent / "elsewhere.png")
    elif how == "single":
        (root / "red").rename(root / ".red")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("empty", r"blue: holds no photo"),
        ("broken", r"red/0\.png: cannot be read as an image"),
        ("both", r"green/0\.png and red/twin\.png are the same file in two classes"),
        ("outside", r"far\.png: leads out of"),
        ("single", r"holds 1 folders of pictures"),
    ],
)
def test_bad_folders_are_named_and_nothing_is_written(
    config: Callable[..., ClassifyConfig], tmp_path: Path, how: str, message: str
) -> None:
    break_class(make_classes(tmp_path / "photos", 2), how)
    with pytest.raises(UserError, match=message):
        classify(config("out", data=str(tmp_path / "photos"), near_duplicates=how == "both"))
    assert not (tmp_path / "out").exists()


def test_what_is_no_picture_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_classes(tmp_path / "photos", 2)
    (root / "notes.txt").touch()
    (root / "red" / "0.json").touch()
    assert class_folders.find(root).counts() == {"green": 2, "red": 2}
    assert "2 left out that are no pictures in a class: notes.txt, red/0.json" in capsys.readouterr().out


def test_a_picture_that_moved_to_another_class_is_another_run(
    config: Callable[..., ClassifyConfig], tmp_path: Path
) -> None:
    root = make_classes(tmp_path / "photos", 3)
    (root / "red" / "0.png").unlink()
    classify(config("out", data=str(root), steps=1))
    (root / "green" / "2.png").rename(root / "red" / "0.png")
    with pytest.raises(UserError, match="holds data of another config"):
        classify(config("out", data=str(root), steps=1))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"train": 1.5}, "train: must be"),
        ({"batch": 0}, "batch: 0"),
        ({"size": [16, 160]}, r"size: \[16, 160\]"),
        ({"range_steps": 5}, "range_steps: 5"),
        ({"workers": -1}, "workers: -1"),
    ],
)
def test_bad_keys_are_named(config: Callable[..., ClassifyConfig], keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        config("out", **keys)


def test_a_file_that_is_no_classifier_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"none")
    with pytest.raises(UserError, match=r"a\.safetensors: is no classifier .*; give detect\.classify's"):
        classifier.load(tmp_path / "a.safetensors")


def test_the_defaults_of_the_command_are_those_of_its_config() -> None:
    given = cli.typed(ClassifyConfig, cli.compose("detect_classify", ["data=x", "out=y", "logger=none"]))
    assert given == ClassifyConfig(logger=LoggerConfig(kind="none"), data="x", out="y")


def test_a_training_loss_is_that_of_its_labels() -> None:
    model = classifier.Classifier(2, pretrained=False)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([0.0, np.log(3.0)]))
    losses = model([torch.zeros(3, 32, 32)] * 2, [{"labels": torch.tensor([k])} for k in (0, 1)])
    assert float(losses["classification"].detach()) == pytest.approx(-(np.log(0.25) + np.log(0.75)) / 2)
