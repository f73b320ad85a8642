"""What a migration may do while the version before it is still at work: read from its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_REVISION = re.compile(r"\d{12}")
_NAME = r"(?:IF (?:NOT )?EXISTS )?(?:ONLY )?\"?([\w.]+)\"?"
# Takes away or changes what the code of the version before uses.
_CONTRACTING = {
    rf"DROP TABLE {_NAME}": "drops the table {0}",
    rf"DROP (?:MATERIALIZED )?VIEW {_NAME}": "drops the view {0}",
    rf"DROP FUNCTION {_NAME}": "drops the function {0}",
    r"DROP COLUMN": "drops a column",
    r"DROP DEFAULT": "drops a default",
    r"\bRENAME (?:TO|COLUMN|CONSTRAINT)\b": "renames",
    r"ALTER COLUMN \S+ (?:SET DATA )?TYPE": "changes a column's type",
    r"SET NOT NULL": "forbids nulls that the version before may write",
    r"\bREVOKE\b": "takes a right away",
    r"\bTRUNCATE\b": "empties a table",
}
# Keeps others from a table for as long as it takes to read all of it.
_LOCKING = {
    rf"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY){_NAME} ON {_NAME}": "makes the index {0} while nobody can write",
    r"ADD (?:CONSTRAINT \S+ )?(?:CHECK|FOREIGN KEY)(?!.*NOT VALID)": "checks every row under a lock; NOT VALID first",
    r"ADD (?:CONSTRAINT \S+ )?(?:PRIMARY KEY|UNIQUE|EXCLUDE)(?!.*USING INDEX)": "builds an index under a lock",
    r"ADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL\b": "adds a column that the version before leaves empty",
    r"DEFAULT \(?(?:gen_random_uuid|random|clock_timestamp|uuidv7|nextval)\b": "writes every row under a lock",
    r"\bVACUUM FULL\b|\bCLUSTER\b|REINDEX (?!.*CONCURRENTLY)": "rewrites under a lock",
}
_CREATED = re.compile(rf"CREATE (?:UNLOGGED )?TABLE {_NAME}", re.IGNORECASE)
_OF_TABLE = re.compile(rf"ALTER TABLE {_NAME}|CREATE (?:UNIQUE )?INDEX .*? ON {_NAME}", re.IGNORECASE)


@dataclass(frozen=True)
class Migration:
    """One file under `migrations/versions`."""

    path: Path
    tree: ast.Module

    @classmethod
    def read(cls, path: Path) -> Migration:
        return cls(path, ast.parse(path.read_text("utf-8")))

    def declared(self, name: str) -> str | None:
        """Return the text a name at the top is given; None where it is given none."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                return str(node.value.value) if isinstance(node.value, ast.Constant) else None
        return None

    def calls(self) -> list[ast.Call]:
        """Return the calls of `upgrade`, and of what it calls in its own file."""
        functions = {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}
        found: list[ast.Call] = []
        waiting, seen = ["upgrade"], set[str]()
        while waiting:
            if (name := waiting.pop()) in seen or name not in functions:
                continue
            seen.add(name)
            calls = [node for node in ast.walk(functions[name]) if isinstance(node, ast.Call)]
            found += calls
            waiting += [ast.unparse(call.func) for call in calls]
        return found

    def statements(self) -> Iterator[str]:
        """Yield the SQL that `upgrade` runs as text, names at the top filled in, on one line."""
        texts = {
            ast.unparse(node.targets[0]): node.value.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }
        for call in self.calls():
            if not ast.unparse(call.func).endswith((".execute", ".exec_driver_sql")):
                continue
            for node in (inner for argument in call.args for inner in ast.walk(argument)):
                said = texts.get(node.id) if isinstance(node, ast.Name) else None
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    said = node.value
                if said:
                    yield from (" ".join(part.split()) for part in said.split(";"))


def faults(migration: Migration) -> list[str]:
    """Return what an expansion must not do; for a migration that says since when it serves, only what locks."""
    contracting = migration.declared("serves_since") is not None
    operations, created = list(_operations(migration)), _created(migration)
    found = [
        fault for table, kind, fault in operations if table not in created and not (contracting and kind == "takes")
    ]
    for statement in migration.statements():
        of = _OF_TABLE.search(statement)
        if of and (of[1] or of[2]) in created:
            continue
        rules = _LOCKING if contracting else _LOCKING | _CONTRACTING
        for pattern, says in rules.items():
            if hit := re.search(pattern, statement, re.IGNORECASE):
                found.append(says.format(*hit.groups("")))
    return found


def _created(migration: Migration) -> set[str]:
    names = {hit[1] for statement in migration.statements() for hit in _CREATED.finditer(statement)}
    return names | {_first(call) for call in migration.calls() if ast.unparse(call.func) == "op.create_table"}


def _operations(migration: Migration) -> Iterator[tuple[str, str, str]]:
    """Yield the table, `takes` or `locks`, and the fault of each of Alembic's operations that has one."""
    for call in migration.calls():
        name = ast.unparse(call.func)
        said = {word.arg: ast.unparse(word.value) for word in call.keywords}
        match name:
            case "op.drop_column" | "op.drop_table" | "op.rename_table":
                yield _first(call), "takes", f"{name} takes away what the version before uses"
            case "op.alter_column" if said.keys() & {"new_column_name", "type_"} or said.get("nullable") == "False":
                yield _first(call), "takes", "op.alter_column changes what the version before uses"
            case "op.add_column" if (
                "nullable=False" in (column := ast.unparse(call)) and "server_default" not in column
            ):
                yield _first(call), "locks", "adds a column that the version before leaves empty"
            case "op.create_index" if "postgresql_concurrently" not in said:
                yield (
                    _argument(call, 1),
                    "locks",
                    "makes an index while nobody can write",
                )
            case "op.create_foreign_key" | "op.create_check_constraint" if "postgresql_not_valid" not in said:
                yield _argument(call, 1), "locks", "checks every row under a lock; postgresql_not_valid first"
            case "op.create_unique_constraint" | "op.create_primary_key" | "op.create_exclude_constraint":
                yield _argument(call, 1), "locks", "builds an index under a lock"


def _argument(call: ast.Call, place: int) -> str:
    if len(call.args) <= place:
        return ""
    node = call.args[place]
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _first(call: ast.Call) -> str:
    return _argument(call, 0)


def declaration_faults(migration: Migration) -> list[str]:
    """Return what is wrong with what a migration says of itself."""
    revision, since = migration.declared("revision") or "", migration.declared("serves_since")
    found = []
    if not _REVISION.fullmatch(revision):
        found.append("its revision is not a minute, as in 202611221800")
    if since is not None and not since <= (migration.declared("down_revision") or ""):
        found.append("it serves no version before it: take away what a version no longer uses one version later")
    own_transaction = any(ast.unparse(call.func) == "create_index_concurrently" for call in migration.calls())
    if own_transaction and len(migration.calls()) > 1:
        found.append("an index that is made concurrently needs a migration of its own: nothing before it is undone")
    return found
