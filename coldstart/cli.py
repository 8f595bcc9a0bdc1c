"""The command line that all commands share: Hydra, typed configs, one clear line for bad input, `--help` from conf/."""

import dataclasses
import difflib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from coldstart.errors import UserError

__all__ = ["conf_dir", "plain", "run", "typed"]

C = TypeVar("C")


def conf_dir() -> Path:
    """The folder of config groups: `conf/` of the checkout, or the copy inside the installed package."""
    checkout = Path(__file__).resolve().parent.parent / "conf"
    return checkout if checkout.is_dir() else Path(__file__).resolve().parent / "conf"


def typed(schema: type[C], config: Any, where: str = "") -> C:
    """Turn a config (a mapping or DictConfig) into `schema`, a dataclass whose `__post_init__` may check ranges.

    Raises:
        UserError: a key is unknown, missing or of the wrong type, or `__post_init__` refuses a value.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), config))  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise UserError(_one_line(error, where, [f.name for f in dataclasses.fields(schema)])) from None  # type: ignore[arg-type]


def plain(config: Any) -> dict[str, Any]:
    """A config dataclass as plain dicts, lists and numbers, ready for JSON."""
    return dataclasses.asdict(config)


def run(task: Callable[[C], object], schema: type[C], config_name: str, doc: str | None = None) -> None:
    """Run `task` with the config that conf/`config_name`.yaml and the command line give; exit with 2 on bad input."""
    try:
        sys.exit(_dispatch(task, schema, config_name, doc or ""))
    except UserError as error:
        sys.exit(_report(error))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)


def _report(error: UserError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


def _dispatch(task: Callable[[C], object], schema: type[C], config_name: str, doc: str) -> int:
    try:
        import hydra
        from hydra.errors import HydraException
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException
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

    def job(config: Any) -> None:
        # Exits here, since Hydra would print a line of its own above an exception of ours.
        try:
            OmegaConf.resolve(config)
            task(typed(schema, config))
        except UserError as error:
            sys.exit(_report(error))

    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=config_name)(job)()
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_one_line(error, "", [f.name for f in dataclasses.fields(schema)])) from None  # type: ignore[arg-type]
    return 0


def _one_line(error: Exception, where: str, known: list[str]) -> str:
    """What Hydra or OmegaConf says on many lines, as one line with a remedy."""
    cause = error.__cause__ if error.__cause__ and str(error).startswith("Error merging") else error
    text = str(cause)
    prefix = f"{where}." if where else ""
    key = re.search(r"full_key: (\S+)", text)
    unknown = re.search(r"Could not override '([^']+)'", text) or re.search(r"Key '([^']+)' (?:is )?not in", text)
    group = re.search(r"Could not find '([^']+)'", text)
    if group and "Available options" in text:
        options = re.findall(r"^\t(\w+)$", text, re.MULTILINE)
        return f"{group.group(1)}: no such config; available: {', '.join(options)}"
    if "Missing mandatory value" in text or "missing mandatory" in text.lower():
        name = key.group(1) if key else text.rsplit(" ", 1)[-1]
        return f"{prefix}{name} has no value; give {prefix}{name}=…"
    if unknown:
        name = key.group(1) if key and "." in key.group(1) else unknown.group(1)
        near = difflib.get_close_matches(name, known, n=1)
        return f"unknown key '{prefix}{name}'" + (f"; did you mean '{near[0]}'?" if near else "; see --help")
    first = text.splitlines()[0]
    return f"{prefix}{key.group(1)}: {first}" if key and key.group(1) else f"{prefix}{first}"


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
    parts += [
        "",
        "Also: --multirun (sweep over comma-separated values), --config-dir DIR (your own conf folder),",
    ]
    parts += ["      --cfg job (print the composed config and stop)."]
    return "\n".join(parts)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())
