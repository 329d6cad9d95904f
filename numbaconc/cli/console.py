"""What every command shares: parsing, one-line errors, exit statuses, and where words go."""

from __future__ import annotations

import _thread
import argparse
import contextlib
import io
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import NoReturn

from numbaconc.errors import InputError
from numbaconc.kernels.threads import announcing_compilation

EXIT_SOME_FAILED = 1  # of the cases of a sweep
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    # adds further options, and is called when arguments are parsed: other commands need not wait for it
    fill: Callable[[Parser], None] | None = None

    # argparse's stubs give this method overloads by namespace; repeating them here would say nothing new
    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Parse arguments. A number such as -8/255 after an option is its value, which a check then refuses."""
        if self.fill is not None:
            fill, self.fill = self.fill, None
            fill(self)
        joined: list[str] = []
        for word in sys.argv[1:] if args is None else args:
            if joined and joined[-1].startswith("--") and re.match(r"-[\d.]", word):
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return super().parse_known_args(joined, namespace)

    def error(self, message: str) -> NoReturn:
        """Say it and leave with exit status 2."""
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def say(text: str) -> None:
    """Print to standard output."""
    if sys.stdout is not None:  # it may be closed
        sys.stdout.write(f"{text}\n")


def tell(text: str) -> None:
    """Print to standard error: what is not a result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Outcome:
    """The exit status that a block of `reporting` ends with."""

    status: int = 0


@contextlib.contextmanager
def reporting(program: str, *, quiet: bool = False) -> Iterator[Outcome]:
    """Turn errors, warnings and ctrl-C inside the block into one line and an exit status: 2 after an error, or 130."""
    outcome = Outcome()

    def show_warning(message: Warning | str, *_: object, **__: object) -> None:
        tell(f"{program}: warning: {message}")

    def announce() -> None:
        if not quiet:
            tell("compiling kernels for this processor: only this time, then they come from the cache ...")

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an encoding may lack ℓ and have all the rest
    try:
        with warnings.catch_warnings(), announcing_compilation(announce), _hearing_interrupts():
            warnings.showwarning = show_warning
            yield outcome
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has had enough
        sys.stdout = None  # nothing is left to flush to
    except (InputError, OSError, MemoryError) as error:
        tell(f"{program}: error: {' '.join(str(error).split()) or type(error).__name__}")
        outcome.status = EXIT_BAD_INPUT
    except (KeyboardInterrupt, SystemError) as error:
        if not _is_interrupt(error):
            raise
        tell(f"{program}: interrupted; nothing half-written is left")
        outcome.status = EXIT_INTERRUPTED


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether an error is ctrl-C, or one that it caused: inside a kernel it comes out as a SystemError."""
    if error is None or isinstance(error, KeyboardInterrupt):
        return error is not None
    return _is_interrupt(error.__cause__ or error.__context__)


@contextlib.contextmanager
def _hearing_interrupts() -> Iterator[None]:
    """Repeat a ctrl-C that came inside a callback from compiled code, where it would be lost."""
    before = sys.unraisablehook

    def again(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            _thread.interrupt_main()
        else:
            before(unraisable)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where data sets lie and whether they must be the published ones."""
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="where data sets lie (default: $NUMBACONC_DATA_DIR, then ./data, then the user's cache)",
    )
    parser.add_argument(
        "--unverified-data",
        action="store_true",
        help="use files whose contents are not the published ones; the result says so",
    )
