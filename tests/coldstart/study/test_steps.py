import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from coldstart import cli
from coldstart.dataset import Dataset
from coldstart.study.config import StudyConfig
from coldstart.study.plan import Plan, plan
from coldstart.study.steps import CONFIGS, Made, Steps, external

Make = Callable[..., StudyConfig]


def changed(one: Plan, other: Plan) -> set[str]:
    """The modules of those steps of `other` that `one` does not make."""
    known = {step.id for step in one.steps}
    return {step.module for step in other.steps if step.id not in known}


def test_a_change_remakes_what_it_changes_and_nothing_else(photos: Make) -> None:
    before = plan(photos())
    assert not changed(before, plan(photos()))
    assert not changed(before, plan(photos(only=["real"], parallel=2, workers=5, draws=9, logger={"kind": "csv"})))
    assert changed(before, plan(photos(detector={"steps": 9}))) == {"detect.train", "detect.evaluate"}
    assert changed(before, plan(photos(seeds=[0, 7]))) == {"coldstart.subset", "detect.train", "detect.evaluate"}
    assert changed(before, plan(photos(budgets=[0, 1, 2, "all"]))) == {
        "coldstart.subset",
        "detect.train",
        "detect.evaluate",
    }
    gan = {"gan": {"model": "cyclegan_small", "steps": 8, "crop": 32}}
    translated = {"gan.train", "gan.translate", "detect.train", "detect.evaluate"}
    assert changed(before, plan(photos(translators=gan))) == translated
    assert changed(before, plan(photos(source={"count": 4}))) == {"blender_scenes.render", *translated}
    assert changed(before, plan(photos(folds=3))) == {s.module for s in before.steps} - {"blender_scenes.render"}


def test_another_mesh_at_the_same_path_is_rendered_anew(photos: Make, tmp_path: Path) -> None:
    mesh = tmp_path / "thing.obj"
    source = {"overrides": [f"+products.ketchup.mesh={{file: {mesh}, height_mm: 100}}"]}
    plans = []
    for content in ("v 0 0 0", "v 0 0 0", "v 0 0 1"):
        mesh.write_text(content)
        plans.append(plan(photos(source=source)))
    assert not changed(plans[0], plans[1])
    assert "blender_scenes.render" in changed(plans[0], plans[2])


def test_a_default_that_is_written_out_changes_nothing(photos: Make) -> None:
    before = plan(photos())
    assert not changed(before, plan(photos(detector={"overrides": ["lr=1e-3"]})))
    assert changed(before, plan(photos(detector={"overrides": ["lr=2e-3"]}))) == {"detect.train", "detect.evaluate"}


def test_the_same_cell_in_two_studies_is_one(photos: Make) -> None:
    arms = {"other_name": {"title": "the same", "real": True}}
    before, other = plan(photos()), plan(photos(arms=arms, name="other"))
    assert not changed(before, other)


def test_photos_count_by_their_bytes_wherever_they_are(toy: Callable[..., Dataset], tmp_path: Path) -> None:
    data = toy("photos", 3)
    before = external(str(data.root)).identity
    data.root.rename(tmp_path / "moved")
    assert external(str(tmp_path / "moved")).identity == before
    picture = tmp_path / "moved" / "images" / "000001.png"
    picture.write_bytes(picture.read_bytes() + b" ")
    assert external(str(tmp_path / "moved")).identity != before


@pytest.mark.parametrize(
    "out", ["/tmp/a b", "/tmp/it's", "/tmp/a=b,c", "/tmp/ümlaut (1)", "/tmp/back\\slash", "/tmp/{x}"]
)
def test_commands_survive_the_shell_and_hydra(out: str) -> None:
    steps = Steps(Path(out))
    made = steps.add("split", "coldstart.split", {"folds": 2}, {"data": Made(Path(out), "photos")}, seed=3)
    words = shlex.split(steps[made].command)
    assert words[:3] == ["python", "-m", "coldstart.split"]
    composed = cli.compose("split", words[3:])
    assert (composed.data, composed.out, composed.seed) == (out, str(made.path), 3)


def test_an_own_conf_folder_is_passed_on(config: Make, tmp_path: Path) -> None:
    study = config(only=["real"], budgets=["all"])
    assert all(step.overrides[0] == f"--config-dir={tmp_path}" for step in plan(study, str(tmp_path)).steps)


def test_every_module_has_its_conf() -> None:
    for name in CONFIGS.values():
        assert (cli.conf_dir() / f"{name}.yaml").is_file()
