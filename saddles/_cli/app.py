"""The commands and their options; what they do stands in the modules beside this one."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated, overload

import typer

import saddles
from saddles._cli import commands
from saddles._cli.data import Log, Source
from saddles._cli.files import reads
from saddles._cli.output import BAD_INPUT, Output, flushed, guarded, say

__all__ = ["app", "run"]

STATUSES = (
    "Exit status: 0 right; 1 a disagreement (verify); 2 bad input; 3 a computation failed or "
    "decided nothing. Results go to standard output, everything else to standard error."
)

#: Largest initial scale at which `verify` looks, as log α, unless another is given.
LARGEST_SCALE = -1e4

app = typer.Typer(
    name="saddles",
    help="Predict the staircase of training from a tiny initialisation.",
    epilog=STATUSES,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


class Loss(StrEnum):
    """The loss that was trained and logged."""

    half_mean = "half-mean"
    mean = "mean"
    half_sum = "half-sum"
    sum = "sum"


Target = Annotated[str, typer.Option(metavar="COLUMN", help="The column to predict.")]
Standardize = Annotated[
    bool,
    typer.Option(
        "--standardize",
        help="Centre the target; centre the other columns and divide them by their norms.",
    ),
]
MaxJumps = Annotated[int | None, typer.Option(metavar="K", help="Stop after K jumps.")]
Plot = Annotated[
    Path | None, typer.Option(metavar="OUT", help="Draw the picture (.svg, .png ...).")
]
LearningRate = Annotated[
    float | None,
    typer.Option(metavar="H", help="Of gradient descent: print its steps too."),
]
Alpha = Annotated[float | None, typer.Option(metavar="A", help="The initial scale, below 1.")]
LogAlpha = Annotated[float | None, typer.Option(metavar="L", help="Or its natural logarithm.")]
TimeLimit = Annotated[
    float | None, typer.Option(metavar="S", help="Seconds after which to stop with what there is.")
]
Json = Annotated[bool, typer.Option("--json", help="Print everything as one line of JSON.")]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="No table, no warnings: the exit status says it all."),
]


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit status."""
    try:
        app(args=arguments, prog_name="saddles")
    except SystemExit as end:
        return flushed(end.code if isinstance(end.code, int) else int(bool(end.code)))
    except OSError as error:  # help, or the version, that cannot be written
        say(f"error: {error.strerror or error}.")
        return flushed(BAD_INPUT)
    return flushed(0)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"saddles {saddles.__version__}")
        raise typer.Exit


@app.callback()
def _saddles(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: saddles path data.csv --target y --plot staircase.svg")
@reads
def path(
    file: Source,
    target: Target,
    standardize: Standardize = False,
    depth: Annotated[
        int | None, typer.Option(metavar="D", help="Layers of the network; 2 by default.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Its initial weights over alpha, one a layer."),
    ] = None,
    max_jumps: MaxJumps = None,
    alpha: Alpha = None,
    log_alpha: LogAlpha = None,
    learning_rate: LearningRate = None,
    loss: Annotated[
        Loss, typer.Option(help="What is trained, for times and steps: |r|^2 over 2n, n, 2 or 1.")
    ] = Loss.half_mean,
    plot: Plot = None,
    time_limit: TimeLimit = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Print the saddle path of a diagonal linear network on the columns of a CSV file.

    When which column enters or leaves, and the loss |y - X beta|^2 / (2 n) after each jump. Times
    are scaled: multiply by log(1/alpha), or by alpha^(2 - D) from depth 3 on. With an initial
    scale, the times of training from there are printed too: of gradient flow, and with a learning
    rate in steps of gradient descent.
    """
    with guarded(quiet=quiet, time_limit=time_limit):
        commands.path(
            Output(as_json=as_json, quiet=quiet),
            file,
            target,
            standardize=standardize,
            depth=depth,
            init=init,
            max_jumps=max_jumps,
            log_alpha=_log_alpha(alpha, log_alpha, needed=learning_rate is not None),
            learning_rate=learning_rate,
            loss=loss.value,
            plot=plot,
        )


@app.command(
    epilog="Example: saddles verify data.csv --target y --quiet && echo the staircase is right"
)
@reads
def verify(
    file: Source,
    target: Target,
    alpha: Alpha = None,
    log_alpha: LogAlpha = None,
    standardize: Standardize = False,
    max_jumps: MaxJumps = None,
    plot: Plot = None,
    time_limit: TimeLimit = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the saddle path of a CSV file in three other ways, and compare.

    The three ways are: exact rational arithmetic from the numbers as they are written (if that
    takes seconds); alternating gradient flows (AGF) at a finite initial scale; and gradient flow,
    its jump times extrapolated to a vanishing scale. The largest scale is the one given, or
    log(alpha) = -10000. The table shows relative differences of the jump times. The picture shows
    the path over the gradient flow from the largest scale. The exit status is 1 if one disagrees,
    and 3 if one could not decide.
    """
    with guarded(quiet=quiet, time_limit=time_limit):
        output = Output(as_json=as_json, quiet=quiet)
        scale = _log_alpha(alpha, log_alpha, needed=False)
        scale = LARGEST_SCALE if scale is None else scale
        status = commands.verify(output, file, target, scale, standardize, max_jumps, plot)
        raise typer.Exit(status)


@app.command(
    epilog="Example: saddles compare run.csv --data data.csv --target y --alpha 1e-4 "
    "--learning-rate 0.01 --loss mean"
)
@reads
def compare(
    run_file: Log,
    data: Source,
    target: Target,
    alpha: Alpha = None,
    log_alpha: LogAlpha = None,
    learning_rate: Annotated[
        float | None, typer.Option(metavar="H", help="Of gradient descent, if the log has steps.")
    ] = None,
    loss: Annotated[
        Loss, typer.Option(help="What was trained and logged: |r|^2 over 2n, n, 2 or 1.")
    ] = Loss.half_mean,
    standardize: Standardize = False,
    max_jumps: MaxJumps = None,
    plot: Plot = None,
    time_limit: TimeLimit = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare your training log with the predicted staircase of its data.

    The run is compared with the limit of a vanishing scale, and with gradient flow from the run's
    initial scale. The table has relative errors of the jump times (scaled: divided by
    log(1/alpha)) and the loss on each plateau. Nothing is fitted: the learning rate, the initial
    scale and the loss are those declared. Even a perfect run differs from the limit by
    O(1/log(1/alpha)). It differs from the flow only by the effect of its learning rate.
    """
    with guarded(quiet=quiet, time_limit=time_limit):
        commands.compare(
            Output(as_json=as_json, quiet=quiet),
            run_file,
            data,
            target,
            log_alpha=_log_alpha(alpha, log_alpha),
            learning_rate=learning_rate,
            loss=loss.value,
            standardize=standardize,
            max_jumps=max_jumps,
            plot=plot,
        )


@app.command(epilog="Example: saddles bias data.csv --target y --log-alpha -2")
@reads
def bias(
    file: Source,
    target: Target,
    alpha: Alpha = None,
    log_alpha: LogAlpha = None,
    delta: Annotated[
        float,
        typer.Option(metavar="D", help="The single neuron's a^2 - |w|^2 at the start."),
    ] = 0.0,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Of the single neuron's initial direction.")
    ] = 0,
    standardize: Standardize = False,
    time_limit: TimeLimit = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Print where training ends, among all coefficients with the same fit.

    A diagonal network from a vanishing scale (least l1 norm) and from the scale given (least
    hyperbolic entropy), and a single neuron a w.x whose weights start in a random direction with
    min(|a|, |w|) at the scale given (Theorem 3.1 of arXiv:2406.06158). Where the columns cannot
    explain the target, its best fit stands for it.
    """
    with guarded(quiet=quiet, time_limit=time_limit):
        output = Output(as_json=as_json, quiet=quiet)
        scale = _log_alpha(alpha, log_alpha)
        commands.bias(output, file, target, scale, delta, seed, standardize)


@overload
def _log_alpha(alpha: float | None, log_alpha: float | None) -> float: ...
@overload
def _log_alpha(alpha: float | None, log_alpha: float | None, *, needed: bool) -> float | None: ...
def _log_alpha(
    alpha: float | None, log_alpha: float | None, *, needed: bool = True
) -> float | None:
    """Return log α, however it was given; None if it was not, and is not needed."""
    if alpha is None and log_alpha is None and not needed:
        return None
    if (alpha is None) == (log_alpha is None):
        given = "both are given" if alpha is not None else "it is not given"
        raise ValueError(
            f"the initial scale is needed once, as --alpha or as --log-alpha; {given}."
        )
    if alpha is None:
        return float(log_alpha or 0.0)
    if not 0 < alpha < 1:
        raise ValueError(f"--alpha={alpha!r}: the initial scale lies between 0 and 1.")
    return math.log(alpha)
