"""Records that are made quickly are those that `logging` would make."""

import asyncio
import logging
import math
import threading
from collections.abc import Callable
from multiprocessing import current_process
from typing import Any

import pytest
from typing_extensions import override

from bff._records import Records

LOGGER = logging.getLogger("bff.access")
CHANGING = {"created", "msecs", "relativeCreated"}


def write() -> None:
    """Stand for what logs."""


@pytest.fixture
def records() -> Records:
    return Records(write, "bff")


def by_logging(level: int) -> logging.LogRecord:
    code = write.__code__
    extra = {"bff": {"a": 1}}
    place = (code.co_filename, code.co_firstlineno)
    return LOGGER.makeRecord(LOGGER.name, level, *place, "text", (), None, "write", extra)


def both(records: Records, level: int = logging.INFO) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attributes of a record, and those of the one that `logging` makes."""
    record = records.record(LOGGER, level, "text", {"a": 1})
    assert type(record) is logging.LogRecord
    return vars(record), vars(by_logging(level))


def check_equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours.keys() == theirs.keys()
    assert {key: ours[key] for key in ours.keys() - CHANGING} == {key: theirs[key] for key in ours.keys() - CHANGING}
    assert {key: type(value) for key, value in ours.items()} == {key: type(value) for key, value in theirs.items()}
    # The one was made right after the other.
    assert ours["created"] <= theirs["created"] <= ours["created"] + 60
    assert math.isclose(
        theirs["created"] - ours["created"], (theirs["relativeCreated"] - ours["relativeCreated"]) / 1000, abs_tol=1e-4
    )
    assert ours["msecs"] == int(ours["created"] % 1 * 1000)


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING, 17])
def test_a_record_has_all_that_one_of_logging_has(records: Records, level: int) -> None:
    assert records.is_plain
    check_equal(*both(records, level))


def test_a_record_made_in_another_thread_says_so(records: Records) -> None:
    made: list[tuple[dict[str, Any], dict[str, Any]]] = []
    thread = threading.Thread(target=lambda: made.append(both(records)), name="another")
    thread.start()
    thread.join()

    ((ours, theirs),) = made
    check_equal(ours, theirs)
    assert ours["threadName"] == "another"


def test_a_record_made_in_a_task_is_as_one_of_logging(records: Records) -> None:
    async def make() -> None:
        check_equal(*both(records))

    asyncio.run(make())


def test_what_is_renamed_has_its_new_name_at_once(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.current_thread(), "name", "serving")
    monkeypatch.setattr(current_process(), "name", "worker")
    monkeypatch.setattr(logging, "_levelToName", {logging.INFO: "info"})

    ours, theirs = both(records)

    check_equal(ours, theirs)
    assert (ours["threadName"], ours["processName"], ours["levelname"]) == ("serving", "worker", "info")


SWITCHES = [
    name for name in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks") if hasattr(logging, name)
]


@pytest.mark.parametrize("switch", SWITCHES)
def test_what_logging_is_told_to_leave_out_is_left_out(
    records: Records, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    monkeypatch.setattr(logging, switch, False)

    ours, theirs = both(records)

    assert not records.is_plain
    check_equal(ours, theirs)


def test_a_factory_is_asked_for_every_record(records: Records) -> None:
    class Marked(logging.LogRecord):
        mark = "a factory's"

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Marked)
    try:
        record = records.record(LOGGER, logging.INFO, "text", None)
    finally:
        logging.setLogRecordFactory(before)

    assert isinstance(record, Marked)
    assert type(records.record(LOGGER, logging.INFO, "text", None)) is logging.LogRecord


def patched(original: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        made = original(self, *args, **options)
        (self if made is None else made).trace = "t1"
        return made

    return method


@pytest.mark.parametrize(("cls", "name"), [(logging.Logger, "makeRecord"), (logging.LogRecord, "__init__")])
def test_a_patch_has_its_way_whenever_it_comes(monkeypatch: pytest.MonkeyPatch, cls: type, name: str) -> None:
    earlier = Records(write, "bff")
    monkeypatch.setattr(cls, name, patched(getattr(cls, name)))
    later = Records(write, "bff")

    for records in (earlier, later):
        assert vars(records.record(LOGGER, logging.INFO, "text", None))["trace"] == "t1"


def test_attributes_of_a_python_to_come_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Coming(logging.LogRecord):
        @override
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.fiber = 7

    monkeypatch.setattr(logging, "LogRecord", Coming)
    monkeypatch.setattr(logging, "_logRecordFactory", Coming)

    assert vars(Records(write, "bff").record(LOGGER, logging.INFO, "text", None))["fiber"] == 7
