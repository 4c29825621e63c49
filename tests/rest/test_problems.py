"""Which problem a client is told of, for every failure."""

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff import errors
from bff.errors import BFFError, DeclarationError, Problem, RejectedError, UpstreamError, UpstreamStatus
from bff.rest._problems import (
    PROBLEM_MEDIA_TYPE,
    PROBLEM_SCHEMA,
    CallFacts,
    ProblemDetails,
    internal_error,
    openapi_problem,
    out_of_time,
    problem_for,
    too_large,
)

SECRET = "http://10.0.0.7:9001 said: Traceback, password=hunter2"


def call_error(kind: type[UpstreamError | RejectedError], **more: Any) -> UpstreamError | RejectedError:
    return kind(SECRET, upstream="catalog", operation="product", attempts=3, **more)


def status_error(status: int) -> UpstreamStatus:
    return UpstreamStatus(SECRET, status=status, upstream="catalog", operation="product")


# Columns: nothing holds; is a write; credential forwarded; both; then the same four for calls with own inputs only.
STATUSES = {
    400: (502, 502, 502, 502, 502, 502, 502, 502),
    401: (502, 502, 401, 401, 502, 502, 401, 401),
    403: (502, 502, 403, 403, 502, 502, 403, 403),
    404: (502, 502, 502, 502, 404, 404, 404, 404),
    405: (502, 502, 502, 502, 502, 502, 502, 502),
    408: (502, 502, 502, 502, 502, 502, 502, 502),
    409: (502, 409, 502, 409, 502, 409, 502, 409),
    410: (502, 502, 502, 502, 502, 502, 502, 502),
    412: (502, 412, 502, 412, 502, 412, 502, 412),
    418: (502, 502, 502, 502, 502, 502, 502, 502),
    422: (502, 422, 502, 422, 502, 422, 502, 422),
    429: (502, 502, 502, 502, 502, 502, 502, 502),
    500: (502, 502, 502, 502, 502, 502, 502, 502),
    502: (502, 502, 502, 502, 502, 502, 502, 502),
    503: (502, 502, 502, 502, 502, 502, 502, 502),
    504: (502, 502, 502, 502, 502, 502, 502, 502),
    302: (502, 502, 502, 502, 502, 502, 502, 502),
}
FACTS = [CallFacts(own_inputs=own, credential_forwarded=credential, is_write=write)
         for own, credential, write in product([False, True], repeat=3)]  # fmt: skip


@pytest.mark.parametrize("upstream_status", STATUSES)
def test_an_upstreams_status_passes_only_where_it_is_the_clients_business(upstream_status: int) -> None:
    error = status_error(upstream_status)

    assert STATUSES[upstream_status] == tuple(problem_for(error, instance="/", facts=facts).status for facts in FACTS)


@pytest.mark.parametrize("facts", FACTS)
@pytest.mark.parametrize(
    ("kind", "status", "cause", "retry_after"),
    [
        (errors.UpstreamTimeout, 504, "timeout", None),
        (errors.UpstreamUnreachable, 502, "unreachable", None),
        (errors.ContractViolation, 502, "contract", None),
        (errors.UpstreamError, 502, "error", None),
        (errors.CircuitOpen, 503, "open", 1),
        (errors.Overloaded, 503, "overloaded", 1),
        (errors.RateLimited, 503, "rate-limited", 1),
        (errors.RejectedError, 503, "error", 1),
        (errors.DeadlineExceeded, 504, "timeout", None),
        (errors.UnsafePath, 404, "not-found", None),
    ],
)
def test_every_other_failure_has_one_status_whatever_the_call(
    kind: type[UpstreamError | RejectedError], status: int, cause: str, retry_after: int | None, facts: CallFacts
) -> None:
    problem = problem_for(call_error(kind), instance="/", facts=facts)

    assert (status, cause, retry_after) == (problem.status, problem.cause, problem.retry_after)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(None, 1), (0.0, 1), (0.2, 1), (1.0, 1), (1.01, 2), (29.5, 30), (float("inf"), 1)]
)
def test_retry_after_is_in_whole_seconds_rounded_up_and_at_least_one(seconds: float | None, expected: int) -> None:
    error = call_error(errors.CircuitOpen, retry_after=seconds)

    assert expected == problem_for(error, instance="/").retry_after


@pytest.mark.parametrize("facts", FACTS)
@pytest.mark.parametrize("status", [401, 404, 409, 503])
def test_what_an_operation_maps_passes_with_its_own_type(status: int, facts: CallFacts) -> None:
    mapped = CallFacts(facts.own_inputs, facts.credential_forwarded, facts.is_write, {status: "already-exists"})

    problem = problem_for(status_error(status), instance="/products", facts=mapped)

    assert problem == ProblemDetails(
        status=status,
        cause="already-exists",
        title="Already exists",
        detail="The request was refused: already exists.",
        instance="/products",
    )
    assert problem.type == "urn:bff:problem:already-exists"


def test_a_mapping_of_another_status_changes_nothing() -> None:
    facts = CallFacts(mapped={409: "already-exists"})

    assert problem_for(status_error(500), instance="/", facts=facts) == problem_for(status_error(500), instance="/")


def test_a_document_has_the_members_of_the_rfc_and_the_cause() -> None:
    facts = CallFacts(own_inputs=True)

    problem = problem_for(status_error(404), instance="/products/7", facts=facts)

    assert json.loads(problem.body()) == {
        "type": "urn:bff:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "What was asked for does not exist.",
        "instance": "/products/7",
        "cause": "not-found",
    }


def test_a_missing_thing_that_the_client_did_not_ask_for_is_told_as_such() -> None:
    problem = problem_for(status_error(404), instance="/")

    assert (problem.cause, problem.detail) == ("not-found", "Something that this answer needs does not exist.")


def test_an_exposed_document_names_upstream_and_operation() -> None:
    problem = problem_for(call_error(errors.UpstreamTimeout), instance="/", expose=True)

    document = json.loads(problem.body())

    assert (document["upstream"], document["operation"]) == ("catalog", "product")


ERRORS: list[BFFError] = [
    *(
        call_error(getattr(errors, name))
        for name in errors.__all__
        if issubclass(getattr(errors, name), UpstreamError | RejectedError) and name != "UpstreamStatus"
    ),
    *(status_error(status) for status in STATUSES),
    DeclarationError(Problem(SECRET, mend=SECRET)),
    BFFError(SECRET),
]


@pytest.mark.parametrize("expose", [False, True])
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_no_document_carries_what_an_error_says_of_the_inside(error: BFFError, expose: bool) -> None:
    for facts in FACTS:
        document = problem_for(error, instance="/", facts=facts, expose=expose).body().decode()

        assert SECRET not in document
        assert "hunter2" not in document
        assert expose or "catalog" not in document


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_every_document_fits_its_schema(error: BFFError) -> None:
    document = json.loads(problem_for(error, instance="/", expose=True).body())

    assert set(PROBLEM_SCHEMA["required"]) <= set(document) <= set(PROBLEM_SCHEMA["properties"])
    assert all(isinstance(document[name], int if name == "status" else str) for name in document)


def test_a_title_is_the_same_for_all_problems_of_a_type() -> None:
    problems = [problem_for(error, instance="/", facts=facts) for error in ERRORS for facts in FACTS]

    assert len({problem.type for problem in problems}) == len({(problem.type, problem.title) for problem in problems})


@pytest.mark.parametrize(
    ("problem", "status", "cause"),
    [
        (out_of_time("/a"), 504, "timeout"),
        (too_large("/a"), 413, "too-large"),
        (internal_error("/a"), 500, "internal"),
        (problem_for(BFFError(SECRET), instance="/a"), 500, "internal"),
    ],
)
def test_a_problem_with_no_upstream_names_none(problem: ProblemDetails, status: int, cause: str) -> None:
    document = json.loads(problem.body())

    assert (status, cause, "/a") == (document["status"], document["cause"], document["instance"])
    assert "upstream" not in document
    assert "operation" not in document


def test_a_call_that_was_one_too_many_says_so() -> None:
    problem = problem_for(call_error(errors.RejectedError, cause="fan-out"), instance="/")

    assert (503, "fan-out", "Too many calls") == (problem.status, problem.cause, problem.title)


@given(st.text(), st.text())
def test_any_instance_and_any_name_make_a_document_and_a_urn(instance: str, name: str) -> None:
    problem = problem_for(status_error(409), instance=instance, facts=CallFacts(mapped={409: name}))

    assert json.loads(problem.body())["status"] in {409, 502}
    assert problem.type.isascii()
    assert " " not in problem.type


def test_openapi_shows_a_problem_under_its_own_media_type() -> None:
    response = openapi_problem("No such product.")

    assert response["description"] == "No such product."
    assert response["content"][PROBLEM_MEDIA_TYPE]["schema"] == dict(PROBLEM_SCHEMA)
