"""What every command shares: parsing, one-line errors, exit statuses, and where words go."""

from __future__ import annotations

import _thread
import argparse
import codecs
import contextlib
import io
import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from numbaconc.errors import LONGEST, InputError, NoRegionError, did_you_mean, printable, said, shortened, shown

EXIT_SOME_FAILED = 1  # of the cases of a sweep
EXIT_BAD_INPUT = 2
EXIT_DEGENERATE = 3  # what was found is no answer
EXIT_INTERRUPTED = 130

STATUSES = {
    EXIT_SOME_FAILED: "some cases of a sweep failed",
    EXIT_DEGENERATE: "no region of enough risk was found, or no test point lies in one",
}

# How signs are written where an encoding lacks them.
PLAIN = {"α": "alpha", "γ": "gamma", "ε": "epsilon", "μ": "mu", "ℓ": "l", "∞": "inf", "≤": "<=", "≥": ">=", "→": "->"}

SOON = 0.05  # seconds

# Signals that end a command as ctrl-C does, so that nothing is left behind: what is said, and the exit status.
ENDINGS = {
    "SIGTERM": ("terminated", 143),
    "SIGHUP": ("its terminal was closed", 129),
    "SIGXCPU": ("the limit of CPU time is reached", EXIT_BAD_INPUT),
}


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
            if word.startswith("--") and word.endswith("=--"):  # of which argparse would make a list
                self.error(f"argument {word[:-3]}: expected one argument")
            if joined and joined[-1].startswith("--") and re.match(r"-[\d.]", word):
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        options, unknown = super().parse_known_args(joined, namespace)
        if unknown:
            self.error(self._said_of(unknown))
        return options, unknown

    def _said_of(self, unknown: list[str]) -> str:
        """Say which arguments are not known, with the nearest option of the first one that looks like an option."""
        text = f"unrecognized arguments: {' '.join(unknown)}"
        option = next((word.partition("=")[0] for word in unknown if word.startswith("-")), "")
        return text + did_you_mean(option, tuple(self._option_string_actions)) if option else text

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Refuse the name of a command that there is not."""
        if action.choices is not None and value not in action.choices:
            names = tuple(map(str, action.choices))
            near = did_you_mean(value, names)
            raise argparse.ArgumentError(action, f"{shown(value)}; allowed: {', '.join(names)}{near}")

    def error(self, message: str) -> NoReturn:
        """Say it and leave with exit status 2."""
        self.exit(
            EXIT_BAD_INPUT, f"{self.prog}: error: {printable(shortened(message, LONGEST))} (see {self.prog} --help)\n"
        )


def epilog(*statuses: int) -> str:
    """Say what the exit statuses of a command mean, the further ones that it has among them."""
    of = {0: "done"} | {status: STATUSES[status] for status in statuses}
    of |= {EXIT_BAD_INPUT: "bad input, in one line", EXIT_INTERRUPTED: "interrupted"}
    return f"exit status: {'; '.join(f'{status} {of[status]}' for status in sorted(of))}"


def say(text: str) -> None:
    """Print to standard output; InputError if it takes no more."""
    if sys.stdout is not None:  # it may be closed
        with _standard_output():
            sys.stdout.write(f"{_lines(text)}\n")


def tell(text: str) -> None:
    """Print to standard error, if there is one: what is not a result."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # it may be missing, full or closed
        sys.stderr.write(f"{_lines(text)}\n")
        sys.stderr.flush()


def _lines(text: str) -> str:
    """Return lines of which nothing but characters to be seen reaches a terminal."""
    return "\n".join(map(printable, text.split("\n")))


class _Ended(KeyboardInterrupt):
    """What ends a command as ctrl-C does.

    `python -m` ends by SIGINT, whatever is made of it, where a KeyboardInterrupt as such came out of a text that was
    executed, as dataclasses and Numba have some.
    """


class Outcome:
    """The exit status that a block of `reporting` ends with."""

    status: int = 0
    ending: tuple[str, int] | None = None  # what a KeyboardInterrupt means, if it is not ctrl-C
    lost: bool = False  # whether it came where nobody heard it, and must be repeated


@contextlib.contextmanager
def reporting(program: str, *, quiet: bool = False) -> Iterator[Outcome]:
    """Turn errors, warnings and signals inside the block into one line and an exit status: 2 after an error, or 130."""
    outcome = Outcome()

    def show_warning(message: Warning | str, *_: object, **__: object) -> None:
        tell(f"{program}: warning: {' '.join(str(message).split())}")

    _open_standard_streams()
    entered = False
    try:
        with warnings.catch_warnings(), _logging_in_one_line(show_warning), _ending_on_signals(outcome):
            warnings.showwarning = show_warning
            with _announcing_compilation(quiet=quiet), _hearing_interrupts(outcome):
                entered = True
                yield outcome
            if sys.stdout is not None:
                with _standard_output():
                    sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has had enough
        sys.stdout = None  # nothing is left to flush to
    except NoRegionError as error:
        tell(f"{program}: no region of enough risk was found: {error}")
        outcome.status = EXIT_DEGENERATE
    except (InputError, OSError, MemoryError, Warning) as error:  # python -W error makes errors of warnings
        tell(f"{program}: error: {' '.join(str(error).split()) or type(error).__name__}")
        outcome.status = EXIT_BAD_INPUT
    except (KeyboardInterrupt, SystemError) as error:
        if _is_interrupt(error):
            words, outcome.status = outcome.ending or ("interrupted", EXIT_INTERRUPTED)
            tell(f"{program}: {words}; nothing half-written is left")
        else:  # compiled code of others that ran out of memory may say no more than this
            outcome.status = EXIT_BAD_INPUT
            tell(f"{program}: error: {said(error)}")
    if not entered:  # it ended before there was a block to leave
        raise SystemExit(outcome.status)


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether an error is ctrl-C, or one that it caused: inside a kernel it comes out as a SystemError."""
    if error is None or isinstance(error, KeyboardInterrupt):
        return error is not None
    return _is_interrupt(error.__cause__ or error.__context__)


@contextlib.contextmanager
def _hearing_interrupts(outcome: Outcome) -> Iterator[None]:
    """Repeat a ctrl-C, or what ends a command as it does, that came inside a callback from compiled code."""
    before = sys.unraisablehook

    def again(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            outcome.lost = outcome.ending is not None
            number = signal.SIGTERM if outcome.lost else signal.SIGINT
            threading.Timer(SOON, _thread.interrupt_main, [number]).start()  # at once, it would be lost in this hook
        else:
            before(unraisable)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


def _open_standard_streams() -> None:
    """Put nothing in the place of standard streams that are closed: files would take it, and get what others print."""
    for stream in (0, 1, 2):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error("numbaconc", _in_plain_letters)
        sys.stdout.reconfigure(errors="numbaconc")  # an encoding may lack ε and have all the rest


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    """Return something for characters that an encoding lacks: letters for our signs, question marks for the rest."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(PLAIN.get(one, "?") for one in lacking), error.end


@contextlib.contextmanager
def _standard_output() -> Iterator[None]:
    """Refuse to go on when standard output takes no more."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # the disk is full; it was closed
        sys.stdout = None  # Python would try again in the end, and say so in many lines
        msg = f"standard output cannot be written: {getattr(error, 'strerror', None) or error}"
        raise InputError(msg) from error


@contextlib.contextmanager
def _announcing_compilation(*, quiet: bool) -> Iterator[None]:
    """Say that kernels are compiled, once, and whether they are kept."""
    try:
        from numbaconc.kernels.compiling import uncached
        from numbaconc.kernels.threads import announcing_compilation
    except InputError:  # of Numba's environment, which whatever needs kernels will meet again
        yield
        return

    def announce() -> None:
        if not quiet and uncached:
            tell(
                "compiling kernels, every time: no folder to keep them in can be written, NUMBA_CACHE_DIR may name one"
            )
        elif not quiet:
            tell(
                "compiling kernels for this processor: once for each kind of search and data, then they come from the cache ..."
            )

    with announcing_compilation(announce):
        yield


@contextlib.contextmanager
def _logging_in_one_line(show: Callable[[str], None]) -> Iterator[None]:
    """Show the first of what Matplotlib logs as a warning, and no more: it says one thing in several lines."""
    shown: list[str] = []

    def handle(record: logging.LogRecord) -> bool:
        if not shown:
            shown.append(record.getMessage())
            show(shown[0])
        return False

    handler = logging.Handler(logging.WARNING)
    handler.addFilter(handle)
    logger = logging.getLogger("matplotlib")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextlib.contextmanager
def _ending_on_signals(outcome: Outcome) -> Iterator[None]:
    """Let signals that end a process do so as ctrl-C does, once; those that are ignored or handled stay so."""

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if outcome.ending is None or outcome.lost:
            outcome.ending, outcome.lost = outcome.ending or ENDINGS[signal.Signals(number).name], False
            raise _Ended

    numbers = [getattr(signal, name) for name in ENDINGS if hasattr(signal, name)]
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():  # which alone hears of signals
        ours = []
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


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
