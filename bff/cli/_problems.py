"""Show mistakes in declarations: where, what, and how to mend them."""

from rich.console import Console
from rich.text import Text

from bff.errors import DeclarationError


def show_problems(error: DeclarationError, console: Console) -> None:
    """Print every problem of an error."""
    for problem in error.problems:
        head = Text()
        if problem.file:
            head.append(f"{problem.file}:{problem.line}", style="cyan").append("  ")
        head.append(problem.where, style="bold")
        console.print(head, soft_wrap=True)
        console.print(Text(f"    {problem.what}", style="red"), soft_wrap=True)
        console.print(Text.assemble(("    mend: ", "green"), problem.mend), soft_wrap=True)
        console.print()
    count = len(error.problems)
    console.print(f"[bold red]{count} {'problem' if count == 1 else 'problems'} in the declarations[/]")
