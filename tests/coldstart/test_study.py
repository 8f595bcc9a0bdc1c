import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coldstart import cli
from coldstart.dataset import Dataset, save
from coldstart.errors import UserError
from coldstart.study import CONFIGS, StudyConfig, check_commands, check_photos, steps


def config(**keys: Any) -> StudyConfig:
    return cli.typed(StudyConfig, {"name": "toy", "out": "outputs/toy", **keys})


def keys_of(step_name: str, study: StudyConfig) -> dict[str, str]:
    (step,) = [s for s in steps(study) if s.name == step_name]
    return dict(override.split("=", 1) for override in step.overrides)


def test_a_simulated_study_is_thirteen_commands() -> None:
    names = [step.name for step in steps(config())]
    assert names[:5] == ["render source", "render target train", "render target test", "train translator", "translate"]
    assert names[5:] == [
        f"{what}: {arm}"
        for arm in ("synthetic", "translated", "real", "translated_real")
        for what in ("train detector", "score on test")
    ]


def test_every_need_is_an_earlier_step_and_every_input_is_needed() -> None:
    for study in (config(), config(target={"kind": "photos", "data": "photos"}, evaluate_all=True)):
        listed = steps(study)
        outs = {step.name: step.out for step in listed}
        assert len(set(outs.values())) == len(listed)
        for number, step in enumerate(listed):
            earlier = [s.name for s in listed[:number]]
            assert set(step.needs) <= set(earlier)
            for override in step.overrides:
                key, value = override.split("=", 1)
                if key in ("source", "target", "checkpoint", "data", "synthetic", "real") and "outputs" in value:
                    path = Path(value.strip("[]"))
                    assert any(path.is_relative_to(outs[need]) for need in step.needs), (step.name, key)


def test_neither_the_translator_nor_a_detector_sees_a_test_image() -> None:
    for study in (config(), config(target={"kind": "photos", "data": "photos"})):
        for step in steps(study):
            reads_test = any("target/test" in override for override in step.overrides)
            assert reads_test == step.name.startswith(("score on test", "render target test"))
            if step.module != "coldstart.split":
                assert not any(override.endswith("=photos") for override in step.overrides)


def test_source_and_target_are_other_scenes() -> None:
    seeds = {keys_of(f"render {what}", config())["seed"] for what in ("source", "target train", "target test")}
    assert seeds == {"0", "1000", "1001"}
    assert keys_of("render target test", config())["look"] == "simulated_camera"


def test_arms_train_alike_but_for_their_data() -> None:
    study = config(detector={"steps": 7, "batch": 4})
    seen = {arm: keys_of(f"train detector: {arm}", study) for arm in study.arms}
    assert {arm: (k["synthetic"], k["real"], k["mix"]) for arm, k in seen.items()} == {
        "synthetic": ("[outputs/toy/source]", "[]", "synthetic"),
        "translated": ("[outputs/toy/translated]", "[]", "synthetic"),
        "real": ("[]", "[outputs/toy/target/train]", "real"),
        "translated_real": ("[outputs/toy/translated]", "[outputs/toy/target/train]", "joint"),
    }
    assert {(k["steps"], k["batch"], k["size"], k["seed"]) for k in seen.values()} == {("7", "4", "[312,416]", "0")}


def test_only_what_the_arms_need_is_made() -> None:
    names = [step.name for step in steps(config(arms=["real"], target={"kind": "photos", "data": "photos"}))]
    assert names == ["split photos", "train detector: real", "score on test: real"]
    assert "train translator" not in [step.name for step in steps(config(arms=["synthetic", "real"]))]


def test_all_photos_score_only_the_arm_that_saw_none() -> None:
    study = config(target={"kind": "photos", "data": "photos"}, evaluate_all=True)
    assert [s.name for s in steps(study) if "all photos" in s.name] == ["score on all photos: synthetic"]
    assert keys_of("score on all photos: synthetic", study)["data"] == "photos"


def test_children_log_into_one_group() -> None:
    for step in steps(config(logger={"kind": "csv"})):
        assert ("logger=csv" in step.overrides and "logger.group=toy" in step.overrides) == (
            step.module != "coldstart.split"
        )
    assert keys_of("translate", config(logger={"mode": "online"}))["logger.mode"] == "online"


@pytest.mark.parametrize(
    "out", ["/tmp/a b", "/tmp/it's", "/tmp/a=b,c", "/tmp/ümlaut (1)", "/tmp/back\\slash", "/tmp/{x}"]
)
def test_commands_survive_the_shell_and_hydra(out: str) -> None:
    (step,) = [
        s
        for s in steps(config(out=out, arms=["real"], target={"kind": "photos", "data": out}))
        if s.name == "split photos"
    ]
    words = shlex.split(step.command)
    assert words[:3] == ["python", "-m", "coldstart.split"]
    composed = cli.compose("split", words[3:])
    assert (composed.data, composed.out) == (out, f"{out}/target")


def test_an_own_conf_folder_is_passed_on() -> None:
    assert all(step.overrides[0] == "--config-dir=/own" for step in steps(config(), "/own"))


@pytest.mark.parametrize("experiment", ["demo", "fridge_a_first", "tiny", "demo_real"])
def test_every_experiment_is_a_study_whose_commands_know_their_keys(experiment: str) -> None:
    data = ["target.data=photos"] if experiment == "demo_real" else []
    composed = cli.compose("coldstart", [f"experiment={experiment}", *data])
    study = cli.typed(StudyConfig, composed)
    assert study.name == experiment
    assert study.out == f"outputs/{experiment}"
    check_commands(steps(study))


def test_a_command_that_does_not_know_its_key_is_named() -> None:
    study = config(gan={"overrides": ["model.generator.bsae=8"]})
    with pytest.raises(UserError, match=r"step 'train translator' \(gan.train\): unknown key 'model.generator.bsae'"):
        check_commands(steps(study))
    with pytest.raises(UserError, match=r"step 'render source' .*scene/nowhere: no such config; available: "):
        check_commands(steps(config(source={"scene": "nowhere"})))


def test_every_module_has_its_conf() -> None:
    for name in CONFIGS.values():
        assert (cli.conf_dir() / f"{name}.yaml").is_file()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"arms": ["renders"]}, "arms: must be one or more of"),
        ({"arms": []}, "arms: must be one or more of"),
        ({"arms": ["real", "real"]}, "arms: must be one or more of"),
        ({"name": "a/b"}, "name: 'a/b' may hold"),
        ({"size": [10, 400]}, "size: must be"),
        ({"gan": {"crop": 320}}, "gan.crop: 320 is larger than the renders"),
        ({"gan": {"steps": 0}}, "gan.steps: must be 1 or more"),
        ({"detector": {"batch": 2}}, "detector.real_fraction: 0.25 of batch=2"),
        ({"seed": 1001}, "seed: 1001 would render the target's scenes"),
        ({"evaluate_all": True}, "evaluate_all: needs target.kind=photos"),
        ({"target": {"kind": "phone"}}, "target.kind: 'phone' is neither"),
        ({"target": {"kind": "photos"}}, "target.data has no value"),
        ({"target": {"data": "photos"}}, "target.data: only read with"),
        ({"target": {"train": 0.5}}, "target.train: must be a number of images"),
        ({"target": {"kind": "photos", "data": "x", "train": 2.5}}, "target.train: must be a number of photos"),
    ],
)
def test_a_study_that_cannot_be_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refusal:
        config(**keys)
    assert str(refusal.value).startswith(message)


def test_photos_are_checked_before_any_work(toy: Callable[..., Dataset], tmp_path: Path) -> None:
    def check(**target: Any) -> None:
        check_photos(config(target={"kind": "photos", **target}))

    photos = toy("photos", 4)
    check(data=str(photos.root), train=2)
    with pytest.raises(UserError, match=r"target.data: .*: no such dataset folder"):
        check(data=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"target.data: .* leaves train or test empty"):
        check(data=str(photos.root), train=4)
    save(Dataset(photos.root, photos.images, [], photos.categories))
    with pytest.raises(UserError, match="has no labelled box"):
        check(data=str(photos.root), train=2)
