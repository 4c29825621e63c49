"""Settle an upstream's settings: what the class says, then the app, the environment and the constructor."""

import dataclasses
import difflib
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeAlias, cast

from pydantic import Field, TypeAdapter, ValidationError

from bff.errors import DeclarationError, Problem
from bff.policy import Bulkhead, CircuitBreaker, Retry, RetryBudget, Timeout

__all__ = ["FIELDS", "FieldSpec", "env_prefix", "from_environment", "layer", "near_miss", "resolve"]

Path: TypeAlias = tuple[str, ...]
Name: TypeAlias = Callable[[Path], str]
"""Says how users call the setting at a path: `BFF_CATALOG__TIMEOUT__TOTAL`, `Catalog.timeout.total`."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """
    What a setting may be.

    `type` is what a text from the environment is parsed as, `None` where only code can make the value; `policy`
    is the class of a policy, whose fields are `fields`.
    """

    type: Any = None
    policy: type[Any] | None = None
    fields: Mapping[str, "FieldSpec"] = field(default_factory=dict[str, "FieldSpec"])


_Text = Annotated[str, Field(min_length=1)]
_ONLY_IN_CODE: Final = FieldSpec()
_NUMBER: Final = FieldSpec(float)
_NUMBER_OR_NONE: Final = FieldSpec(float | None)
_COUNT: Final = FieldSpec(int)

FIELDS: Final[Mapping[str, FieldSpec]] = {
    "base_url": FieldSpec(_Text | list[_Text]),
    "name": FieldSpec(_Text),
    "headers": FieldSpec(dict[str, str]),
    "accept_headers": FieldSpec(tuple[str, ...]),
    "auth": _ONLY_IN_CODE,
    "verify": FieldSpec(bool | _Text),
    "max_body": FieldSpec(Annotated[int, Field(gt=0)]),
    "timeout": FieldSpec(
        policy=Timeout,
        fields={"total": _NUMBER, "per_try": _NUMBER_OR_NONE, "connect": _NUMBER},
    ),
    "retry": FieldSpec(
        policy=Retry,
        fields={
            "attempts": _COUNT,
            "wait": _ONLY_IN_CODE,
            "when": _ONLY_IN_CODE,
            "statuses": FieldSpec(tuple[int, ...]),
            "budget": FieldSpec(policy=RetryBudget, fields={"ratio": _NUMBER, "burst": _NUMBER}),
            "max_retry_after": _NUMBER_OR_NONE,
        },
    ),
    "breaker": FieldSpec(
        policy=CircuitBreaker,
        fields={
            "failure_rate": _NUMBER,
            "min_calls": _COUNT,
            "window": _NUMBER,
            "slow_call": _NUMBER_OR_NONE,
            "slow_rate": _NUMBER,
            "cooldown": _NUMBER,
            "max_cooldown": _NUMBER,
            "probes": _COUNT,
            "listeners": _ONLY_IN_CODE,
            "storage": _ONLY_IN_CODE,
        },
    ),
    "bulkhead": FieldSpec(policy=Bulkhead, fields={"limit": _COUNT, "queue": _COUNT}),
}
_ROOT: Final = FieldSpec(fields=FIELDS)


def resolve(
    name: str,
    declared: Mapping[str, object],
    *,
    app: str | Sequence[str] | Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
    given: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """
    Return the settings of the upstream `name`, weakest first: its class, the app, the environment, the constructor.

    `app` is its entry in `BFF(upstreams=...)`: an address, several, or a mapping of settings. Raises a
    `DeclarationError` with all that is wrong in any layer; `declared` has been checked with its class.
    """
    values = app if isinstance(app, Mapping) else {} if app is None else {"base_url": app}
    problems: list[Problem] = []

    def dotted(path: Path) -> str:
        return ".".join((name, *path))

    settings = _layer(declared, values, dotted, problems)
    variables = _from_environment(name, environ, problems)
    in_code = len(problems)
    settings = _layer(settings, variables, _variable_of(name), problems)
    # No line of code is to blame for a variable.
    problems[in_code:] = [dataclasses.replace(problem, file="", line=0) for problem in problems[in_code:]]
    settings = _layer(settings, given or {}, dotted, problems)
    return _sound(settings, problems)


def layer(base: Mapping[str, object], *overrides: Mapping[str, object]) -> dict[str, object]:
    """
    Return `base` with each of `overrides` laid over it.

    A mapping over a policy replaces just the fields that it names, and over a policy that is off or not set builds
    one from the defaults; `None` switches off; any other value takes the place of what was there.

    >>> layer({"timeout": Timeout(total=1.0, connect=0.2)}, {"timeout": {"total": 2.0}})["timeout"]
    Timeout(total=2.0, per_try=total / 2, connect=0.2)
    """
    problems: list[Problem] = []
    settings = dict(base)
    for values in overrides:
        settings = _layer(settings, values, ".".join, problems)
    return _sound(settings, problems)


def from_environment(name: str, environ: Mapping[str, str]) -> dict[str, object]:
    """
    Return the settings that `environ` holds for the upstream `name`, to be laid over others.

    Numbers, flags and texts are written plainly, lists and mappings as JSON, and `null` switches off; the case of a
    variable's name does not matter. Raises a `DeclarationError` that names every variable that is unknown or
    malformed; as it may be a secret, it never shows a text.
    """
    problems: list[Problem] = []
    return _sound(_from_environment(name, environ, problems), problems)


def env_prefix(name: str) -> str:
    """
    Return how the variables of the upstream `name` begin.

    >>> env_prefix("product-catalog")
    'BFF_PRODUCT_CATALOG__'
    """
    return f"BFF_{re.sub(r'[^0-9A-Za-z]+', '_', name).upper()}__"


def near_miss(name: str, known: Collection[str]) -> str | None:
    """
    Return the one of `known` that `name` was probably meant to be, or `None`, also where it is one of them.

    A slip seldom hits the first letter, and words that differ by more than one letter in six are other words.

    >>> near_miss("dedline", ["deadline", "name"])
    'deadline'
    """
    if name in known:
        return None
    alike = [other for other in known if other[:1] == name[:1].lower()]
    return next(iter(difflib.get_close_matches(name.lower(), alike, n=1, cutoff=0.84)), None)


def _sound(settings: dict[str, object], problems: Sequence[Problem]) -> dict[str, object]:
    if problems:
        raise DeclarationError(problems)
    return settings


def _layer(
    base: Mapping[str, object], overrides: Mapping[str, object], name: Name, problems: list[Problem]
) -> dict[str, object]:
    settings = dict(base)
    for key, value in overrides.items():
        spec = FIELDS.get(key)
        if spec is None:
            problems.append(_unknown((key,), _ROOT, name))
        elif spec.policy is None or value is None or isinstance(value, spec.policy):
            settings[key] = value
        else:
            settings[key] = _policy(settings.get(key), value, spec, (key,), name, problems)
    return settings


def _policy(  # noqa: PLR0913 - a step of a recursion carries its place
    base: object, value: object, spec: FieldSpec, path: Path, name: Name, problems: list[Problem]
) -> object:
    """Return the policy `base` with the fields in `value`, or as it was where these are wrong."""
    assert spec.policy is not None
    kind = spec.policy.__name__
    if not isinstance(value, Mapping):
        wanted = f"give a {kind}, a mapping of its fields, or None to switch it off"
        problems.append(Problem(f"`{path[-1]}` is a {type(value).__name__}", wanted, name(path)))
        return base
    policy = base if isinstance(base, spec.policy) else spec.policy()
    changes: dict[str, object] = {}
    for key, change in cast("Mapping[str, object]", value).items():
        inner = spec.fields.get(key)
        if inner is None:
            problems.append(_unknown((*path, key), spec, name))
        elif isinstance(change, Mapping) and inner.policy is not None:
            changes[key] = _policy(getattr(policy, key), change, inner, (*path, key), name, problems)
        else:
            changes[key] = change
    try:
        return dataclasses.replace(policy, **changes)
    except DeclarationError as error:
        for problem in error.problems:
            at_fault = problem.where.rpartition(".")[2]
            problems.append(dataclasses.replace(problem, where=name((*path, at_fault))))
        return base


def _unknown(path: Path, spec: FieldSpec, name: Name) -> Problem:
    *_, key = path
    near = near_miss(key, spec.fields)
    of = f"a {spec.policy.__name__}" if spec.policy else "an upstream"
    mend = f"did you mean `{name((*path[:-1], near))}`?" if near else f"known are {', '.join(spec.fields)}"
    return Problem(f"`{key}` is no setting of {of}", mend, name(path))


def _variable_of(name: str) -> Name:
    return lambda path: env_prefix(name) + "__".join(path).upper()


def _from_environment(name: str, environ: Mapping[str, str], problems: list[Problem]) -> dict[str, object]:
    prefix = env_prefix(name)
    found: dict[str, object] = {}
    # A whole policy comes before its fields, as `A` sorts before `A__B`.
    for variable in sorted(environ, key=str.upper):
        if variable.upper().startswith(prefix):
            path = tuple(variable[len(prefix) :].lower().split("__"))
            try:
                _put(found, path, _parsed(environ[variable], path, _variable_of(name)))
            except DeclarationError as error:
                problems += error.problems
    return found


def _put(found: dict[str, object], path: Path, value: object) -> None: ...


def _parsed(text: str, path: Path, name: Name) -> object: ...
