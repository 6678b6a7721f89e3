"""Writes one line of JSON for each log event: a stable name, and its fields. For people it can also write text.

Each line of JSON is ASCII. Each text in it is cut after 200 characters, unless it is a traceback: user agents, image
names and token ids of unknown callers are logged. Request headers and bodies never are.

krt uses the standard library's `logging`, which also takes the lines of libraries. structlog and python-json-logger
would replace only the formatter below: both leave the bounds on values to krt.
"""

import json
import logging
import sys
from datetime import UTC, datetime

_MOST_CHARACTERS = 200  # of one text; tracebacks are exempt
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Log:
    """The log of one part of krt. An event is a name such as `event_accepted`; its data goes into fields."""

    def __init__(self, part: str) -> None:
        self._logger = logging.getLogger(f"krt.{part}")

    def debug(self, event: str, **fields: object) -> None:
        """Log something that is useful only while somebody searches for a fault."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Log an expected event."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log something that krt handles itself and that an operator should know."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, *, exception: BaseException | None = None, **fields: object) -> None:
        """Log something that an operator must look at, with the traceback of `exception`."""
        self._write(logging.ERROR, event, fields, exception)

    def _write(self, level: int, event: str, fields: dict[str, object], exception: BaseException | None = None) -> None:
        if not self._logger.isEnabledFor(level):
            return
        info = (type(exception), exception, exception.__traceback__) if exception else None
        # Not `Logger.log`: it walks the stack to find a file and a line number, which krt does not print.
        record = self._logger.makeRecord(self._logger.name, level, "", 0, event, (), info, extra={"fields": fields})
        self._logger.handle(record)


def configure(level: str, *, readable: bool = False) -> None:
    """Send the logs of krt and of its libraries to standard error: as JSON, or as text for people if `readable`.

    `level` is debug, info, warning or error, and applies to krt; libraries log from warning on.
    """
    for unused in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        setattr(logging, unused, False)  # `logging` would look each of these up for every line; krt prints none of them
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Readable() if readable else _Json())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("krt").setLevel(_LEVELS[level])


def shown(value: object) -> object:
    """The value in a form that a log line may hold.

    Numbers, booleans and None stay as they are. A text is cut after 200 characters. Lists, sets and dicts are converted
    item by item. Anything else becomes its text, which is cut as well.
    """
    if type(value) is str and len(value) <= _MOST_CHARACTERS:  # the usual case first
        return value
    match value:
        case dict():
            return {str(name): shown(item) for name, item in value.items()}
        case None | bool() | int() | float():
            return value
        case list() | tuple() | set() | frozenset() if not hasattr(value, "_fields"):  # a NamedTuple has its own str()
            return [shown(item) for item in value]
        case _:
            text = str(value)
            return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "part": record.name.removeprefix("krt."),
            "event": shown(record.getMessage()),
        }
        line |= {name: shown(value) for name, value in getattr(record, "fields", {}).items()}
        if record.exc_info and record.exc_info[0]:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class _Readable(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        fields = " ".join(f"{n}={json.dumps(shown(v))}" for n, v in getattr(record, "fields", {}).items())
        line = (
            f"{time} {record.levelname.lower():7} {json.dumps(shown(record.getMessage()))[1:-1]:24} {fields}".rstrip()
        )
        has_traceback = record.exc_info and record.exc_info[0]
        return f"{line}\n{self.formatException(record.exc_info)}" if has_traceback and record.exc_info else line
