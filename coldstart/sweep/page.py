"""The summary of a sweep: sweep.html with its plots, sweep.json, and the table for the terminal."""

import html
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from plotly import graph_objects
from plotly.colors import sample_colorscale
from plotly.offline import get_plotlyjs

from coldstart.dataset import write_atomic, write_json
from coldstart.page import environment
from coldstart.progress import clock
from coldstart.sweep.plan import Plan
from coldstart.sweep.study import Study
from coldstart.tables import aligned

__all__ = ["remark", "table", "values", "write"]

SHOWN = 10  # configs in the table
COLOURS = "Blues"  # of Optuna's own plots: the darker the better
LEAST = 2  # trials without which nothing can be said of a parameter


def values(plan: Plan, trial: FrozenTrial) -> str:
    """A trial's values, such as `lr=0.00123 batch=8`."""
    return " ".join(f"{d.key}={short(trial.params[d.key])}" for d in plan.space)


def short(value: Any) -> str:
    """Three digits of a fraction."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def table(plan: Plan, study: Study) -> str:
    """The best configs, for the terminal."""
    head = ["trial", plan.goal.measure, "step", *(d.key for d in plan.space), "time"]
    rows = [
        [str(t.number), f"{t.value:.4f}", str(_step(plan, t)), *(short(t.params[d.key]) for d in plan.space), _time(t)]
        for t in study.ranked()[:SHOWN]
    ]
    return aligned([head, *rows], right=True)


def remark(plan: Plan, study: Study) -> str:
    """How the best is to be taken."""
    done, failed = len(study.ranked()), len(study.trials(TrialState.FAIL))
    best = study.ranked()[0]
    lost = f", {failed} failed" if failed else ""
    text = f"{done} of {plan.total} trials ended{lost}. The best is trial {best.number}"
    usual = [t for t in study.ranked() if t.number == plan.usual]
    if usual:
        text += f"; without the sweep (trial {plan.usual}) {plan.goal.measure} is {usual[0].value:.4f}"
    return (
        f"{text}. The best of {done} on the same {len(plan.checked.held)} pictures flatters itself: before you believe "
        "it, score it on pictures that no trial saw."
    )


def write(plan: Plan, study: Study) -> Path:
    """Write sweep.json and sweep.html, which carries plotly.js inside itself; returns the latter."""
    ranked, failed = study.ranked(), study.trials(TrialState.FAIL)
    trials = [
        {
            "number": t.number,
            "state": t.state.name.lower(),
            plan.goal.measure: t.value,
            "params": t.params,
            **t.user_attrs,
            "command": plan.typed_command(t.number, t.params),
        }
        for t in study.trials()
    ]
    held = sorted(plan.checked.held)
    goal = {"measure": plan.goal.measure, "direction": plan.goal.direction, "held_out": held}
    write_json(plan.out / "sweep.json", {**goal, "ranked": [t.number for t in ranked], "trials": trials})
    templates = environment()
    templates.filters |= {"short": short, "time": _time, "step": lambda trial: _step(plan, trial)}
    text = templates.get_template("sweep.html.j2").render(
        plan=plan,
        goal=plan.goal,
        ranked=ranked[:SHOWN],
        failed=failed,
        done=len(ranked),
        begun=len(trials),
        remark=remark(plan, study) if ranked else "No trial has ended well so far.",
        then=plan.goal.then.format(out=plan.folder(ranked[0].number)) if ranked else "",
        command=plan.typed_command(ranked[0].number, ranked[0].params) if ranked else "",
        plots=_plots(plan, study) if ranked else [],
        plotly=get_plotlyjs(),
    )
    path = plan.out / "sweep.html"
    write_atomic(path, text.encode())
    return path


def _step(plan: Plan, trial: FrozenTrial) -> int:
    """The step whose weights a trial kept."""
    return int(_measured(plan, trial)["best"]["step"])


def _measured(plan: Plan, trial: FrozenTrial) -> dict[str, Any]:
    """What a trial wrote of its measurements; nothing if it did not come so far."""
    try:
        content: dict[str, Any] = json.loads((plan.folder(trial.number) / plan.goal.file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"history": [], "best": {"step": 0}}
    return content


def _time(trial: FrozenTrial) -> str:
    seconds = trial.user_attrs.get("seconds")
    return "stopped" if seconds is None else clock(seconds)


def _plots(plan: Plan, study: Study) -> list[tuple[str, str, str]]:
    """Title, explanation and HTML of each plot."""
    name = plan.goal.measure
    shown = [
        (
            "Learning curves",
            f"{name} on the held-out pictures while each trial learnt: the darker, the better its best; red: failed.",
            _curves(plan, study),
        )
    ]
    if len(study.ranked()) >= LEAST:
        plots, ended = optuna.visualization, _harmless(study)
        with warnings.catch_warnings(action="ignore"):  # of few trials, which the page says
            importances = plots.plot_param_importances(ended, target_name=name)
        parallel = plots.plot_parallel_coordinate(ended, target_name=name)
        parallel.update_layout(plot_bgcolor="#e3e8ec")  # on which the palest lines can be seen
        parallel.update_traces(opacity=0.9)
        shown = [
            (
                "Importance of the parameters",
                "Share of what decides whether a trial is among the better ones (PED-ANOVA, arXiv 2304.10255). From "
                "few trials it is a guess.",
                importances,
            ),
            ("Parallel coordinates", "Each line is a trial; the darker, the better.", parallel),
            ("One parameter at a time", "", plots.plot_slice(ended, target_name=name)),
            *shown,
            ("In the order of the trials", "", plots.plot_optimization_history(ended, target_name=name)),
        ]
    return [(title, text, _html(figure, f"plot{i}")) for i, (title, text, figure) in enumerate(shown)]


def _html(figure: graph_objects.Figure, name: str) -> str:
    """A figure without the library, which the page has once."""
    figure.update_layout(title=None, margin={"t": 30, "l": 60, "r": 20, "b": 50}, template="plotly_white", height=420)
    return str(figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config={"displaylogo": False}))


def _harmless(study: Study) -> optuna.Study:
    """The same trials in a study in memory, their choices escaped: plotly takes texts for HTML."""

    def escape(value: Any) -> Any:
        return html.escape(value, quote=False) if isinstance(value, str) else value

    copy = optuna.create_study(direction=study.study.direction)
    for trial in study.trials():
        spaces = {
            key: CategoricalDistribution([escape(choice) for choice in d.choices])
            if isinstance(d, CategoricalDistribution)
            else d
            for key, d in trial.distributions.items()
        }
        params = {key: escape(value) for key, value in trial.params.items()}
        # Those that still run are copied too, so that the others keep their numbers.
        state = TrialState.COMPLETE if trial.value is not None else TrialState.FAIL
        copy.add_trial(create_trial(state=state, value=trial.value, params=params, distributions=spaces))
    return copy


def _curves(plan: Plan, study: Study) -> graph_objects.Figure:
    figure = graph_objects.Figure()
    trials: Sequence[FrozenTrial] = [*study.trials(TrialState.FAIL), *reversed(study.ranked())]
    numbers = [t.value for t in trials if t.value is not None]
    low, high = min(numbers), max(numbers)
    sign = 1 if plan.goal.direction == "maximize" else -1
    for trial in trials:
        history = _measured(plan, trial)["history"]
        place = 0.5 if trial.value is None or low == high else (trial.value - low) / (high - low)
        shade = 0.25 + 0.75 * (place if sign > 0 else 1 - place)
        colour = "#c53030" if trial.value is None else sample_colorscale(COLOURS, [shade])[0]
        figure.add_scatter(
            x=[m["step"] for m in history],
            y=[m[plan.goal.measure] for m in history],
            mode="lines+markers",
            name=f"trial {trial.number}",
            line={"color": colour, "dash": "dot" if trial.value is None else "solid"},
            hovertext=html.escape(values(plan, trial)),
        )
    figure.update_layout(xaxis_title="step", yaxis_title=plan.goal.measure)
    return figure
