"""The command line that all commands share: Hydra, typed configs, one clear line for bad input, `--help` from conf/."""

import dataclasses
import difflib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args

from coldstart import memory
from coldstart.errors import UserError

if TYPE_CHECKING:
    from coldstart.sweep.goal import Goal

__all__ = ["Job", "compose", "conf_dir", "plain", "run", "typed"]

C = TypeVar("C")


def conf_dir() -> Path:
    """The folder of config groups: the copy inside the installed package, or `conf/` of the checkout."""
    installed = Path(__file__).resolve().parent / "conf"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent / "conf"


def typed(schema: type[C], config: Any, where: str = "") -> C:
    """Turn a config (a mapping or DictConfig) into `schema`, a dataclass whose `__post_init__` may check ranges.

    Raises:
        UserError: a key is unknown, missing or of the wrong type, or `__post_init__` refuses a value. Where that
            belongs to an entry of a mapping or list, which cannot know its own key, the key is put in front; so is
            `where`, unless the message has it already.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    node = None
    try:
        node = OmegaConf.merge(_writable(OmegaConf.structured(schema)), config)
        return OmegaConf.to_object(node)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise UserError(_with_file(_one_line(error, where, _keys(schema), config))) from None
    except UserError as error:
        if where and str(error).startswith(f"{where}."):
            raise
        key = ".".join(filter(None, [where, _refused(node, "", "")]))
        own = re.match(r"[\w.\[\]]+: ", str(error))
        raise UserError(_with_file(f"{key}{'.' if own else ': '}{error}" if key else str(error))) from None


def _refused(node: Any, key: str, entry: str) -> str:
    """The key of the innermost entry of a mapping or list from which no object can be made; '' if there is none."""
    from omegaconf import Container, DictConfig, OmegaConf

    names = range(len(node)) if not isinstance(node, DictConfig) else list(node)
    for name in names:
        child = node._get_node(name)
        if not isinstance(child, Container) or child._is_none() or child._is_missing():
            continue
        try:
            OmegaConf.to_object(child)
        except UserError:
            inner = f"{key}[{name}]" if isinstance(name, int) else f"{key}.{name}".lstrip(".")
            return _refused(child, inner, entry if OmegaConf.get_type(node) not in (dict, list) else inner)
    return entry


def _with_file(text: str) -> str:
    """A message that names a key of a product, with the product's file behind it."""
    from hydra.core.hydra_config import HydraConfig

    name = re.search(r"\bproducts\.(\w+)", text)
    if name is None:
        return text
    folders = [conf_dir()]
    if HydraConfig.initialized():
        folders = [Path(s.path) for s in HydraConfig.get().runtime.config_sources if s.schema == "file"]
    for file in (f for folder in folders for f in sorted((folder / "product").rglob("*.yaml"))):
        if re.search(rf"^# @package products\.{name[1]}$", file.read_text(encoding="utf-8"), re.MULTILINE):
            return f"{text} ({os.path.relpath(file) if file.is_relative_to(Path.cwd()) else file})"
    return text


def _writable(node: Any) -> Any:
    """A structured config without the read-only flags of frozen dataclasses inside it, so that it can be merged."""
    from omegaconf import DictConfig

    node._set_flag("readonly", False)
    for child in node._content.values() if isinstance(node._content, dict) else ():
        if isinstance(child, DictConfig):
            _writable(child)
    return node


def _keys(schema: Any) -> list[str]:
    """Dotted names of the fields of a dataclass and of the dataclasses in it, those that may be null included."""
    names = []
    for item in dataclasses.fields(schema):
        names.append(item.name)
        for kind in get_args(item.type) if isinstance(item.type, UnionType) else [item.type]:
            if dataclasses.is_dataclass(kind):
                names += [f"{item.name}.{key}" for key in _keys(kind)]
    return names


def plain(config: Any) -> dict[str, Any]:
    """A config dataclass as plain dicts, lists and numbers, ready for JSON."""
    return dataclasses.asdict(config)


def compose(config_name: str, overrides: Sequence[str]) -> Any:
    """The config that a command would get for `overrides`, its values not yet checked.

    Raises:
        UserError: an override cannot be read, or names a key or a group's choice that does not exist.
    """
    import hydra
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    running = GlobalHydra.instance().is_initialized()
    try:
        with nullcontext() if running else hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
            return hydra.compose(config_name, list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_one_line(error, "", [])) from None


@dataclasses.dataclass(frozen=True)
class Job(Generic[C]):
    """What Hydra calls with a composed config; a sweeper finds here how its trials are checked and compared."""

    task: Callable[[C], object]
    schema: type[C]
    goal: "Goal | None" = None

    def __call__(self, config: Any) -> None:
        """Run the task. Exits on bad input, since Hydra would print a line of its own above an exception of ours."""
        from omegaconf import OmegaConf

        memory.keep_freed()
        try:
            OmegaConf.resolve(config)
            self.task(typed(self.schema, config))
        except UserError as error:
            sys.exit(_report(error))


def run(
    task: Callable[[C], object],
    schema: type[C],
    config_name: str,
    doc: str | None = None,
    goal: "Goal | None" = None,
) -> None:
    """Run `task` with the config that conf/`config_name`.yaml and the command line give; exit with 2 on bad input.

    With a `goal`, conf/`config_name`.yaml may choose hydra/sweeper=optuna for --multirun.
    """
    try:
        sys.exit(_dispatch(Job(task, schema, goal), config_name, doc or ""))
    except UserError as error:
        sys.exit(_report(error))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)


def _report(error: UserError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


def _dispatch(job: Job[Any], config_name: str, doc: str) -> int:
    try:
        import hydra
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException
        from yaml import YAMLError
    except ImportError as error:
        raise UserError(
            f"{sys.executable} has no {error.name}; run `make install` in the checkout, "
            "or install hydra-core into this Python"
        ) from None
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(_help(config_name, doc))
        return 0
    # Hydra prints a page and exits with 1 unless this is set; with it, exceptions reach us.
    os.environ["HYDRA_FULL_ERROR"] = "1"

    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=config_name)(job)()
    except YAMLError as error:
        raise UserError(f"not YAML: {' '.join(str(error).split())}") from None
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_one_line(error, "", _keys(job.schema))) from None
    except Exception as error:
        if type(error).__name__ != "UncompletedJobError":  # of submitit, which need not be installed
            raise
        said = [line.removeprefix("error: ") for line in str(error).splitlines() if line.strip()]
        raise UserError(f"a job of the launcher failed: {said[-1]}") from None
    return 0


def _one_line(error: Exception, where: str, known: list[str], config: Any = None) -> str:
    """What Hydra or OmegaConf says on many lines, as one line with a remedy."""
    cause = error.__cause__ if error.__cause__ and str(error).startswith("Error merging") else error
    text = str(cause)
    prefix = f"{where}." if where else ""
    key = re.search(r"full_key: (\S+)", _full_key(text, config))
    unknown = re.search(r"Could not override '([^']+)'", text) or re.search(r"Key '([^']+)' (?:is )?not in", text)
    absent = re.search(r"Could not (?:find|load) '([^']+)'", text)
    if absent:
        group = absent.group(1).rsplit("/", 1)[0]
        options = re.findall(r"^\t(\w+)$", text, re.MULTILINE) or sorted(
            f.stem for f in (conf_dir() / group).glob("*.yaml")
        )
        return f"{absent.group(1)}: no such config; available: {', '.join(options)}"
    if "Missing mandatory value" in text or "missing mandatory" in text.lower():
        name = key.group(1) if key else text.rsplit(" ", 1)[-1]
        return f"{prefix}{name} has no value; give {prefix}{name}=…"
    if unknown:
        name = key.group(1) if key and "." in key.group(1) else unknown.group(1)
        holder = getattr(cause, "object_type", None)
        if "." in name and dataclasses.is_dataclass(holder):
            start, _, last = name.rpartition(".")
            known = [field.name for field in dataclasses.fields(holder)]
            near = [f"{start}.{match}" for match in difflib.get_close_matches(last, known, n=1, cutoff=0.7)]
            remedy = f"known there: {', '.join(known)}"
        else:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = "see --help (a key that the YAML leaves out: +key=value)"
        if name in known:
            remedy = f"the YAML leaves it out; give +{prefix}{name}=…"
        elif near:
            remedy = f"did you mean '{near[0]}'?"
        return f"unknown key '{prefix}{name}'; {remedy}"
    first = text.splitlines()[0]
    if isinstance(override := getattr(error, "override", None), str):
        return f"{override!r}: cannot be read as key=value ({first}); quote text with blanks or signs: \"key='a b'\""
    name = key.group(1) if key else ""
    if "Incompatible value 'None'" in first:
        return f"{prefix}{name or 'key'} has no value; give {prefix}{name or 'key'}=…"
    if "is not a ListConfig" in first:
        first = f"takes a list: {prefix}{name or 'key'}=[…]"
    elif "DictConfig with ListConfig" in first:  # which of them was wanted, OmegaConf does not say
        first = "a list where keys are wanted, or keys where a list is; see --help"
    elif scalar := re.match(r"Merge error: .* value: (.*)", first):
        found = [leaf for leaf, value in _leaves(_unwrapped(config), "") if str(value) == scalar[1]]
        name = found[0] if len(found) == 1 else name
        first = f"has keys of its own and takes no value, got {scalar[1]}; see --help"
    return f"{prefix}{name}: {first}" if name else f"{prefix}{first}"


def _unwrapped(config: Any) -> Any:
    """Plain dicts and lists, of whichever kind of config."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config) if OmegaConf.is_config(config) else config


def _full_key(text: str, config: Any) -> str:
    """OmegaConf's message with the whole key of what is wrong in a list, of which it names the last part alone."""
    last = re.search(r"full_key: (\w+)$", text, re.MULTILINE)
    if last is None or config is None:
        return text
    plain = _unwrapped(config)
    value = re.search(r"Value '(.*?)' of type", text)
    found = [
        key
        for key, v in _leaves(plain, "")
        if re.search(rf"\.{last[1]}$", key) and (value is None or str(v) == value[1])
    ]
    return text.replace(last[0], f"full_key: {found[0]}") if len(found) == 1 else text


def _leaves(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Every entry of nested mappings and lists by its whole key."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in items:
        inner = f"{key}[{name}]" if isinstance(node, list) else f"{key}.{name}".lstrip(".")
        yield inner, child
        yield from _leaves(child, inner)


def _help(config_name: str, doc: str) -> str:
    """The command's own words and its commented YAML, then what each config group offers."""
    root = conf_dir()
    text = (root / f"{config_name}.yaml").read_text(encoding="utf-8")
    parts = [doc.strip(), "", "Keys (set them as key=value) and their defaults:", "", _indent(text)]
    groups = dict.fromkeys(re.findall(r"^\s*- (?:override )?/?(\w+)(?:@\S+)?:", text, re.MULTILINE))
    for group in groups:
        files = sorted((root / group).glob("*.yaml"))
        if files:
            parts += [f"{group}= one of: {', '.join(f.stem for f in files)}"]
    if groups:
        parts += [f"Keys of a choice: {root}/GROUP/CHOICE.yaml"]
    for sweeper in re.findall(r"^\s*- override hydra/sweeper: (\w+)$", text, re.MULTILINE):
        settings = (root / "hydra" / "sweeper" / f"{sweeper}.yaml").read_text(encoding="utf-8")
        keys = re.sub(
            r"^(\w+): ", r"hydra.sweeper.\1: ", re.sub(r"^_target_.*\n", "", settings, flags=re.M), flags=re.M
        )
        parts += ["", _indent(keys)]
    parts += [
        "",
        "Also: --multirun (sweep over comma-separated values), --config-dir DIR (your own conf folder),",
    ]
    parts += ["      --cfg job (print the composed config and stop)."]
    return "\n".join(parts)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())
