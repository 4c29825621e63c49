"""Settle an upstream's settings: what the class says, then the app, the environment and the constructor."""

import dataclasses
import difflib
import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from pydantic import TypeAdapter, ValidationError

from bff._frames import user_frame
from bff.declare._fields import FIELDS, MENDS, ONLY_IN_CODE, FieldSpec, is_fit, misfit
from bff.errors import DeclarationError, Problem

__all__ = ["env_prefix", "from_environment", "layer", "near_miss", "resolve"]

Path: TypeAlias = tuple[str, ...]


_ROOT: Final = FieldSpec(fields=FIELDS)
_MEMBERS: Final = TypeAdapter(dict[str, object])


@dataclass(frozen=True, slots=True)
class _Report:
    """What is wrong, with the names that users know: `name` makes `BFF_CATALOG__TIMEOUT__TOTAL` of a path."""

    name: Callable[[Path], str]
    problems: list[Problem] = field(default_factory=list[Problem])

    def add(self, path: Path, what: str, mend: str) -> None:
        self.problems.append(Problem(what, mend, self.name(path), *user_frame()))

    def unknown(self, path: Path, spec: FieldSpec) -> None:
        *above, key = path
        near = near_miss(key, spec.fields)
        of = f"a {spec.policy.__name__}" if spec.policy else "an upstream"
        mend = f"did you mean `{self.name((*above, near))}`?" if near else f"known are {', '.join(spec.fields)}"
        self.add(path, f"`{key}` is no setting of {of}", mend)


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
    in_code = _Report(lambda path: ".".join((name, *path)))
    in_environment = _environment_report(name)
    settings = _layered(declared, values, in_code)
    settings = _layered(settings, _from_environment(name, environ, in_environment), in_environment)
    settings = _layered(settings, given or {}, in_code)
    return _sound(settings, [*in_code.problems, *_placeless(in_environment.problems)])


def layer(base: Mapping[str, object], *overrides: Mapping[str, object]) -> dict[str, object]:
    """
    Return `base` with each of `overrides` laid over it.

    A mapping over a policy replaces just the fields that it names, and over a policy that is off or not set builds
    one from the defaults; `None` switches off; any other value takes the place of what was there.

    >>> from bff.policy import Timeout
    >>> layer({"timeout": Timeout(total=1.0, connect=0.2)}, {"timeout": {"total": 2.0}})["timeout"]
    Timeout(total=2.0, per_try=total / 2, connect=0.2)
    """
    report = _Report(".".join)
    settings = dict(base)
    for values in overrides:
        settings = _layered(settings, values, report)
    return _sound(settings, report.problems)


def from_environment(name: str, environ: Mapping[str, str]) -> dict[str, object]:
    """
    Return the settings that `environ` holds for the upstream `name`, to be laid over others.

    Numbers, flags and texts are written plainly, lists and mappings as JSON, and `null` switches off; the case of a
    variable's name does not matter. Raises a `DeclarationError` that names every variable that is unknown or
    malformed; as it may be a secret, it never shows a text.
    """
    report = _environment_report(name)
    return _sound(_from_environment(name, environ, report), _placeless(report.problems))


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


def _placeless(problems: Sequence[Problem]) -> list[Problem]:
    """Return problems of variables: no line of code is to blame for one."""
    return [dataclasses.replace(problem, file="", line=0) for problem in problems]


def _layered(base: Mapping[str, object], overrides: Mapping[str, object], report: _Report) -> dict[str, object]:
    settings = dict(base)
    for key, value in overrides.items():
        spec = FIELDS.get(key)
        if spec is None:
            report.unknown((key,), _ROOT)
        else:
            settings[key] = _changed(settings.get(key), value, spec=spec, path=(key,), report=report)
    return settings


def _changed(base: object, value: object, *, spec: FieldSpec, path: Path, report: _Report) -> object:
    """Return `value`, or where it is a mapping over a policy, that policy with the fields it names."""
    if spec.policy is None and len(path) == 1 and not is_fit(path[0], value):
        report.add(path, misfit(path[0], value), MENDS[path[0]])
    if spec.policy is None or value is None or isinstance(value, spec.policy):
        return value
    if not isinstance(value, Mapping):
        wanted = f"give a {spec.policy.__name__}, a mapping of its fields, or None to switch it off"
        report.add(path, f"`{path[-1]}` is {value!r}", wanted)
        return base
    policy: Any = base if isinstance(base, spec.policy) else spec.policy()
    changes: dict[str, object] = {}
    for key, change in cast("Mapping[str, object]", value).items():
        inner = spec.fields.get(key)
        if inner is None:
            report.unknown((*path, key), spec)
        else:
            changes[key] = _changed(getattr(policy, key), change, spec=inner, path=(*path, key), report=report)
    try:
        return dataclasses.replace(policy, **changes)
    except DeclarationError as error:
        for problem in error.problems:
            where = report.name((*path, problem.where.rpartition(".")[2]))
            report.problems.append(dataclasses.replace(problem, where=where))
        return policy


def _environment_report(name: str) -> _Report:
    return _Report(lambda path: env_prefix(name) + "__".join(path).upper())


def _from_environment(name: str, environ: Mapping[str, str], report: _Report) -> dict[str, object]:
    prefix = env_prefix(name)
    found: dict[str, object] = {}
    # In this order a whole policy comes before its single fields, which may then change it.
    for variable in sorted(environ, key=str.upper):
        if variable.upper().startswith(prefix):
            path = tuple(variable[len(prefix) :].lower().split("__"))
            for at, spec, text in _entries(path, environ[variable], report):
                _read(text, found, spec=spec, path=at, report=report)
    return found


def _entries(path: Path, text: str, report: _Report) -> Iterator[tuple[Path, FieldSpec, str]]:
    """Yield what `text` sets: itself, or where a policy is written as JSON, each of its fields."""
    spec = _spec_at(path, report)
    if spec is None:
        return
    if spec.policy is None or text == "null":
        yield path, spec, text
        return
    try:
        members = _MEMBERS.validate_json(text)
    except ValidationError:
        report.add(path, f"`{path[-1]}` is a {spec.policy.__name__}", "set its fields, or write it as JSON, or `null`")
        return
    for key, value in members.items():
        yield from _entries((*path, key.lower()), value if isinstance(value, str) else json.dumps(value), report)


def _spec_at(path: Path, report: _Report) -> FieldSpec | None:
    spec = _ROOT
    for depth, key in enumerate(path):
        if not spec.fields:
            above = path[:depth]
            report.add(path, f"`{above[-1]}` has no fields", f"set `{report.name(above)}`; lists and mappings are JSON")
            return None
        if key not in spec.fields:
            report.unknown(path[: depth + 1], spec)
            return None
        spec = spec.fields[key]
    return spec


def _read(text: str, found: dict[str, object], *, spec: FieldSpec, path: Path, report: _Report) -> None:
    """Put what `text` means into `found`, at `path`."""
    *above, key = path
    if spec is ONLY_IN_CODE:
        report.add(path, f"`{key}` is made by code", "set it where the upstream is declared")
        return
    for step in above:
        if found.setdefault(step, {}) is None:
            report.add(path, f"`{step}` is switched off by `null`, and this sets a field of it", "keep one of the two")
            return
        found = cast("dict[str, object]", found[step])
    try:
        found[key] = None if spec.policy is not None else _value(text, spec.kind)
    except ValidationError as error:
        reasons = "; ".join(mistake["msg"] for mistake in error.errors(include_input=False, include_url=False))
        report.add(path, f"`{key}` cannot be read: {reasons}", "write it plainly; lists and mappings are JSON")


def _value(text: str, kind: Any) -> object:
    """Return `text` as `kind`; raises pydantic's `ValidationError`, whose input is not for showing."""
    adapter: TypeAdapter[object] = TypeAdapter(kind)
    is_json = text == "null" or text.lstrip().startswith(("[", "{"))
    return adapter.validate_json(text) if is_json else adapter.validate_strings(text)
