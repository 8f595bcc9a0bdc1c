import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from coldstart import cli
from coldstart.dataset import Annotation, Dataset, load, save
from coldstart.errors import UserError
from coldstart.study.config import StudyConfig
from coldstart.study.plan import Plan, check_photos, plan
from coldstart.study.steps import Step
from tests.coldstart.study.conftest import ARMS, TAUGHT

Make = Callable[..., StudyConfig]


def keys_of(step: Step) -> dict[str, str]:
    return dict(override.split("=", 1) for override in step.overrides)


def named(planned: Plan, start: str) -> list[Step]:
    return [step for step in planned.steps if step.name.startswith(start)]


def test_every_need_is_an_earlier_step_and_every_input_is_needed(config: Make, photos: Make) -> None:
    for study in (config(), photos(), photos(translators={"gan": {"model": "reinhard"}})):
        planned = plan(study)
        outs = {step.id: step.out for step in planned.steps}
        assert len(set(outs.values())) == len(planned.steps)
        for number, step in enumerate(planned.steps):
            assert set(step.needs) <= {earlier.id for earlier in planned.steps[:number]}
            for key, value in keys_of(step).items():
                if key in ("source", "target", "checkpoint", "data", "synthetic", "real"):
                    for path in (Path(part) for part in value.strip("[]").split(",") if study.cache in part):
                        assert any(path.is_relative_to(outs[need]) for need in step.needs), (step.name, key)


def test_a_cell_for_every_arm_budget_fold_and_seed(photos: Make) -> None:
    planned = plan(photos(seeds=[3, 4]))
    assert [(c.arm, c.budget, c.fold, c.seed) for c in planned.cells] == [
        (arm, budget, fold, seed)
        for seed in (3, 4)
        for fold in ("fold0", "fold1")
        for arm in ("renders", "translated", "real", "translated_real")
        for budget in ([1, "all"] if "real" in arm else [0])
    ]
    assert len({cell.score.id for cell in planned.cells}) == len(planned.cells)


def test_a_detector_that_sees_no_photo_is_trained_once_for_all_folds(photos: Make) -> None:
    cells = plan(photos(seeds=[0])).cells
    trained = {arm: {c.train.id for c in cells if c.arm == arm} for arm in ("renders", "translated", "real")}
    assert [len(ids) for ids in trained.values()] == [1, 2, 4]
    held = {c.arm: keys_of(c.train)["held_out"].split(",") for c in cells}
    assert (len(held["renders"]), len(held["real"])) == (2, 1)


def test_a_teacher_labels_the_photos_of_its_student(photos: Make) -> None:
    planned = plan(photos(seeds=[0], arms={**ARMS, "taught": TAUGHT}))
    teacher, *students = (
        list({c.train.id: c.train for c in planned.cells if c.arm == arm}.values()) for arm in ("renders", "taught")
    )
    labelled = named(planned, "label photos: renders")
    assert (len(teacher), len(students[0]), len(labelled)) == (1, 2, 2)
    for fold, step, student in zip(planned.folds, labelled, students[0], strict=True):
        assert keys_of(step)["checkpoint"] == str(teacher[0].out / "detector.safetensors")
        assert keys_of(step)["images"] == str(fold.train.path)
        assert keys_of(student)["real"] == f"[{step.out}]"
        assert keys_of(student)["real_fraction"] == "0.25"


def test_neither_the_translator_nor_a_detector_sees_a_test_photo(photos: Make) -> None:
    planned = plan(photos(arms={**ARMS, "taught": TAUGHT}))
    for cell in planned.cells:
        fold = next(f for f in planned.folds if f.name == cell.fold)
        behind, waiting = [], [cell.train]
        while waiting:
            step = waiting.pop()
            behind.append(step)
            waiting += [s for s in planned.steps if s.id in step.needs]
        read = [p for s in behind for k, v in keys_of(s).items() if k != "held_out" for p in v.strip("[]").split(",")]
        assert str(fold.test.path) not in read
        others = [f for f in planned.folds if f is not fold]
        assert not any(str(other.train.path) in read for other in others)
        assert str(fold.test.path) in keys_of(cell.train)["held_out"]
        assert keys_of(cell.score)["data"] == str(fold.test.path)


def test_arms_train_alike_but_for_their_data(config: Make) -> None:
    study = config(detector={"steps": 7, "batch": 4, "overrides": ["lr=0.5"]}, seeds=[5])
    seen = {(c.arm, c.budget): keys_of(c.train) for c in plan(study).cells}
    assert {at: (k["synthetic"] != "[]", k["real"] != "[]") for at, k in seen.items()} == {
        ("renders", 0): (True, False),
        ("translated", 0): (True, False),
        ("real", 1): (False, True),
        ("real", "all"): (False, True),
        ("translated_real", 1): (True, True),
        ("translated_real", "all"): (True, True),
    }
    alike = {(k["steps"], k["batch"], k["size"], k["seed"], k["lr"]) for k in seen.values()}
    assert alike == {("7", "4", "[96,128]", "5", "0.5")}


def test_an_arms_own_keys_reach_its_detector_alone(config: Make) -> None:
    arms = {
        "a": {"title": "a", "synthetic": ["source"]},
        "b": {"title": "b", "synthetic": ["source", "gan"], "overrides": ["augment.mosaic=0.3"]},
    }
    cells = plan(config(arms=arms, seeds=[0])).cells
    assert ["augment.mosaic" in keys_of(c.train) for c in cells] == [False, True]
    assert keys_of(cells[1].train)["synthetic"].count(",") == 1


def test_a_simulated_camera_shows_other_scenes(config: Make) -> None:
    renders = [keys_of(step) for step in named(plan(config()), "render")]
    assert [(k["seed"], k["look"], k["count"]) for k in renders] == [
        ("0", "clean", "300"),
        ("1000", "simulated_camera", "4"),
        ("1001", "simulated_camera", "5"),
    ]


def test_keys_of_the_renders_are_not_the_cameras_but_for_its_products(config: Make) -> None:
    source = {"overrides": ["looks=3", "randomise=strong", "product=[milk_carton]", "look.exposure=[1,1]"]}
    camera = {"train": 4, "test": 5, "overrides": ["placement.visible=null"]}
    renders = named(plan(config(source=source, real={"simulated": camera})), "render")
    own = [{"looks", "randomise", "product", "look.exposure"}, *[{"product", "placement.visible"}] * 2]
    assert [keys_of(s).keys() & {*own[0], "placement.visible"} for s in renders] == own


def test_each_seed_learns_from_other_photos_and_every_arm_from_the_same(photos: Make) -> None:
    planned = plan(photos(seeds=[0, 1]))
    chosen = {(c.fold, c.seed, c.data.path) for c in planned.cells if c.budget == 1 and c.data}
    assert len(chosen) == len({path for *_, path in chosen}) == 4
    assert [keys_of(s)["seed"] for s in named(planned, "choose 1 photo, fold0")] == ["0", "1"]
    other = plan(photos(real={"data": photos().real.data, "seed": 7}))
    assert [keys_of(s)["seed"] for s in named(other, "choose 1 photo, fold0")] == ["7", "8"]


def test_with_photos_to_score_on_there_are_no_folds(photos: Make, tmp_path: Path, toy: Callable[..., Dataset]) -> None:
    toy("others", 3, seed=5, photo=True)
    planned = plan(photos(real={"data": str(tmp_path / "photos"), "test": str(tmp_path / "others")}))
    assert [(f.train.path.name, f.test.path.name) for f in planned.folds] == [("photos", "others")]
    assert not named(planned, "split")
    alone = [keys_of(c.train)["real"] for c in planned.cells if (c.arm, c.budget) == ("real", "all")]
    assert set(alone) == {f"[{tmp_path / 'photos'}]"}


def test_unlabelled_photos_teach_one_translator_for_all_folds(
    photos: Make, tmp_path: Path, toy: Callable[..., Dataset]
) -> None:
    toy("more", 3, seed=5, photo=True)
    real = {"data": str(tmp_path / "photos"), "unlabelled": str(tmp_path / "more")}
    planned = plan(photos(real=real))
    assert [keys_of(s)["target"] for s in named(planned, "train translator")] == [str(tmp_path / "more")]
    assert {part.fold for part in planned.synthetic} == {None}


def test_a_translator_under_two_names_is_one_and_still_of_its_fold(photos: Make) -> None:
    same = {"model": "fda"}
    arms = {name: {"title": name, "synthetic": [name]} for name in ("one", "two")}
    planned = plan(photos(translators={"one": same, "two": same}, arms=arms, seeds=[0]))
    assert len(named(planned, "translate")) == len(named(planned, "train detector")) == 2
    assert all("," not in keys_of(cell.train)["held_out"] for cell in planned.cells)
    none = plan(photos(translators={"gan": {"model": "none"}}))
    assert (len(named(none, "translate")), {part.fold for part in none.synthetic}) == (1, {None})


def test_a_colour_transfer_needs_no_training(photos: Make) -> None:
    planned = plan(photos(translators={"gan": {"model": "fda"}}))
    assert not named(planned, "train translator")
    assert [keys_of(s)["model"] for s in named(planned, "translate")] == ["fda", "fda"]


def test_only_what_the_arms_need_is_made(photos: Make) -> None:
    modules = {step.module for step in plan(photos(only=["real"])).steps}
    assert modules == {"coldstart.split", "coldstart.subset", "detect.train", "detect.evaluate"}
    assert "gan.train" not in {step.module for step in plan(photos(only=["renders", "real"])).steps}


def test_budgets_beyond_what_there_is_are_left_out(photos: Make) -> None:
    assert plan(photos(budgets=["all", 12, 1, 3, 0])).budgets == [0, 1, "all"]
    assert plan(photos(budgets=[12, 1, 3, 0])).budgets == [0, 1, 3]  # so many are all of them
    with pytest.raises(UserError, match=r"budgets: \[0, 12\] leave nothing for the arm 'real', since only 3 photos"):
        plan(photos(budgets=[0, 12]))


def test_a_command_that_does_not_know_its_key_is_named(config: Make) -> None:
    wrong = {"gan": {"model": "cyclegan_small", "crop": 32, "overrides": ["model.generator.bsae=8"]}}
    with pytest.raises(UserError, match=r"step 'train translator: gan, test' \(gan.train\): unknown key"):
        plan(config(translators=wrong))
    with pytest.raises(UserError, match=r"step 'render' .*scene/nowhere: no such config; available: "):
        plan(config(source={"scene": "nowhere"}))


def test_children_log_into_one_group(config: Make) -> None:
    for step in plan(config(logger={"kind": "csv"})).steps:
        assert (keys_of(step)["logger"], keys_of(step)["logger.group"]) == ("csv", "toy")
    assert {keys_of(s)["logger.mode"] for s in plan(config(logger={"mode": "online"})).steps} == {"online"}


@pytest.mark.parametrize("experiment", sorted(file.stem for file in (cli.conf_dir() / "experiment").glob("*.yaml")))
def test_every_experiment_is_a_study_whose_commands_know_their_keys(
    experiment: str, tmp_path: Path, toy: Callable[..., Dataset]
) -> None:
    data = [f"real.data={toy('photos', 12).root}"] if experiment.startswith(("demo_real", "fridge_")) else []
    study = cli.typed(StudyConfig, cli.compose("coldstart", [f"experiment={experiment}", *data]))
    assert (study.name, study.out) == (experiment, f"outputs/{experiment}")
    assert {cell.arm for cell in plan(study).cells} == set(study.chosen)


def test_photos_are_checked_before_any_work(photos: Make, toy: Callable[..., Dataset], tmp_path: Path) -> None:
    data = toy("photos", 6, seed=90, photo=True)
    check_photos(photos())
    with pytest.raises(UserError, match=r"real.data: .*: no such dataset folder"):
        check_photos(photos(real={"data": str(tmp_path / "nowhere")}))
    with pytest.raises(UserError, match="has 6 photos, too few for folds=7"):
        check_photos(photos(folds=7))
    days = toy("days", 6, seed=9, photo=True)
    for image in days.images:
        day = days.root / "images" / f"day{image['id'] % 2}"
        day.mkdir(exist_ok=True)
        days.path(image).rename(day / image["file_name"])
        image["file_name"] = f"{day.name}/{image['file_name']}"
    save(days)
    check_photos(photos(real={"data": str(days.root)}))
    with pytest.raises(UserError, match=r"real.data: .* has 2 groups of photos that belong together"):
        check_photos(photos(folds=3, real={"data": str(days.root)}))
    other = toy("other", 2, seed=4, photo=True)
    check_photos(photos(real={"data": str(data.root), "test": str(other.root)}))
    shutil.copy(data.path(data.images[2]), other.path(other.images[0]))
    for real in ({"test": str(other.root)}, {"unlabelled": str(other.root)}):
        with pytest.raises(
            UserError, match=r"real: .*000002.jpg and .*\(equal files.*show the same|real: .*equal files"
        ):
            check_photos(photos(real={"data": str(data.root), **real}))
    ignored: Annotation = {**data.annotations[0], "ignore": 1}
    crowd: Annotation = {**data.annotations[1], "iscrowd": 1}
    for aside in ([], [ignored, crowd]):
        save(Dataset(data.root, data.images, aside, data.categories))
        with pytest.raises(UserError, match="has no labelled box"):
            check_photos(photos())
    assert load(data.root).images
