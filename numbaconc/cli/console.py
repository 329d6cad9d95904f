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
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

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
    "SIGINT": ("interrupted", EXIT_INTERRUPTED),
    "SIGTERM": ("terminated", 143),
    "SIGHUP": ("its terminal was closed", 129),
    "SIGXCPU": ("the limit of CPU time is reached", EXIT_BAD_INPUT),
}


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    # adds further options, and is called when arguments are parsed: other commands need not wait for it
    fill: Callable[[Parser], None] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401  # of any namespace class
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
    """What ends a command, by ctrl-C or as ctrl-C does.

    `python -m` ends by SIGINT, whatever is made of it, where a KeyboardInterrupt as such came out of a text that was
    executed, as dataclasses and Numba have some.
    """


class Outcome:
    """The exit status that a block of `reporting` ends with."""

    status: int = 0
    ending: str = ""  # the name of the signal that ended it
    lost: bool = False  # whether it came where nobody heard it, and must be repeated


@contextlib.contextmanager
def reporting(program: str, *, quiet: bool = False) -> Iterator[Outcome]:
    """Turn errors, warnings and signals inside the block into one line and an exit status: 2 after an error, or 130."""
    outcome = Outcome()

    def show_warning(message: Warning | str, *_: object, **__: object) -> None:
        tell(f"{program}: warning: {' '.join(str(message).split())}")

    _open_standard_streams()
    entered = False
    with _hearing_interrupts(outcome):
        try:
            with warnings.catch_warnings(), _logging_in_one_line(show_warning), _ending_on_signals(outcome):
                warnings.showwarning = show_warning
                with _announcing_compilation(quiet=quiet):
                    entered = True
                    yield outcome
                if sys.stdout is not None:
                    with _standard_output():
                        sys.stdout.flush()
        except BrokenPipeError:  # the reader of a pipe has had enough
            sys.stdout = None  # nothing is left to flush to
        except BaseException as error:
            words, outcome.status = _verdict(error, outcome.ending)
            tell(f"{program}: {words}")
            _free_what_was_being_made(error)
    if not entered:  # it ended before there was a block to leave
        raise SystemExit(outcome.status)


def _verdict(error: BaseException, ending: str) -> tuple[str, int]:
    """Return what is said of an error, and the exit status; raise the error if there is nothing to be said of it.

    Once a signal has come, whatever error comes out is its echo.
    """
    if ending or _is_interrupt(error):
        words, status = ENDINGS[ending or "SIGINT"]
        return f"{words}; nothing half-written is left", status
    if isinstance(error, NoRegionError):
        return f"no region of enough risk was found: {error}", EXIT_DEGENERATE
    if isinstance(error, (InputError, OSError, MemoryError, Warning)):  # python -W error makes errors of warnings
        return f"error: {' '.join(str(error).split()) or type(error).__name__}", EXIT_BAD_INPUT
    if isinstance(error, SystemError):  # compiled code of others that ran out of memory may say no more than this
        return f"error: {said(error)}", EXIT_BAD_INPUT
    raise error


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether an error is ctrl-C, or one that it caused: inside a kernel it comes out as a SystemError."""
    if error is None or isinstance(error, KeyboardInterrupt):
        return error is not None
    return _is_interrupt(error.__cause__ or error.__context__)


def _free_what_was_being_made(error: BaseException | None) -> None:
    """Forget the variables of calls that an error ended, and of those that its own causes ended."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@contextlib.contextmanager
def _hearing_interrupts(outcome: Outcome) -> Iterator[None]:
    """Hear what comes where no error gets out, in callbacks from compiled code and in finalizers.

    A signal that came there is repeated. Once one has come, errors there are its echo, of objects that were only half
    made, and nobody is told.
    """
    before = sys.unraisablehook

    def hear(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            outcome.lost = True
            number = signal.Signals[outcome.ending or "SIGINT"]
            threading.Timer(SOON, _thread.interrupt_main, [number]).start()  # at once, it would be lost in this hook
        elif not outcome.ending:
            before(unraisable)

    sys.unraisablehook = hear
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
    """Let signals end a command, once; those that are ignored or handled by others stay so.

    Ctrl-C does so each time that it is pressed: somebody may be waiting.
    """

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if not outcome.ending or outcome.lost or number == signal.SIGINT:
            outcome.ending, outcome.lost = outcome.ending or signal.Signals(number).name, False
            raise _Ended

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # which alone hears of signals
        numbers = [getattr(signal, name) for name in ENDINGS if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
    ours = [number for number, handler in before.items() if handler in (signal.SIG_DFL, signal.default_int_handler)]
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def add_data_options(parser: argparse._ActionsContainer) -> None:
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
