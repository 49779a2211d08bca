"""The promises of the sync (I1 to I12) and the tests that prove them.

A test says `@pytest.mark.invariant("I3")`. `python -m tests.invariants TESTING.md` prints that page with its table made
anew; `make fix` writes it, `make check` and a test fail when it is stale or a promise has no test.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent
BEGIN = "<!-- generated: invariants (make fix) -->"
END = "<!-- end of generated -->"

PROMISES = {
    "I1": "A cursor moves past an item only in the transaction that stored it or wrote its ledger entry.",
    "I2": "A refresh can be killed at any point and run again: nothing lost, nothing twice.",
    "I3": "Sync never deletes a message; a copy that is gone is confirmed, looked for, and said to be not found since.",
    "I4": "The mailbox is never modified.",
    "I5": "One refresh per mailbox at a time, checked by a fence number in every storing transaction.",
    "I6": "A rotated token is durable before it is used.",
    "I7": "One mailbox's trouble never holds up another; a message that kills its parser is set aside.",
    "I8": "No network call inside a database transaction.",
    "I9": "Memory is bounded by the batch, never by the mailbox or the message.",
    "I10": "A lost cursor becomes a full re-list that fetches nothing twice.",
    "I11": "A message that cannot be parsed is held with what could be read, and never blocks the next.",
    "I12": "Completeness is checked by comparing all remote ids with what is held, and what is missing is repaired.",
}


@dataclass(frozen=True)
class Proof:
    invariant: str
    path: str
    test: str


def proofs(folder: Path = TESTS) -> Iterator[Proof]:
    """Every marked test below the folder, read without importing anything."""
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        place = path.relative_to(folder.parent).as_posix()
        module = [name for node in tree.body if isinstance(node, ast.Assign) for name in _of_pytestmark(node)]
        yield from _in(tree.body, place, (), module)


def _in(body: list[ast.stmt], place: str, prefix: tuple[str, ...], inherited: list[str]) -> Iterator[Proof]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _in(node.body, place, (*prefix, node.name), inherited + _of_decorators(node.decorator_list))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for name in dict.fromkeys(inherited + _of_decorators(node.decorator_list)):
                yield Proof(name, place, "::".join((*prefix, node.name)))


def _of_pytestmark(node: ast.Assign) -> list[str]:
    if not any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets):
        return []
    marks = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    return _of_decorators(marks)


def _of_decorators(decorators: list[ast.expr]) -> list[str]:
    return [
        argument.value
        for decorator in decorators
        if isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr == "invariant"
        for argument in decorator.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


def table() -> str:
    """Promise by promise, the tests that prove it."""
    found = list(proofs())
    rows = ["| | promise | proved by |", "|---|---|---|"]
    for name, promise in PROMISES.items():
        tests = [f"`{proof.path}::{proof.test}`" for proof in found if proof.invariant == name]
        rows.append(f"| {name} | {promise} | {'<br>'.join(tests) or 'no test yet'} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1]).read_text(encoding="utf-8")))
