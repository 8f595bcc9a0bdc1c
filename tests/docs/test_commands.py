"""Whoever types what the docs say gets no error for it: modules, files, keys, values, targets, extras exist."""

import copy
import importlib
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from coldstart import cli
from coldstart.errors import UserError
from tests.docs.commands import PAGES, ROOT, Command, commands, write_readers_conf

CALL = re.compile(r"cli\.run\(\w+, (\w+), \"(\w+)\", __doc__")
KNOWN: set[str] = set()  # products that have been checked
SWEPT = 4  # values of a sweep
BLENDER = ("blender", "-b", "-P", "blender_scenes/render.py", "--")


def complaint(command: Command, conf: Path) -> str | None:
    """What is wrong with a command, if anything; `conf` stands for a reader's own conf folder."""
    match command.words:
        case ("python" | ".venv/bin/python", "-m", module, *keys):
            return _module(module, keys, conf)
        case ("python" | ".venv/bin/python", script, *keys):
            return _script(ROOT / script, keys)
        case ("short", module, *keys):
            return _composed(module, keys, conf, whole=False)
        case (*start, _) | start if tuple(start[: len(BLENDER)]) == BLENDER:
            return _composed("blender_scenes.render", command.words[len(BLENDER) :], conf)
        case ("make", *targets):
            return _make(targets)
        case ("pip", "install", *packages):
            return _extras(packages)
        case _:
            return None  # another's program


def _module(module: str, keys: Sequence[str], conf: Path) -> str | None:
    if module.startswith("benchmarks."):
        return _script(ROOT / f"{module.replace('.', '/')}.py", keys)
    if "--help" in keys:
        return None if _source(module) else f"no module {module}"
    return _composed(module, keys, conf)


def _composed(module: str, keys: Sequence[str], conf: Path, whole: bool = True) -> str | None:
    """Compose the config as the command does and, if the command is written in `whole`, check its values."""
    found = CALL.search(_source(module) or "")
    if found is None:
        return f"no command {module}"
    searched = f"hydra.searchpath=[file://{conf}]" if "--config-dir" in keys else "hydra.searchpath=[]"
    overrides = [key for key in keys if not key.startswith("--") and key != "my_conf"]
    schema = getattr(importlib.import_module(_importable(module)), found[1])
    try:
        for some in _each(overrides) if "--multirun" in keys else [overrides]:
            chosen = _chosen(found[2], (searched, *sorted(key for key in some if _chooses(key))))
            values = OverridesParser.create().parse_overrides([key for key in some if not _chooses(key)])
            config = copy.deepcopy(chosen)
            ConfigLoaderImpl._apply_overrides_to_config(values, config)
            if whole:
                cli.typed(schema, config)
                KNOWN.update(chosen.products if isinstance(chosen.get("products"), DictConfig) else ())
                _leave_out(chosen, KNOWN)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        return str(error)
    return None


def _chooses(override: str) -> bool:
    """Whether an override chooses a file of a group (or changes one of many products) rather than setting a value."""
    key = override.lstrip("+~").split("=")[0]
    return key.startswith(("hydra", "products.")) or (cli.conf_dir() / key.split("@")[0]).is_dir()


@cache
def _chosen(name: str, choices: tuple[str, ...]) -> Any:
    """A config of these choices, without the products that were checked with another."""
    config = cli.compose(name, choices)
    _leave_out(config, KNOWN)
    return config


def _leave_out(config: Any, names: set[str]) -> None:
    """Products are what takes time: of those of these names one may stay."""
    products = config.get("products")
    if isinstance(products, DictConfig):
        with open_dict(config):
            config.products = {n: p for i, (n, p) in enumerate(products.items()) if i == 0 or n not in names}


def _each(overrides: Sequence[str]) -> Iterator[list[str]]:
    """Every value of a sweep at least once, up to a few; the ends of an interval."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    values = [[text] for text in overrides]
    for place, override in enumerate(parsed):
        if isinstance(sweep := override.value(), IntervalSweep):
            values[place] = [f"{override.get_key_element()}={end}" for end in (sweep.start, sweep.end)]
        elif override.is_sweep_override():
            values[place] = [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
    runs = min(max(map(len, values)), SWEPT)
    return (list(row) for row in islice(zip(*map(cycle, values), strict=False), runs))


def _importable(module: str) -> str:
    return f"{module}.__main__" if (ROOT / module.replace(".", "/")).is_dir() else module


@cache
def _source(module: str) -> str | None:
    file = ROOT / f"{_importable(module).replace('.', '/')}.py"
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _script(file: Path, keys: Sequence[str]) -> str | None:
    """A script of ours exists, and names every key that it is given."""
    if not file.is_file():
        return f"no file {file.relative_to(ROOT)}"
    source = file.read_text(encoding="utf-8")
    names = [key.split("=")[0].split(".")[0] for key in keys if "=" in key]
    unknown = [name for name in names if not re.search(rf"\b{name}\b", source)]
    return f"{file.name} does not know {', '.join(unknown)}" if unknown else None


def _make(targets: Sequence[str]) -> str | None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in targets:
        name, is_variable, _ = target.partition("=")
        if not re.search(rf"^{name} \?=" if is_variable else rf"^{name}:", makefile, re.MULTILINE):
            return f"the Makefile has no {name}"
    return None


def _extras(packages: Sequence[str]) -> str | None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for package in packages:
        name, _, extras = package.rstrip("]").partition("[")
        unknown = set(filter(None, extras.split(","))) - project["optional-dependencies"].keys()
        if name == project["name"] and unknown:
            return f"{name} has no extra {', '.join(unknown)}"
    return None


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's own conf folder."""
    folder = tmp_path_factory.mktemp("readers") / "my_conf"
    write_readers_conf(folder)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_a_page_are_accepted(page: Path, conf: Path, tmp_path: Path) -> None:
    said = {command: complaint(command, conf) for command in commands(page, tmp_path)}
    wrong = [f"{command}\n  {text}" for command, text in said.items() if text]
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("python -m detect.train synthetic=[a] stepz=3 out=b", "page.md:3: python -m detect.train .*\n.*stepz"),
        ("python -m detect.train synthetic=[a] steps=0 out=b", "steps"),
        ("python -m detect.train synthetic=[a]", "out has no value"),
        ("python -m detect.trian --help", "no module detect.trian"),
        ("python -m gan.train model=cyclegun source=a target=b out=c", "cyclegun"),
        ("for m in fda fad; do python -m gan.translate model=$m source=a target=b out=c; done", "fad"),
        ("python -m detect.lr --multirun real=[a] steps=80,none out=b", "none"),
        ("python -m detect.lr --multirun real=[a] 'steps=interval(0, 9)' out=b", "steps"),
        ("python docs/nothing.py a", "no file docs/nothing.py"),
        ("python benchmarks/growth.py out=a cuont=3", "does not know cuont"),
        ("blender -b -P blender_scenes/render.py -- scenes=fridge out=a", "scenes"),
        ("make demmo", "no demmo"),
        ("pip install 'coldstart-vision[onyx]'", "no extra onyx"),
    ],
)
def test_a_wrong_command_is_named_with_its_line(block: str, message: str, conf: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Text\n```sh\n{block}\n```\n")
    said = [f"{command}\n  {complaint(command, conf)}" for command in commands(page, tmp_path)]
    assert any(re.search(message, text) for text in said), said


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("frobnicate a", "page.md:3: frobnicate"),
        ("python $NOWHERE", "page.md:3: NOWHERE: unbound"),
        ("python 'a", "page.md:3: unexpected EOF"),
    ],
)
def test_what_bash_cannot_run_is_named_with_its_line(block: str, message: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Text\n```sh\n{block}\n```\n")
    with pytest.raises(AssertionError, match=message):
        commands(page, tmp_path)
