"""hydra/sweeper=optuna (docs/sweeps.md). In this namespace package, without an __init__.py, Hydra looks for plugins."""

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

__all__ = ["OptunaSweeper"]


class OptunaSweeper(Sweeper):
    """Hands the command line to `coldstart.sweep`; its settings, conf/hydra/sweeper/optuna.yaml, are checked there."""

    def __init__(self, **settings: Any) -> None:
        self.loader: Any = None
        self.command: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Remember what to run."""
        self.loader, self.command, self.config = hydra_context.config_loader, task_function, config

    def sweep(self, arguments: list[str]) -> None:
        """Sweep over what `arguments`, the overrides of the command line, leave open.

        Raises:
            UserError: optuna or plotly is not installed, or see `coldstart.sweep`.
        """
        from coldstart.errors import UserError

        try:
            from coldstart.sweep.plan import Plan
            from coldstart.sweep.run import sweep
        except ImportError as error:
            raise UserError(f"a sweep needs {error.name}; pip install 'coldstart-vision[sweep]'") from None
        assert self.config is not None
        sweep(Plan(self.command, self.config, self.loader, arguments))
