"""What one command of ours needs to start another: overrides in Hydra's grammar, and the user's own conf folder."""

import re
from typing import Any

__all__ = ["override", "user_conf"]


def override(key: str, value: object) -> str:
    """`key=value` in Hydra's override grammar; text is quoted where the grammar needs it."""
    return f"{key}={_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(_value(v) for v in value)}]"
    text = str(value)
    if isinstance(value, int | float) or re.fullmatch(r"[\w./~+-]+", text):
        return text
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", text) + "'"


def user_conf(hydra: Any) -> str | None:
    """The folder given as --config-dir to the command that runs, so that those it starts find what it holds too.

    `hydra` is that part of the command's config.
    """
    sources = hydra.runtime.config_sources
    return next((source.path for source in sources if source.provider == "command-line"), None)
