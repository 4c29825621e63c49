"""Say how to mend a value that does not fit where it goes."""

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._types import Type, element, fields, fits, is_model, is_nullable, protocol_members, spell, without_none


def mend_of(node: Node, wanted: Type) -> str:
    """Return what to do about a value that does not fit a type."""
    given, target = without_none(node.type), without_none(wanted)
    if fits(given, wanted):
        if isinstance(node, graph.Optional) and not is_nullable(node.value.type):
            return f"give it a default: optional(value, default=...), or declare it `{spell(wanted)} | None`"
        return f"declare it `{spell(wanted)} | None`, or give or_else(value, default)"
    if is_model(given) and hasattr(target, "of"):
        return f"shape it: `{spell(target)}.of(...)`"
    item, shape = element(given), element(target)
    if is_model(item) and hasattr(shape, "of"):
        return f"shape every item: `each(items, {spell(shape)}.of)`"
    return _unmet(item or given, shape or target) or "make the types agree, or convert it in a @derived function"


def _unmet(given: Type, asked: Type) -> str:
    """Name what a `Protocol` asks for and a model does not have; nothing for any other pair."""
    protocol = protocol_members(asked)
    if protocol is None or not is_model(given):
        return ""
    known = fields(given)
    name, tp = next((name, tp) for name, tp in protocol.items() if name not in known or not fits(known[name], tp))
    return f"`{spell(asked)}` asks for `{name}: {spell(tp)}`; give it something that has it"
