"""Writing the YAML files of a matched scene, as a person would: short values on one line, comments above."""

import re
from typing import Any

import yaml

from coldstart.errors import UserError

__all__ = ["check_name", "flow", "look_yaml", "scene_yaml"]


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def check_name(key: str, name: str) -> None:
    """Refuse a name that could not be a file's, a YAML key and a word of the command line.

    Raises:
        UserError: it has other than letters, digits and _, or is one of YAML's own words.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise UserError(f"{key}: {name!r} must be letters, digits and _, a letter first")
    if name.lower() in ("true", "false", "null", "yes", "no", "on", "off", "nan", "inf"):
        raise UserError(f"{key}: {name!r} means something else on the command line; choose another")


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    text: str = yaml.dump(
        value, Dumper=_Plain, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()


def scene_yaml(scene: dict[str, Any], products: list[str], comment: str) -> str:
    """conf/scene/NAME.yaml: `comment` on top, then products, fridge and camera."""
    lines = [
        "# @package _global_",
        *(f"# {line}".rstrip() for line in comment.splitlines()),
        "# All lengths in millimetres.",
    ]
    lines += ["defaults:", f"  - /product: {flow(products)}", "", "scene:", f"  name: {scene['name']}"]
    for part in ("fridge", "camera"):
        lines.append(f"  {part}:")
        for key, value in scene[part].items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                lines += [f"    {key}:", *(f"      - {flow(item)}" for item in value)]
            else:
                lines.append(f"    {key}: {flow(value)}")
    return "\n".join(lines) + "\n"


def look_yaml(look: dict[str, Any], comment: str) -> str:
    """conf/look/NAME.yaml."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    return "\n".join([*lines, *(f"{key}: {flow(value)}" for key, value in look.items())]) + "\n"


def product_yaml(name: str, product: dict[str, Any], comment: str) -> str:
    """conf/product/NAME.yaml: nested mappings over several lines, their values each on one."""
    lines = [f"# @package products.{name}", *(f"# {line}" for line in comment.splitlines())]
    for key, value in product.items():
        if isinstance(value, dict):
            lines += [f"{key}:", *(f"  {k}: {flow(v)}" for k, v in value.items())]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines += [f"{key}:", *(f"  - {flow(item)}" for item in value)]
        else:
            lines.append(f"{key}: {flow(value)}")
    return "\n".join(lines) + "\n"
