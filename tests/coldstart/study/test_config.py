from collections.abc import Callable
from typing import Any

import pytest

from coldstart import cli
from coldstart.errors import UserError
from coldstart.study.config import StudyConfig

Make = Callable[..., StudyConfig]


def test_arms_without_photos_run_at_budget_0_alone(config: Make) -> None:
    study = config(budgets=[0, 1, 3, "all"])
    assert {name: study.budgets_of(arm) for name, arm in study.chosen.items()} == {
        "renders": [0],
        "translated": [0],
        "real": [1, 3, "all"],
        "translated_real": [1, 3, "all"],
    }


def test_only_chooses_arms_and_what_they_need(config: Make) -> None:
    study = config(only=["real", "renders"])
    assert list(study.chosen) == ["real", "renders"]
    assert not study.used
    assert list(config(only=["translated"]).used) == ["gan"]


def test_the_shipped_config_is_a_study_of_every_arm() -> None:
    study = cli.typed(StudyConfig, cli.compose("coldstart", ["real.data=photos"]))
    assert study.cache == "outputs/study/cells"
    assert [arm.real for arm in study.chosen.values()] == [False, False, True, True, True, True]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"only": ["rendered"]}, "only: must be one or more of renders, translated, real, translated_real"),
        ({"only": ["real", "real"]}, "only: must be one or more of"),
        ({"arms": {}}, "only: must be one or more of"),
        ({"arms": {"none": {"title": "nothing"}}}, "arms.none: learns from nothing"),
        ({"arms": {"a": {"title": "a", "synthetic": ["cut"]}}}, "arms.a.synthetic: 'cut' is none of source, gan"),
        (
            {"arms": {"a": {"title": "a", "synthetic": ["source"], "teacher": "b"}}},
            "arms.a.teacher: 'b' must be one of the arms that are run, without labelled photos",
        ),
        (
            {"arms": {"a": {"title": "a", "synthetic": ["source"], "teacher": "a"}}},
            "arms.a.teacher: 'a' must be one of the arms that are run, without labelled photos as this one",
        ),
        (
            {"arms": {"a": {"title": "a", "synthetic": ["source"], "overrides": ["steps=9"]}}},
            "arms.a.overrides: 'steps' must be the same for every arm",
        ),
        (
            {"arms": {"a": {"title": "a", "synthetic": ["source"], "overrides": ["hold_out.fraction=0.3"]}}},
            "arms.a.overrides: 'hold_out.fraction' must be the same for every arm",
        ),
        ({"detector": {"overrides": ["lr=1e-3", "steps=5"]}}, "detector.overrides: 'steps' is the study's own"),
        ({"source": {"overrides": ["+count=10"]}}, "source.overrides: 'count' is the study's own"),
        (
            {"real": {"simulated": {"overrides": ["looks=3"]}}},
            "real.simulated.overrides: 'looks' is not the camera's own",
        ),
        (
            {
                "arms": {
                    "a": {"title": "a", "synthetic": ["source"], "real": True},
                    "b": {"title": "b", "synthetic": ["source"], "real": True, "teacher": "a"},
                }
            },
            "arms.b.teacher: at budget all no photo is left that it could label",
        ),
        ({"name": "a/b"}, "name: 'a/b' may hold"),
        ({"size": [10, 400]}, "size: must be"),
        (
            {"translators": {"gan": {"model": "cut", "crop": 320}}},
            "translators.gan.crop: 320 is larger than the renders",
        ),
        ({"translators": {"gan": {"model": "cut", "steps": 0}}}, "translators.gan.steps: must be 1 or more"),
        (
            {"translators": {"gan": {"model": "reinhard", "overrides": ["batch=2"]}}},
            "translators.gan.overrides: are of gan.train",
        ),
        ({"detector": {"batch": 2}}, "detector.real_fraction: 0.25 of batch=2"),
        ({"seed": 1001}, "seed: 1001 would render the camera's scenes"),
        ({"seeds": []}, "seeds: must be"),
        ({"seeds": [1, 1]}, "seeds: must be"),
        ({"budgets": [0, "most"]}, "budgets: must be"),
        ({"budgets": [0]}, "budgets: [0] leave nothing for the arm 'real'"),
        ({"budgets": ["all"]}, "budgets: ['all'] leave nothing for the arm 'renders'; add 0"),
        ({"folds": 0}, "folds: must be 1 or more"),
        ({"real": {"test": "photos"}}, "real.test: needs real.data="),
        ({"real": {"simulated": {"test": 0}}}, "real.simulated.test: must be 1 or more"),
    ],
)
def test_a_study_that_cannot_be_is_refused(config: Make, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refusal:
        config(**keys)
    assert str(refusal.value).startswith(message)
