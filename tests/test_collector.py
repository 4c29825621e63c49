"""The garbage collector is off while an app is built, and on again after it, if it was."""

import gc
from collections.abc import Iterator

import pytest

from bff import BFF, ClientProfile, DeclarationError, endpoint
from bff._collector import uncollected


class Still(ClientProfile):
    @endpoint.get("/still")
    def still(self) -> int:
        return 1 if gc.isenabled() else 0


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
