"""Whether renders and photos can teach each other: classes are one because of their names."""

from collections.abc import Mapping, Sequence
from typing import Any

from coldstart.dataset import load
from coldstart.errors import UserError
from coldstart.study.config import RealConfig

__all__ = ["check_classes", "of_renders"]

HELP = (
    'choose products by source.overrides=["product=[…]"], or name labels like them by detect.doctor names=[groceries]'
)


def of_renders(config: Mapping[str, Any]) -> list[str]:
    """The label names that renders of a composed conf/render.yaml can show, in alphabetical order."""
    products = config["products"].values()
    return sorted({p["category"] for p in products if p.get("category") and p.get("label", True)})


def check_classes(rendered: Sequence[str], real: RealConfig) -> list[str]:
    """Compare the renders' classes with those of the photos; return a line for those that only one side has.

    Raises:
        UserError: there is none that both have.
    """
    if not rendered or real.data is None:
        return []
    labelled = {name for path in (real.data, real.test) if path for name in load(path).class_names}
    if not labelled & set(rendered):
        raise UserError(
            f"real.data: {real.data} labels {_listed(labelled)}, and the renders show none of these but "
            f"{_listed(rendered)}; {HELP}"
        )
    notes = []
    if unrendered := labelled - set(rendered):
        notes.append(f"note: no render shows {_listed(unrendered)}, which photos have; {HELP}")
    if unlabelled := set(rendered) - labelled:
        notes.append(
            f"note: no photo labels {_listed(unlabelled)}, which renders show; if they stand in the photos, detectors "
            "are taught there that they are nothing"
        )
    return notes


def _listed(names: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(names))
