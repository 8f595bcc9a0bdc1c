import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from coldstart import cli
from coldstart.errors import UserError
from coldstart.study.config import StudyConfig


def call(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "coldstart.split", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_gives_the_doc_and_every_key(tmp_path: Path) -> None:
    shown = call("--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "python -m coldstart.split data=DIR train=8 seed=0 out=DIR" in shown.stdout
    for line in ("data: ???", "out: ???", "train: 0.5 # number of photos", "seed: 0 #", "--multirun"):
        assert line in shown.stdout


def test_help_of_a_command_that_sweeps_gives_the_sweepers_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train", "--help"])
    with pytest.raises(SystemExit, match="0"):
        cli.run(print, Inner, "detect_train", "A doc.")
    shown = capsys.readouterr().out
    assert "  hydra.sweeper.n_trials: 20 # in all" in shown
    assert (
        f"detector= one of: {', '.join(sorted(f.stem for f in (cli.conf_dir() / 'detector').glob('*.yaml')))}" in shown
    )
    assert f"Keys of a choice: {cli.conf_dir()}/GROUP/CHOICE.yaml" in shown
    assert "_target_" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["out=x"], "data has no value; give data=…"),
        (["data=x", "out=y", "trian=1"], "unknown key 'trian'; did you mean 'train'?"),
        (["data=x", "out=y", "seed=many"], "seed: Value 'many' of type 'str' could not be converted to Integer"),
        (["data=null", "out=y"], "data has no value; give data=…"),
        (["data=x", "out=y", "seed=-1"], "seed: must be 0 or more, got -1"),
        (["data=x", "out=y", "seed=[1"], "'seed=[1': cannot be read as key=value"),
        (["data=x", "out=a b=c"], "'out=a b=c': cannot be read as key=value"),
        (["data=nowhere", "out=y"], "nowhere: no such dataset folder"),
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    ended = call(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: {message}")
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("scene.distortion", "the YAML leaves it out; give +scene.distortion=…"),
        ("scene.any_fridge.taper", "the YAML leaves it out; give +scene.any_fridge.taper=…"),
        ("look.motion", "the YAML leaves it out; give +look.motion=…"),
        ("scene.any_fridge.tapper", "did you mean 'scene.any_fridge.taper'?"),
    ],
)
def test_a_key_that_the_yaml_leaves_out_takes_a_plus(key: str, remedy: str) -> None:
    command = [sys.executable, "-m", "blender_scenes.render", "scene=fridge", "out=x", f"{key}=[0.9,1]"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr == f"error: unknown key '{key}'; {remedy}\n"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("seeds=0", "seeds: takes a list: seeds=[…]"),
        ("source=[1]", "source: a list where keys are wanted, or keys where a list is; see --help"),
        ("seeds={a: 1}", "seeds: a list where keys are wanted, or keys where a list is; see --help"),
        ("source=x", "source: has keys of its own and takes no value, got x; see --help"),
        ("real.simulated=7", "real.simulated: has keys of its own and takes no value, got 7; see --help"),
    ],
)
def test_a_value_where_a_list_or_keys_are_wanted(key: str, message: str) -> None:
    with pytest.raises(UserError) as told:
        cli.typed(StudyConfig, cli.compose("coldstart", ["experiment=demo", key]))
    assert str(told.value) == message


def test_a_broken_config_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("a: {b: ?")
    ended = subprocess.run(
        [sys.executable, "-m", "coldstart", "--config-dir", str(tmp_path), "experiment=mine"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: not YAML:")
    assert "mine.yaml" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_job_that_failed_under_a_launcher_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class UncompletedJobError(Exception):
        """As submitit raises it, what the job said at its end."""

    def launch(job: object) -> Any:
        def main() -> None:
            raise UncompletedJobError("Job 7 has not produced any output\n-----\nerror: x: no such folder\n")

        return main

    monkeypatch.setattr("hydra.main", lambda **_: launch)
    monkeypatch.setattr(sys, "argv", ["split"])
    with pytest.raises(SystemExit, match="2"):
        cli.run(print, Inner, "split")
    assert capsys.readouterr().err == "error: a job of the launcher failed: x: no such folder\n"


@dataclass(frozen=True)
class Inner:
    size: int = 1

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UserError(f"inner.size: must be 1 or more, got {self.size}")


@dataclass(frozen=True)
class Outer:
    name: str
    share: int | float = 0.5
    inner: Inner = field(default_factory=Inner)
    group: dict[str, Any] = field(default_factory=dict)


def test_a_config_becomes_its_dataclass() -> None:
    config = cli.typed(Outer, {"name": "a", "share": 2, "inner": {"size": 3}, "group": {"anything": [1, 2]}})
    assert config == Outer("a", 2, Inner(3), {"anything": [1, 2]})
    assert cli.plain(config) == {"name": "a", "share": 2, "inner": {"size": 3}, "group": {"anything": [1, 2]}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "name has no value; give name=…"),
        ({"name": "a", "nmae": "b"}, "unknown key 'nmae'; did you mean 'name'?"),
        ({"name": "a", "inner": {"siez": 1}}, "unknown key 'inner.siez'; did you mean 'inner.size'?"),
        ({"name": "a", "inner": {"size": "big"}}, "inner.size: Value 'big'"),
        ({"name": "a", "inner": {"size": 0}}, "inner.size: must be 1 or more, got 0"),
    ],
)
def test_a_config_of_another_form_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refusal:
        cli.typed(Outer, config)
    assert str(refusal.value).startswith(message)


def test_where_names_the_group_in_messages() -> None:
    with pytest.raises(UserError, match=r"unknown key 'model.siez'; did you mean 'size'"):
        cli.typed(Inner, {"siez": 1}, where="model")


def test_where_is_named_once() -> None:
    with pytest.raises(UserError, match=r"^inner\.size: must be 1 or more, got 0$"):
        cli.typed(Inner, {"size": 0}, where="inner")


def test_compose_gives_a_commands_config() -> None:
    assert cli.compose("split", ["train=3"]).train == 3
    with pytest.raises(UserError, match="unknown key 'trian'"):
        cli.compose("split", ["trian=3"])
    with pytest.raises(UserError, match="logger/nope: no such config; available: csv, none, wandb"):
        cli.compose("coldstart", ["logger=nope"])
