"""The one exception that a user is meant to read."""

__all__ = ["UserError"]


class UserError(Exception):
    """Something the user can put right: one line that says what, where and what to do. Exit code 2, no traceback."""
