"""A training measures itself on renders it does not see, keeps the best, stops early, and says what is not measured."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image as Picture

from coldstart import cli, lineage, training
from coldstart.dataset import Dataset, load
from coldstart.errors import UserError
from gan import held_out
from gan.audit import Limits, audit_folder, audit_pictures, retained_share
from gan.checkpoint import load_generator
from gan.crops import Crops
from gan.data import Renders, from_tensor, open_domains, to_tensor
from gan.evaluate import EvaluateConfig, evaluate
from gan.held_out import HeldOut, Scores, divide
from gan.metrics.distances import Estimate
from gan.networks import ResnetGenerator
from gan.train import train
from gan.translate import translate, translate_image
from tests.gan.conftest import write_renders

CPU = torch.device("cpu")


@pytest.fixture
def many(tmp_path: Path) -> Dataset:
    """Twenty renders, of which four are held out."""
    return write_renders(tmp_path / "many", 20, (64, 48))


def test_renders_are_on_one_side_alone_and_pairs_stay_together(many: Dataset, photos: Path, tmp_path: Path) -> None:
    source, target = open_domains(many.root, photos, 32)
    (rest, seen), held = divide(source, target, wanted=4, seed=3, aligned=False)
    assert held is not None
    assert (len(rest), len(held[0])) == (16, 4)
    assert {*rest.paths, *held[0].paths} == set(source.paths)
    assert seen is held[1] is target
    names = [image["file_name"] for image in held[0].folder.images]
    assert names == [path.name for path in held[0].paths]
    assert {a["image_id"] for a in held[0].folder.annotations} == {image["id"] for image in held[0].folder.images}
    again = divide(source, target, wanted=4, seed=3, aligned=False)[1]
    other = divide(source, target, wanted=4, seed=4, aligned=False)[1]
    assert again is not None
    assert other is not None
    assert again[0].paths == held[0].paths != other[0].paths
    looks = shutil.copytree(many.root / "images", tmp_path / "looks")
    both, partners = divide(*open_domains(many.root, looks, 32, aligned=True), wanted=9, seed=0, aligned=True)
    assert partners is not None
    for renders, partner in (both, partners):
        assert [p.name for p in partner.paths] == [p.name for p in renders.paths]
    drawn = {Crops((rest, seen), "unpaired", crop=32, length=64, seed=0).source.paths[i] for i in range(16)}
    assert not drawn & set(held[0].paths)


def test_looks_of_a_scene_are_on_one_side(many: Dataset, photos: Path) -> None:
    source, target = open_domains(many.root, photos, 32)
    for number, image in enumerate(source.folder.images):
        image["index"] = number // 2
    (rest, _), held = divide(source, target, wanted=4, seed=3, aligned=False)
    assert held is not None
    scenes = [{image["index"] for image in part.folder.images} for part in (rest, held[0])]
    assert (len(rest), len(held[0]), scenes[0] & scenes[1]) == (16, 4, set())
    for image in source.folder.images:
        image["index"] = 0
    assert divide(source, target, wanted=4, seed=3, aligned=False)[1] is None


def test_few_renders_or_photos_and_absent_weights_are_said_once(
    many: Dataset, photos: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = open_domains(many.root, photos, 32)
    few = source.part(range(19))
    (rest, _), held = divide(few, target, wanted=9, seed=0, aligned=False)
    assert rest is few
    assert held is None
    assert (
        capsys.readouterr().out
        == "not measured while training: of 19 renders fewer than 4 would be held out, scenes as a whole\n"
    )
    divide(few, target, wanted=0, seed=0, aligned=False)
    assert capsys.readouterr().out == ""
    generator = ResnetGenerator(3, 3, base=2, blocks=0, residual=1.0).eval()
    three = HeldOut(source.part(range(2)), target.part(range(3)), CPU)
    assert "kid_lite0 is not measured: the target has 3 photos, fewer than 4" in capsys.readouterr().out
    monkeypatch.setattr(held_out, "imagenet_weights", lambda: (_ for _ in ()).throw(UserError("the weights … absent")))
    absent = HeldOut(source.part(range(2)), target, CPU)
    assert capsys.readouterr().out == "kid_lite0 is not measured: the weights … absent\n"
    for scores in (scorer(generator, nullcontext) for scorer in (three, absent)):
        assert (scores.kid, scores.retained) == (None, 1.0)
        assert scores.swd.value > 0
    assert capsys.readouterr().out == ""


def test_scores_are_those_of_the_commands_and_draw_nothing(
    many: Dataset, photos: Path, tmp_path: Path, translate_config: Any
) -> None:
    source, target = open_domains(many.root, photos, 32)
    torch.manual_seed(1)
    generator = ResnetGenerator(3, 3, base=4, blocks=1, residual=1.0).eval()
    scorer = HeldOut(source, target, CPU)
    state = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]
    scores = scorer(generator, nullcontext)
    assert torch.equal(torch.get_rng_state(), state[0])
    assert np.random.get_state()[1].tolist() == state[1]  # type: ignore[index]
    assert scores == scorer(generator, nullcontext)
    # the same pictures as files
    made = tmp_path / "made"
    made.mkdir()
    for path, render in zip(source.paths, (source[i] for i in range(20)), strict=True):
        pixels = from_tensor(translate_image(generator, to_tensor(render[..., :3])[None])[0])
        Picture.fromarray(pixels).save(made / path.name)
    keys = [f"translated={made}", f"target={photos}", f"out={tmp_path / 'scores'}", "accelerator=cpu", "logger=none"]
    evaluate(cli.typed(EvaluateConfig, cli.compose("gan_evaluate", keys)))
    (row,) = json.loads((tmp_path / "scores" / "results.json").read_text())["folders"].values()
    assert scores.kid is not None
    assert scores.kid._asdict() == pytest.approx(row["kid_lite0"], rel=1e-4)
    assert scores.swd._asdict() == pytest.approx(row["swd"], rel=1e-4)


def test_retained_is_what_the_audit_says_of_files(many: Dataset) -> None:
    renders, paths = Renders(many), [many.path(image) for image in many.images]
    made = [renders[i][..., :3].copy() for i in range(20)]
    x, y, side, _ = (int(v) for v in many.annotations[3]["bbox"])
    made[3][y - 2 : y + side + 2, x - 2 : x + side + 2] = 150

    def pictures(audit: Any) -> Any:
        index = paths.index(audit.source)
        return renders[index][..., :3] / np.float32(255), made[index] / np.float32(255)

    audits = audit_pictures(many, paths, pictures, Limits(), quiet=True)
    assert [o.verdict for audit in audits for o in audit.objects].count("vanished") == 1
    assert retained_share(o for audit in audits for o in audit.objects) == 19 / 20
    for number, pixels in enumerate(made):
        Picture.fromarray(pixels).save(paths[number])
    whole = audit_folder(load(many.root), paths, Limits())
    assert retained_share(o for audit in whole for o in audit.objects) == 1
    assert retained_share([]) is None


class Scripted:
    """Takes the place of `HeldOut` and gives the `scores` in turn."""

    scores: tuple[Scores, ...] = ()
    seen = 0

    def __init__(self, *_: Any) -> None:
        pass

    def __call__(self, *_: Any) -> Scores:
        Scripted.seen += 1
        return self.scores[Scripted.seen - 1]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    monkeypatch.setattr("gan.train.HeldOut", Scripted)
    Scripted.seen = 0
    return Scripted


def test_the_best_is_kept_the_last_too_and_a_stop_says_why(
    train_config: Any, translate_config: Any, many: Dataset, scripted: Any, capsys: Any
) -> None:
    tmp_path = many.root.parent
    scripted.scores = [
        Scores(Estimate(swd, 0.1), Estimate(0.2, 0.01), kept)
        for swd, kept in ((30, 1.0), (10, 0.99), (20, 1.0), (5, 0.5))
    ]
    out = tmp_path / "out"
    keys = [f"source={many.root}", "steps=20", "measure.every=2", "measure.patience=2", "model.ema=0.5"]
    train(train_config(*keys))
    said = capsys.readouterr().out
    assert "stopped at step 8 of 20: in 2 measurements none was better than that of step 4\n" in said
    assert "best: step 4: swd 10.0 ± 0.1, kid_lite0 0.2000 ± 0.0100, retained 99.0 %\n" in said
    assert "last: step 8: swd 5.0 ± 0.1, kid_lite0 0.2000 ± 0.0100, retained 50.0 %\n" in said
    assert [training.saved_steps(out / f"{name}.ckpt", 2) for name in ("best", "last")] == [4, 8]
    record = json.loads((out / "measures.json").read_text())
    assert record["stopped"] == "in 2 measurements none was better than that of step 4"
    assert (record["best"]["step"], record["last"]["step"]) == (4, 8)
    assert [row["retained"] for row in record["history"]] == [1.0, 0.99, 1.0, 0.5]
    assert Picture.open(out / "measures.png").size == (770, 660)
    for weights, file in (("best", "generator.safetensors"), ("last", "generator_last.safetensors")):
        state = torch.load(out / f"{weights}.ckpt", weights_only=True)["state_dict"]
        generator = load_generator(out / file)[0].state_dict()
        assert all(torch.equal(tensor, state[f"averaged.module.{name}"]) for name, tensor in generator.items())
        translate(
            translate_config(
                f"checkpoint={out / 'generator.safetensors'}", f"weights={weights}", f"out={tmp_path / weights}"
            )
        )
        assert lineage.read_card(tmp_path / weights)["parents"]["checkpoint"]["path"] == str(out / file)
    pictures = [(tmp_path / weights / "images" / "000000.png").read_bytes() for weights in ("best", "last")]
    assert pictures[0] != pictures[1]

    scores = ["accelerator=cpu", "logger=none", f"target={many.root}", f"out={tmp_path / 'scores'}", "subsets=4"]
    scores += [f"trained={out}", f"source={many.root}", f"truth={many.root}"]
    evaluate(cli.typed(EvaluateConfig, cli.compose("gan_evaluate", scores)))
    rows = json.loads((tmp_path / "scores" / "results.json").read_text())["folders"]
    assert list(rows) == [str(tmp_path / "scores" / weights) for weights in ("best", "last")]
    assert (tmp_path / "scores" / "last" / "images" / "000000.png").read_bytes() == pictures[1]
    assert all({"swd", "kid_lite0", "psnr"} <= row.keys() for row in rows.values())

    # called again after a kill between the stop and the end, it stays stopped
    lineage.write_json(out / "card.json", {**lineage.read_card(out), "complete": False})
    before = (out / "generator.safetensors").read_bytes()
    train(train_config(*keys))
    assert scripted.seen == 4
    assert (out / "generator.safetensors").read_bytes() == before
    assert "stopped at step 8 of 20" in capsys.readouterr().out


def test_a_best_checkpoint_of_another_step_is_not_passed_off(
    train_config: Any, many: Dataset, tmp_path: Path, scripted: Any
) -> None:
    scripted.scores = [Scores(Estimate(swd, 0.1), None, 1.0) for swd in (1, 2)]
    out = tmp_path / "out"
    keys = [f"source={many.root}", "steps=2", "measure.every=1"]
    train(train_config(*keys))
    lineage.write_json(out / "card.json", {**lineage.read_card(out), "complete": False})
    (out / "best.ckpt").unlink()
    with pytest.raises(UserError, match=r"best\.ckpt: is not that of step 1, the best"):
        train(train_config(*keys))


class Killed(training.KeepCheckpoint):
    """The end at step 3, before its checkpoint is due."""

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == 3 * self.per_step:
            raise KeyboardInterrupt
        super().on_train_batch_end(trainer, *args)


@pytest.mark.parametrize("copied", [True, False])
def test_a_kill_loses_no_best_though_it_would_measure_otherwise_now(
    train_config: Any, many: Dataset, scripted: Any, monkeypatch: pytest.MonkeyPatch, copied: bool
) -> None:
    scripted.scores = [Scores(Estimate(swd, 0.1), None, 1.0) for swd in (5, 4, 1, 8, 9, 9)]
    out, keys = many.root.parent / "out", [f"source={many.root}", "steps=5", "measure.every=1", "save_every=2"]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "KeepCheckpoint", Killed)
        train(train_config(*keys))
    if not copied:  # as by a kill between the two files
        (out / "best.ckpt").unlink()
    train(train_config(*keys))
    assert [training.saved_steps(out / f"{name}.ckpt", 2) for name in ("best", "last")] == [3, 5]
    assert [row["swd"] for row in json.loads((out / "measures.json").read_text())["history"]] == [5, 4, 1, 8, 9]


class Noise(ResnetGenerator):
    """Draws whenever it translates."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :3] + 0.1 * torch.randn_like(x[:, :3])


def test_what_a_generator_draws_is_the_same_each_time_and_not_missed(many: Dataset, photos: Path) -> None:
    source, target = open_domains(many.root, photos, 32)
    scorer, noise = HeldOut(source, target, CPU), Noise(3, 3, base=2, blocks=0)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = scorer(noise, nullcontext)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(1)
    assert scorer(noise, nullcontext) == first
