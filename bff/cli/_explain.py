"""Draw the explanation of a plan as a tree."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from bff.plan._explain import ExplainedCall, Explanation, Left


def draw(explanation: Explanation, console: Console) -> None:
    """Print what a plan will do."""
    head = Text.assemble((explanation.title, "bold"), "  ", (explanation.endpoint, "cyan"))
    head.append(f"  deadline {_seconds(explanation.deadline)}", style="dim")
    tree = Tree(head, guide_style="dim")
    names = {call.number: call.name for call in explanation.calls}
    for step in sorted({call.step for call in explanation.calls}):
        branch = tree.add(Text("runs at once" if step == 1 else "runs as soon as what it needs is there", style="dim"))
        for call in explanation.calls:
            if call.step == step:
                _draw_call(branch, call, names)
    _draw_rest(tree, explanation, names)
    console.print(tree)
    console.print()


def _draw_call(branch: Tree, call: ExplainedCall, names: dict[int, str]) -> None:
    line = Text.assemble((call.name, "bold green" if call.is_required else "bold yellow"), "  ", call.request)
    line.append("  writes" if call.is_write else "", style="magenta")
    line.append("  in a branch" if call.is_conditional else "" if call.is_required else "  optional", style="yellow")
    node = branch.add(line)
    if call.is_joined:
        how = f"through {call.batch}, up to {call.batch_size} at once" if call.batch else "one call each"
        node.add(Text.assemble(("for each ", "dim"), f"item, {how}"))
    waits = [names[number] for number in call.after]
    waits += [f"{names[number]}, whatever comes of it" for number in call.after_settled]
    if waits:
        node.add(Text.assemble(("after    ", "dim"), "; ".join(waits)))
    node.add(Text.assemble(("decodes  ", "dim"), ", ".join(call.decodes) or "nothing"))
    if call.read_by:
        node.add(Text.assemble(("read by  ", "dim"), _engine(call.read_by, call.left)))
    tries = f"{call.attempts} attempts" if call.attempts > 1 else "1 attempt"
    limit = "until the deadline" if call.seconds is None else f"within {_seconds(call.seconds)}"
    hedge = call.hedged_after
    late = "" if hedge is None else f", sent once more after {hedge if isinstance(hedge, str) else _seconds(hedge)}"
    others = ", tried again by the mesh" if call.managed_by_mesh else ""
    node.add(Text.assemble(("at most  ", "dim"), f"{tries} {limit}{late}{others}"))


def _draw_rest(tree: Tree, explanation: Explanation, names: dict[int, str]) -> None:
    if explanation.optional:
        branch = tree.add(Text("may be missing", style="dim"))
        for part in explanation.optional:
            causes = ", ".join(names[number] for number in part.calls)
            why = f"{causes} fails" if causes else "something that it is made of is not there"
            branch.add(Text.assemble((", ".join(part.paths), "yellow"), f"  where {why}"))
    if explanation.headers:
        tree.add(Text.assemble(("varies by  ", "dim"), ", ".join(explanation.headers)))
    tree.add(Text.assemble(("written by  ", "dim"), _engine(explanation.written_by, explanation.left)))
    calls = f"{explanation.worst_calls} {'call' if explanation.worst_calls == 1 else 'calls'}"
    tree.add(Text.assemble(("at worst  ", "dim"), f"{calls} and {_seconds(explanation.worst_seconds)}"))
    for note in explanation.notes:
        tree.add(Text.assemble(("note  ", "dim"), note))


def _engine(name: str, left: Sequence[Left]) -> str:
    """Say what reads or writes something, and what of it is pydantic's."""
    parts = ", ".join(part.why if part.path == "*" else f"{part.path} ({part.why})" for part in left)
    if not parts:
        return name
    return f"{name}: {parts}" if name == "pydantic" else f"{name}; pydantic: {parts}"


def _seconds(value: float) -> str:
    return f"{value:g} s"
