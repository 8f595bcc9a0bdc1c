"""Sweeps of the toy training beside this file."""

import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from coldstart.cli import Job, conf_dir
from coldstart.sweep import plan as planning
from coldstart.sweep.plan import Plan

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    return _load("toy_training")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Where trials find the toy; each test in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{HERE}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return dict(os.environ)


@pytest.fixture
def make(
    toy: ModuleType, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Plan]]:
    """make("x=interval(0.0,1.0)", "out=a") -> the plan that `python -m toy_training --multirun` makes of it."""
    monkeypatch.setattr(planning, "_module", lambda: "toy_training")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    search_path = create_config_search_path(str(conf_dir()))
    search_path.prepend("command-line", f"file://{HERE / 'conf'}", anchor="schema")  # as --config-dir does
    core = Hydra.create_main_hydra2("toy", search_path)

    def plan(*arguments: str) -> Plan:
        config = core.compose_config("toy", list(arguments), run_mode=RunMode.MULTIRUN)
        own = [argument for argument in arguments if not argument.startswith("hydra")]
        return Plan(Job(toy.train, toy.Config, toy.GOAL), config, core.config_loader, own)

    yield plan
    GlobalHydra.instance().clear()
    for number, handler in handlers.items():
        signal.signal(number, handler)
