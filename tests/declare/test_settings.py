"""How an upstream's settings come together: class, app, environment, constructor."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff import Upstream, call, policy
from bff.declare._fields import FIELDS, FieldSpec
from bff.declare._settings import env_prefix, from_environment, layer, near_miss, resolve
from bff.errors import DeclarationError, Problem
from bff.policy import CircuitBreaker, Retry, RetryBudget, Timeout

CLASS = {"base_url": "http://localhost:9001", "timeout": Timeout(total=1.0, connect=0.2), "retry": Retry()}


def problems(raised: pytest.ExceptionInfo[DeclarationError]) -> dict[str, str]:
    """What is wrong, by the name of what it is wrong with."""
    return {problem.where: problem.what for problem in raised.value.problems}


def complaint(environ: dict[str, str]) -> str:
    """What is said of an environment, nothing where all is well."""
    try:
        from_environment("catalog", environ)
    except DeclarationError as error:
        return str(error)
    return ""


# Layers


def test_a_mapping_over_a_policy_replaces_just_the_fields_it_names() -> None:
    expected = Timeout(total=2.0, connect=0.2)

    assert expected == layer(CLASS, {"timeout": {"total": 2.0}})["timeout"]


def test_a_mapping_over_a_policy_inside_a_policy_does_so_too() -> None:
    base = {"retry": Retry(attempts=5, budget=RetryBudget(ratio=0.5, burst=3))}

    expected = dataclasses.replace(base["retry"], budget=RetryBudget(ratio=0.5, burst=7))
    assert expected == layer(base, {"retry": {"budget": {"burst": 7}}})["retry"]


@pytest.mark.parametrize("base", [{}, {"breaker": None}])
def test_a_mapping_over_a_policy_that_is_off_builds_one_from_the_defaults(base: dict[str, object]) -> None:
    assert CircuitBreaker(cooldown=9.0) == layer(base, {"breaker": {"cooldown": 9.0}})["breaker"]


@pytest.mark.parametrize("value", [None, Timeout(3.0)])
def test_none_switches_off_and_a_policy_takes_the_place_of_what_was_there(value: Timeout | None) -> None:
    assert value == layer(CLASS, {"timeout": value})["timeout"]


def test_later_layers_win_and_what_they_leave_out_stays() -> None:
    settings = layer(CLASS, {"base_url": "http://a", "timeout": None}, {"base_url": "http://b"})

    assert settings == {**CLASS, "base_url": "http://b", "timeout": None}


def test_a_layer_changes_nothing_in_place() -> None:
    before = dict(CLASS)

    layer(CLASS, {"timeout": {"total": 2.0}})

    assert before == CLASS


def test_everything_wrong_in_a_layer_is_told_at_once() -> None:
    with pytest.raises(DeclarationError) as raised:
        layer(CLASS, {"timout": None, "retry": {"atempts": 2}, "breaker": {"cooldown": -1.0}, "bulkhead": 7})

    assert problems(raised) == {
        "timout": "`timout` is no setting of an upstream",
        "retry.atempts": "`atempts` is no setting of a Retry",
        "breaker.cooldown": "CircuitBreaker.cooldown is -1.0",
        "bulkhead": "`bulkhead` is 7",
    }
    assert raised.value.problems[0].mend == "did you mean `timeout`?"


fields_of_timeout = st.dictionaries(st.sampled_from(["total", "per_try", "connect"]), st.floats(0.1, 9.0))


@given(fields_of_timeout, fields_of_timeout)
def test_two_layers_of_fields_are_as_good_as_both_in_one(first: dict[str, float], second: dict[str, float]) -> None:
    merged = layer(CLASS, {"timeout": {**first, **second}})

    assert merged == layer(CLASS, {"timeout": first}, {"timeout": second})


# The environment


def test_the_prefix_is_the_name_in_upper_snake_case() -> None:
    assert ["BFF_CATALOG__", "BFF_PRODUCT_CATALOG__"] == [env_prefix("catalog"), env_prefix("product-catalog")]


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("BASE_URL", "http://catalog:8000", {"base_url": "http://catalog:8000"}),
        ("BASE_URL", '["http://a", "http://b"]', {"base_url": ["http://a", "http://b"]}),
        ("NAME", "products", {"name": "products"}),
        ("HEADERS", '{"x-api-key": "s3cret"}', {"headers": {"x-api-key": "s3cret"}}),
        ("ACCEPT_HEADERS", '["accept-language"]', {"accept_headers": ("accept-language",)}),
        ("VERIFY", "false", {"verify": False}),
        ("VERIFY", "/etc/ca.pem", {"verify": "/etc/ca.pem"}),
        ("MAX_BODY", "1000000", {"max_body": 1_000_000}),
        ("TIMEOUT", "null", {"timeout": None}),
        ("TIMEOUT", '{"total": 0.5, "per_try": null}', {"timeout": {"total": 0.5, "per_try": None}}),
        ("TIMEOUT__TOTAL", "0.5", {"timeout": {"total": 0.5}}),
        ("TIMEOUT__PER_TRY", "null", {"timeout": {"per_try": None}}),
        ("RETRY__ATTEMPTS", "5", {"retry": {"attempts": 5}}),
        ("RETRY__STATUSES", "[502, 503]", {"retry": {"statuses": (502, 503)}}),
        ("RETRY__BUDGET", "null", {"retry": {"budget": None}}),
        ("RETRY__BUDGET__BURST", "20", {"retry": {"budget": {"burst": 20.0}}}),
        ("RETRY", '{"budget": {"burst": 20}}', {"retry": {"budget": {"burst": 20.0}}}),
        ("BREAKER__SLOW_CALL", "1.5", {"breaker": {"slow_call": 1.5}}),
        ("BULKHEAD__LIMIT", "64", {"bulkhead": {"limit": 64}}),
    ],
)
def test_a_variable_is_read_as_its_setting_wants(variable: str, text: str, expected: dict[str, object]) -> None:
    assert expected == from_environment("catalog", {f"BFF_CATALOG__{variable}": text})


def test_the_case_of_a_variable_does_not_matter() -> None:
    assert {"timeout": {"total": 0.5}} == from_environment("catalog", {"bff_catalog__Timeout__TOTAL": "0.5"})


def test_single_fields_change_a_policy_written_as_json() -> None:
    environ = {"BFF_CATALOG__TIMEOUT__TOTAL": "2", "BFF_CATALOG__TIMEOUT": '{"total": 1, "connect": 0.1}'}

    assert {"timeout": {"total": 2.0, "connect": 0.1}} == from_environment("catalog", environ)


def test_variables_of_others_are_not_read() -> None:
    environ = {
        "BFF_CATALOG_V2__BASE_URL": "http://other",
        "BFF_CATALOG": "x",
        "BFF_CATALOG_URL": "x",
        "CATALOG__BASE_URL": "x",
        "PATH": "/bin",
    }

    assert {} == from_environment("catalog", environ)


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        (
            "TIMEOUT__TOTL",
            "1",
            Problem(
                "`totl` is no setting of a Timeout",
                "did you mean `BFF_CATALOG__TIMEOUT__TOTAL`?",
                "BFF_CATALOG__TIMEOUT__TOTL",
            ),
        ),
        (
            "BASE_URI",
            "http://x",
            Problem("`base_uri` is no setting of an upstream", "did you mean `BFF_CATALOG__BASE_URL`?",
                    "BFF_CATALOG__BASE_URI"),
        ),
        (
            "BULKHEAD__SIZE",
            "7",
            Problem("`size` is no setting of a Bulkhead", "known are limit, queue", "BFF_CATALOG__BULKHEAD__SIZE"),
        ),
        (
            "MAX_BODY__BYTES",
            "7",
            Problem("`max_body` has no fields", "set `BFF_CATALOG__MAX_BODY`; lists and mappings are JSON",
                    "BFF_CATALOG__MAX_BODY__BYTES"),
        ),
        (
            "RETRY__WAIT",
            "7",
            Problem("`wait` is made by code", "set it where the upstream is declared", "BFF_CATALOG__RETRY__WAIT"),
        ),
        (
            "TIMEOUT",
            "0.5",
            Problem("`timeout` is a Timeout", "set its fields, or write it as JSON, or `null`", "BFF_CATALOG__TIMEOUT"),
        ),
        (
            "TIMEOUT__TOTAL",
            "soon",
            Problem(
                "`total` cannot be read: Input should be a valid number, unable to parse string as a number",
                "write it plainly; lists and mappings are JSON",
                "BFF_CATALOG__TIMEOUT__TOTAL",
            ),
        ),
        (
            "MAX_BODY",
            "null",
            Problem(
                "`max_body` cannot be read: Input should be a valid integer",
                "write it plainly; lists and mappings are JSON",
                "BFF_CATALOG__MAX_BODY",
            ),
        ),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_be_is_named_with_what_to_do(variable: str, text: str, problem: Problem) -> None:
    with pytest.raises(DeclarationError) as raised:
        from_environment("catalog", {f"BFF_CATALOG__{variable}": text})

    assert raised.value.problems == (problem,)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BASE_URL", ""),
        ("BASE_URL", "[7]"),
        ("VERIFY", ""),
        ("VERIFY", "null"),
        ("MAX_BODY", "0"),
        ("HEADERS", "plain"),
        ("HEADERS", '{"x": 7}'),
        ("ACCEPT_HEADERS", "accept-language"),
        ("RETRY__STATUSES", "502"),
        ("RETRY__STATUSES", '{"a": 1}'),
        ("RETRY__ATTEMPTS", "1.5"),
        ("RETRY__ATTEMPTS", "null"),
        ("RETRY", "[1]"),
        ("RETRY", '{"wait": 1}'),
        ("RETRY", '{"budget": 1}'),
        ("AUTH", "me:secret"),
        ("", "x"),
        ("TIMEOUT__", "x"),
        ("TIMEOUT__TOTAL__MS", "x"),
    ],
)
def test_nothing_malformed_is_let_through(variable: str, text: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        from_environment("catalog", {f"BFF_CATALOG__{variable}": text})

    assert len(raised.value.problems) == 1
    assert raised.value.problems[0].where.startswith("BFF_CATALOG__")


def test_all_that_is_wrong_with_the_environment_is_told_at_once() -> None:
    environ = {
        "BFF_CATALOG__TIMEOUT__TOTL": "1",
        "BFF_CATALOG__RETRY__ATTEMPTS": "many",
        "BFF_CATALOG__RETRIES": "1",
        "BFF_CATALOG__MAX_BODY": "1000",
    }

    with pytest.raises(DeclarationError) as raised:
        from_environment("catalog", environ)

    assert set(problems(raised)) == environ.keys() - {"BFF_CATALOG__MAX_BODY"}


def test_a_policy_is_not_switched_off_and_set_at_once() -> None:
    with pytest.raises(DeclarationError, match="switched off by `null`"):
        from_environment("catalog", {"BFF_CATALOG__RETRY": "null", "BFF_CATALOG__RETRY__BUDGET__BURST": "5"})


@given(st.sampled_from([*FIELDS, "headers__authorization", "headrs", "retry__budget__ratio"]), st.text(min_size=3))
def test_no_text_is_ever_shown_as_it_may_be_a_secret(path: str, noise: str) -> None:
    secret = f"s3cr3t{noise}s3cr3t"

    for text in (secret, f'["{secret}", 7', json.dumps([secret, 7]), json.dumps({"x": secret}), f'{{"x": "{secret}"'):
        assert "s3cr3t" not in complaint({f"BFF_CATALOG__{path.upper()}": text})


# All together


def test_the_class_is_weakest_then_app_environment_and_constructor() -> None:
    settings = resolve(
        "catalog",
        {**CLASS, "max_body": 1, "name": "catalog", "verify": True},
        app={"base_url": "http://app", "max_body": 2, "verify": False, "timeout": {"total": 2.0}},
        environ={"BFF_CATALOG__MAX_BODY": "3", "BFF_CATALOG__VERIFY": "/ca.pem", "BFF_CATALOG__TIMEOUT__CONNECT": "3"},
        given={"max_body": 4},
    )

    assert settings == {
        **CLASS,
        "base_url": "http://app",
        "name": "catalog",
        "verify": "/ca.pem",
        "max_body": 4,
        "timeout": Timeout(total=2.0, connect=3.0),
    }


@pytest.mark.parametrize("address", ["http://a", ["http://a", "http://b"]])
def test_an_apps_entry_may_be_just_an_address(address: str | list[str]) -> None:
    assert address == resolve("catalog", CLASS, app=address, environ={})["base_url"]


def test_the_process_environment_is_read_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BFF_CATALOG__BASE_URL", "http://from-environment")

    assert resolve("catalog", CLASS)["base_url"] == "http://from-environment"


def test_problems_of_all_layers_are_told_at_once_under_the_names_their_writers_know() -> None:
    with pytest.raises(DeclarationError) as raised:
        resolve(
            "catalog",
            CLASS,
            app={"timeuot": None},
            environ={"BFF_CATALOG__BREAKER__COOLDOWN": "-1", "BFF_CATALOG__TIMEOUT__TOTAL": "nan"},
            given={"retry": {"attempts": 0}},
        )

    assert problems(raised) == {
        "catalog.timeuot": "`timeuot` is no setting of an upstream",
        "BFF_CATALOG__BREAKER__COOLDOWN": "CircuitBreaker.cooldown is -1.0",
        "BFF_CATALOG__TIMEOUT__TOTAL": "Timeout.total is nan",
        "catalog.retry.attempts": "Retry.attempts is 0",
    }


def test_no_line_of_code_is_blamed_for_a_variable() -> None:
    with pytest.raises(DeclarationError) as raised:
        resolve("catalog", CLASS, environ={"BFF_CATALOG__TIMEOUT__TOTAL": "-1"})

    assert [("", 0)] == [(problem.file, problem.line) for problem in raised.value.problems]


def specs(fields: dict[str, FieldSpec]) -> list[FieldSpec]:
    return [*fields.values(), *(inner for spec in fields.values() for inner in specs(dict(spec.fields)))]


def test_every_field_of_every_policy_is_known() -> None:
    policies = [spec for spec in specs(dict(FIELDS)) if spec.policy is not None]

    assert {spec.policy for spec in policies} == {getattr(policy, name) for name in policy.__all__}
    for spec in policies:
        assert spec.policy is not None
        assert [field.name for field in dataclasses.fields(spec.policy)] == list(spec.fields)


# Near misses

PROFILE = ("name", "prefix", "host", "header", "deadline", "identify", "forward_headers", "trusted_peer", "naming",
           "omit_none", "max_items", "max_calls", "max_request_body", "on_partial", "expose")  # fmt: skip
UPSTREAM = (*FIELDS, "coalescing", "balancing", "outliers", "hedging", "rate_limit", "fault", "managed_by_mesh")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dedline", "deadline"),
        ("deadlin", "deadline"),
        ("dealine", "deadline"),
        ("Deadline", "deadline"),
        ("deadlines", "deadline"),
        ("prefx", "prefix"),
        ("exposed", "expose"),
        ("headers", "header"),
        ("foward_headers", "forward_headers"),
        ("forward_header", "forward_headers"),
        ("max_item", "max_items"),
        ("maxitems", "max_items"),
        ("max_call", "max_calls"),
        ("on_partail", "on_partial"),
        ("indentify", "identify"),
    ],
)
def test_a_slip_in_a_profiles_setting_is_noticed(name: str, expected: str) -> None:
    assert expected == near_miss(name, PROFILE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("timout", "timeout"),
        ("tiemout", "timeout"),
        ("time_out", "timeout"),
        ("retrys", "retry"),
        ("baseurl", "base_url"),
        ("base_uri", "base_url"),
        ("breakr", "breaker"),
        ("bulk_head", "bulkhead"),
        ("header", "headers"),
        ("acept_headers", "accept_headers"),
        ("maxbody", "max_body"),
        ("verfy", "verify"),
    ],
)
def test_a_slip_in_an_upstreams_setting_is_noticed(name: str, expected: str) -> None:
    assert expected == near_miss(name, UPSTREAM)


@pytest.mark.parametrize("known", [PROFILE, UPSTREAM])
@pytest.mark.parametrize(
    "name",
    ["image_width", "title", "line", "lines", "limit", "page_size", "max_images", "max_reviews", "max_lines", "x", "",
     "theme", "game", "frame", "cost", "post", "suffix", "time", "times", "headline", "guideline", "baseline", "bodies",
     "author", "currency", "region", "country", "fields", "format", "version", "thumbnail", "max_age", "reviews", "url",
     "retention", "breadcrumbs", "product", "search", "hosting", "header_image", "full_name", "language"],
)  # fmt: skip
def test_an_attribute_of_ones_own_is_left_alone(name: str, known: tuple[str, ...]) -> None:
    assert near_miss(name, known) is None


@pytest.mark.parametrize("name", PROFILE)
def test_a_setting_itself_is_no_slip(name: str) -> None:
    assert near_miss(name, PROFILE) is None


# Upstreams


class Catalog(Upstream):
    base_url = "http://class.test"
    timeout = Timeout(total=1.0, connect=0.2)

    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> str: ...


class Books(Catalog):
    pass


def at(upstream: Upstream) -> str:
    return upstream.connection.address.origin


def test_an_address_comes_from_class_app_environment_and_constructor_weakest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "http://class.test" == at(Catalog())
    assert "http://app.test" == at(Catalog.connected(app="http://app.test"))
    monkeypatch.setenv("BFF_CATALOG__BASE_URL", "http://environment.test")
    assert "http://environment.test" == at(Catalog.connected(app="http://app.test"))
    assert "http://environment.test" == at(Catalog())
    assert "http://constructor.test" == at(Catalog(base_url="http://constructor.test"))


def test_every_layer_may_name_just_some_fields_of_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BFF_CATALOG__TIMEOUT__PER_TRY", "null")
    catalog = Catalog.connected(app={"timeout": {"total": 2.0}})
    found = catalog.connection.policies_of(Catalog.product).timeout  # type: ignore[arg-type]
    assert Timeout(total=2.0, per_try=None, connect=0.2) == found


def test_an_upstream_that_inherits_has_operations_name_and_variables_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BFF_BOOKS__BASE_URL", "http://books.test")
    inherited, own = vars(Books)["product"], vars(Catalog)["product"]
    assert (Books, Catalog) == (inherited.owner, own.owner)
    assert ("books", "product") == inherited.template.name
    assert ("http://books.test", "http://class.test") == (at(Books()), at(Catalog()))
