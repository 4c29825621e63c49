"""The garbage collector is off while an app is built, and on again after it, if it was."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from bff import BFF, ClientProfile, DeclarationError, endpoint
from bff._collector import uncollected


class Still(ClientProfile):
    @endpoint.get("/still")
    def still(self) -> int:
        return 1 if gc.isenabled() else 0


class Cycle:
    def __init__(self) -> None:
        self.own = self


class Wrong(ClientProfile):
    @endpoint.get("no-slash")
    def wrong(self) -> int:
        return 1


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_it_is_off_while_an_app_is_built_and_on_again_afterwards() -> None:
    (plan,) = BFF(Still).plans
    assert "0" in plan.source.partition("return")[2]
    assert gc.isenabled()


def test_it_is_on_again_after_an_app_that_could_not_be_built() -> None:
    with pytest.raises(DeclarationError):
        BFF(Wrong)
    assert gc.isenabled()


def test_it_stays_off_where_it_was() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()


def test_what_was_made_is_old_at_once_and_is_collected_when_it_is_no_more_needed() -> None:
    with uncollected():
        made = [Cycle() for _ in range(1000)]
    assert not any(part is made[0] for part in (*gc.get_objects(0), *gc.get_objects(1)))
    gone = weakref.ref(made[0])
    del made
    gc.collect()
    assert gone() is None


def test_what_somebody_has_frozen_stays_so() -> None:
    gc.freeze()
    try:
        with uncollected():
            pass
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
