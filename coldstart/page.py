"""Our HTML pages: templates with escaping on, that carry everything inside themselves and work offline."""

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["environment"]


def environment() -> Environment:
    """Where the templates of this package are found; a name that a template uses and nobody gives is an error."""
    return Environment(
        loader=PackageLoader("coldstart", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
