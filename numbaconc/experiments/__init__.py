"""The paper's tables and figures, and what goes beyond them, each a command: `python -m numbaconc.experiments.table1`."""

import sys

if sys.argv[0] == "-m":  # one of them is about to run as a command, and stumbles over Numba's environment in one line
    from numbaconc.cli.console import reporting

    with reporting("numbaconc.experiments") as outcome:
        import numbaconc.kernels  # noqa: F401
    if outcome.status:
        sys.exit(outcome.status)
