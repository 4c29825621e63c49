"""What can be known before traffic is found, with its place, and nothing else is."""

import importlib
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bff.cli._policies import policies_of
from bff.plan._check import Subject, check
from bff.plan._finding import Finding, Severity

HEAD = """
from typing import Annotated, Literal
from pydantic import BaseModel, Field, model_validator
from bff import BFF, ClientProfile, Retry, Shape, Timeout, Upstream, call, derived, each, endpoint, optional

class Item(BaseModel):
    id: int
    name: str

class Shop(Upstream):
    base_url = "http://shop.test"
    timeout = Timeout(total=0.5, per_try=0.2)

    @call.get("/items/{item_id}")
    def item(self, item_id: int) -> Item: ...

class Card(Shape):
    id: int
    name: str

class Web(ClientProfile):
    deadline = 2.0

    @endpoint.get("/items/{item_id}")
    def item(self, item_id: int) -> Card:
        return Card.of(Shop.item(item_id))

"""

OWN_TIMEOUT = """"/items/{item_id}", timeout=Timeout(per_try=3.0))
    def item(self, item_id: int) -> Item"""
WITH_CODE = """    name: str
    weight: float

    @model_validator(mode="after")
    def ok(self):
        return self

class Shop"""

Found = list[tuple[str, str]]


@dataclass(frozen=True)
class Checked:
    """What a check of a module found; `text` is what stands in the line that a finding names."""

    findings: tuple[Finding, ...]
    lines: list[str]

    @property
    def codes(self) -> Found:
        return [(finding.code, finding.problem.where) for finding in self.findings]

    def text(self, code: str) -> str:
        return next(self.lines[each.problem.line - 1].strip() for each in self.findings if each.code == code)

    def what(self, code: str) -> str:
        return next(each.problem.what for each in self.findings if each.code == code)


Check = Callable[..., Checked]


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Check:
    """Check an app that is written down as a module: what comes after the common head, and in place of parts of it."""
    name = f"checked_{abs(hash(request.node.nodeid))}"
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def run(
        rest: str = "app = BFF(Web)", swap: tuple[str, str] = ("", ""), environ: Mapping[str, str] | None = None
    ) -> Checked:
        source = HEAD.replace(*swap) if swap[0] else HEAD
        source += textwrap.dedent(rest)
        (tmp_path / f"{name}.py").write_text(source)
        app = importlib.import_module(name).app
        pages = [(page.declared, app.plan_of(page)) for page in app.pages]
        findings = check(Subject(pages, policies_of(app), [*app.upstreams], name, environ or {}))
        return Checked(findings, source.splitlines())

    monkeypatch.setitem(sys.modules, name, sys)
    monkeypatch.delitem(sys.modules, name)
    return run


def test_an_app_without_problems_has_no_findings(checked: Check) -> None:
    assert [] == checked().codes


class TestTime:
    def test_a_try_that_may_take_all_of_the_deadline_is_an_error(self, checked: Check) -> None:
        found = checked(swap=("per_try=0.2", "per_try=2.0"))
        assert [("per-try-past-deadline", "Shop.timeout")] == found.codes
        assert Severity.ERROR is found.findings[0].severity
        assert "timeout = Timeout(total=0.5, per_try=2.0)" == found.text("per-try-past-deadline")
        assert "one try may take 2 s, and a request of Web 2 s in all" == found.what("per-try-past-deadline")

    def test_a_per_try_that_is_left_out_counts_too(self, checked: Check) -> None:
        found = checked(swap=("total=0.5, per_try=0.2", "total=4.0"))
        assert [("per-try-past-deadline", "Shop.timeout")] == found.codes

    def test_a_policy_of_an_operation_is_found_at_the_operation(self, checked: Check) -> None:
        found = checked(swap=('"/items/{item_id}")\n    def item(self, item_id: int) -> Item', OWN_TIMEOUT))
        assert [("per-try-past-deadline", "Shop.item")] == found.codes
        assert found.text("per-try-past-deadline").startswith("@call.get")

    def test_a_try_may_not_be_longer_than_all_tries_together(self, checked: Check) -> None:
        assert [("per-try-past-total", "Shop.timeout")] == checked(swap=("per_try=0.2", "per_try=0.6")).codes

    def test_a_call_that_the_deadline_cuts_off_is_a_warning(self, checked: Check) -> None:
        found = checked(swap=("total=0.5", "total=2.0"))
        assert [("timeout-past-deadline", "Shop.timeout")] == found.codes
        assert Severity.WARNING is found.findings[0].severity

    def test_a_call_without_a_timeout_is_a_warning(self, checked: Check) -> None:
        assert [("no-timeout", "Shop.timeout")] == checked(
            swap=("timeout = Timeout(total=0.5, per_try=0.2)", "timeout = None")
        ).codes

    def test_the_longest_chain_is_held_against_the_deadline_uncut(self, checked: Check) -> None:
        found = checked(
            """
            class Slow(ClientProfile):
                deadline = 0.9

                @endpoint.get("/chain")
                def chain(self) -> Card:
                    return Card.of(Shop.item(Shop.item(1).id))

            app = BFF(Slow)
            """
        )
        assert [("worst-case-past-deadline", "Slow.chain")] == found.codes
        told = "at worst it takes 1 s, and has 0.9 s: Shop.item (0.5 s), then Shop.item (0.5 s)"
        assert told == found.what("worst-case-past-deadline")

    def test_an_async_endpoint_has_a_deadline_too(self, checked: Check) -> None:
        found = checked(
            """
            class Free(ClientProfile):
                deadline = 0.2

                @endpoint.get("/free")
                async def free(self, shop: Shop) -> Card:
                    return Card.of(await shop.item(1))

            app = BFF(Free)
            """
        )
        assert [("per-try-past-deadline", "Shop.timeout")] == found.codes

    def test_what_runs_side_by_side_is_not_added_up(self, checked: Check) -> None:
        found = checked(
            """
            class Pair(Shape):
                one: str
                other: str

            class Fast(ClientProfile):
                deadline = 0.9

                @endpoint.get("/pair")
                def pair(self) -> Pair:
                    return Pair(one=Shop.item(1).name, other=str_of(Shop.item(2).id))

            @derived
            def str_of(number: int) -> str:
                return str(number)

            app = BFF(Fast)
            """
        )
        assert [] == found.codes


class TestSettings:
    def test_a_variable_that_nobody_reads_is_told_with_what_was_meant(self, checked: Check) -> None:
        found = checked(environ={"BFF_SHOPP__TIMEOUT__TOTAL": "1", "BFF_SHOP__BASE_URL": "x", "BFF_HOME": "y"})
        assert [("unread-variable", "BFF_SHOPP__TIMEOUT__TOTAL")] == found.codes
        assert "did you mean `BFF_SHOP__TIMEOUT__TOTAL`?" == found.findings[0].problem.mend

    def test_a_variable_of_something_else_altogether_is_told_without_a_guess(self, checked: Check) -> None:
        found = checked(environ={"BFF_WAREHOUSE__BASE_URL": "x"})
        assert ["remove it, unless another app reads it"] == [each.problem.mend for each in found.findings]


class TestUse:
    def test_an_upstream_of_the_app_that_nobody_calls_is_told(self, checked: Check) -> None:
        found = checked(
            """
            class Idle(Upstream):
                base_url = "http://idle.test"

                @call.get("/")
                def ask(self) -> str: ...

            app = BFF(Web)
            """
        )
        assert [("unused-upstream", "Idle")] == found.codes
        assert "class Idle(Upstream):" == found.text("unused-upstream")

    def test_one_that_is_only_set_is_told_too(self, checked: Check) -> None:
        found = checked(
            """
            class Idle(Upstream):
                @call.get("/")
                def ask(self) -> str: ...

            app = BFF(Web, upstreams={Idle: "http://idle.test"})
            """
        )
        assert [("unused-upstream", "Idle")] == found.codes

    def test_mistakes_of_an_upstream_that_nobody_calls_are_found(self, checked: Check) -> None:
        found = checked(
            """
            class Idle(Upstream):
                retries = Retry()

                @call.get("/{name}")
                def ask(self) -> str: ...

            app = BFF(Web)
            """
        )
        assert {("declaration", "Idle.retries"), ("declaration", "Idle.ask"), ("unused-upstream", "Idle")} == {
            *found.codes
        }

    def test_a_base_class_and_the_upstreams_of_async_endpoints_are_used(self, checked: Check) -> None:
        found = checked(
            """
            class Base(Upstream):
                base_url = "http://base.test"

                @call.get("/")
                def ask(self) -> Item: ...

            class Derived(Base):
                pass

            class Free(ClientProfile):
                @endpoint.get("/free")
                async def free(self, derived: Derived) -> Card:
                    return Card.of(await derived.ask())

            app = BFF(Web, Free)
            """
        )
        assert [] == found.codes

    def test_fields_of_a_contract_that_nobody_reads_are_told_once_for_a_class(self, checked: Check) -> None:
        found = checked(
            swap=("    name: str\n\nclass Shop", "    name: str\n    weight: float\n    note: str\n\nclass Shop")
        )
        assert [("contract-wider-than-use", "Item")] == found.codes
        assert "weight: float" == found.text("contract-wider-than-use")
        assert "`weight`, `note`" in found.what("contract-wider-than-use")

    def test_what_one_endpoint_reads_is_read(self, checked: Check) -> None:
        found = checked(
            """
            class More(ClientProfile):
                @endpoint.get("/weight")
                def weight(self) -> float:
                    return Shop.item(1).weight

            app = BFF(Web, More)
            """,
            swap=("    name: str\n\nclass Shop", "    name: str\n    weight: float\n\nclass Shop"),
        )
        assert [] == [code for code, _ in found.codes if code == "contract-wider-than-use"]

    def test_a_contract_with_code_of_its_own_may_read_all_of_itself(self, checked: Check) -> None:
        assert [] == checked(swap=("    name: str\n\nclass Shop", WITH_CODE)).codes

    def test_a_field_of_a_shape_that_is_always_its_default_is_told(self, checked: Check) -> None:
        wide = "class Card(Shape):\n    badge: str | None = None\n    kind: Literal['card'] = 'card'\n"
        found = checked(swap=("class Card(Shape):\n", wide))
        assert [("shape-wider-than-use", "Card.badge")] == found.codes
        assert "badge: str | None = None" == found.text("shape-wider-than-use")

    def test_a_field_that_a_subclass_fills_is_used(self, checked: Check) -> None:
        found = checked(
            """
            class Big(Card):
                extra: str

            class More(ClientProfile):
                @endpoint.get("/big")
                def big(self) -> Big:
                    return Big.of(Shop.item(1), badge="new", extra="")

            app = BFF(Web, More)
            """,
            swap=("class Card(Shape):\n", "class Card(Shape):\n    badge: str | None = None\n"),
        )
        assert [] == [code for code, _ in found.codes if code == "shape-wider-than-use"]


def test_what_lies_outside_of_the_app_may_be_used_by_others() -> None:
    from examples.iot_bff.app import app

    pages = [(page.declared, app.plan_of(page)) for page in app.pages]
    found = check(Subject(pages, policies_of(app), [*app.upstreams], "examples.iot_bff.app", {}))
    widths = {"unused-upstream", "contract-wider-than-use", "shape-wider-than-use"}
    assert set() == widths & {finding.code for finding in found}


def test_errors_come_first_then_files_and_lines(checked: Check) -> None:
    found = checked(
        swap=("per_try=0.2", "per_try=2.0"), environ={"BFF_WAREHOUSE__X": "x"}, rest="""
        class Idle(Upstream):
            base_url = "http://idle.test"

        app = BFF(Web)
        """
    )  # fmt: skip
    assert ["per-try-past-deadline", "unused-upstream", "unread-variable"] == [code for code, _ in found.codes]
