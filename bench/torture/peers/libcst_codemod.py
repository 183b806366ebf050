# ruff: noqa: N802
"""The job as LibCST codemods: its own commands and visitors where it has one, its matchers and metadata for the rest.

    python libcst_codemod.py FOLDER      # changes the files in place, prints what it warns of as lines of JSON

LibCST's own: RenameCommand, AddImportsVisitor, RemoveImportsVisitor. Written here: the calls, the guard, the wrap. What
could not be expressed without writing what those commands are there for:

- imports stay where they are: RenameCommand takes them out and AddImportsVisitor puts them at the top of the file;
- comments at an import that RemoveImportsVisitor or RenameCommand takes away;
- quoted annotations, `__all__` and other files that import a renamed name from this one;
- anything that is not Python: requirements, settings, notebooks.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import libcst as cst
import libcst.matchers as m
from libcst.codemod import CodemodContext, VisitorBasedCodemodCommand
from libcst.codemod.commands.rename import RenameCommand
from libcst.codemod.visitors import AddImportsVisitor, RemoveImportsVisitor
from libcst.helpers import get_full_name_for_node
from libcst.metadata import ParentNodeProvider, PositionProvider, QualifiedNameProvider

OPTIMIZER = "adam_atan2_pytorch.AdamAtan2"
ATTENTION = {
    "flash_attn.flash_attn_func",
    "flash_attn_interface.flash_attn_func",
    "torch.nn.functional.scaled_dot_product_attention",
}
FLASH = ("flash_attn", "flash_attn_interface")
ZERO = m.Integer("0") | m.Float("0.0")
DEVICE = re.compile(r"f?[\"']cuda(:0|:\{\w+\})?[\"']")
THERE = "torch.cuda.is_available"


class Command(VisitorBasedCodemodCommand):
    """What all commands here need: what a name may mean, and warnings with their line."""

    METADATA_DEPENDENCIES = (QualifiedNameProvider, PositionProvider, ParentNodeProvider)

    def names(self, node: cst.CSTNode) -> set[str]:
        """Return what a node may mean through imports."""
        found = self.get_metadata(QualifiedNameProvider, node, ())
        return {name.name for name in found if name.source.name == "IMPORT"}

    def tell(self, node: cst.CSTNode, text: str) -> None:
        """Warn of a place."""
        self.warn(f"{self.get_metadata(PositionProvider, node).start.line}: {text}")

    def above(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield what a node stands in, from the inside out."""
        while (node := self.get_metadata(ParentNodeProvider, node, None)) is not None:
            yield node


class Keyword(Command):
    """The rate 0 -> 1e-8, by keyword or as the second argument; told where the class is handed on."""

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if OPTIMIZER in self.names(original_node.func):
            args = [self._arg(index, arg) for index, arg in enumerate(updated_node.args)]
            return updated_node.with_changes(args=args)
        for arg in original_node.args:
            if OPTIMIZER in self.names(arg.value) and any(
                m.matches(one, m.Arg(keyword=m.Name("lr"))) for one in original_node.args
            ):
                self.tell(arg, "the class is handed on with a rate")
        return updated_node

    def leave_DictElement(self, original_node: cst.DictElement, updated_node: cst.DictElement) -> cst.DictElement:
        if OPTIMIZER in self.names(original_node.value):
            self.tell(original_node, "the class is handed on, so its rate cannot be seen")
        return updated_node

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.Assign:
        if OPTIMIZER in self.names(original_node.value):
            self.tell(original_node, "the class is handed on, so its rate cannot be seen")
        return updated_node

    def _arg(self, index: int, arg: cst.Arg) -> cst.Arg:
        named = m.matches(arg, m.Arg(keyword=m.Name("lr"))) or (index == 1 and arg.keyword is None and not arg.star)
        return arg.with_changes(value=cst.Float("1e-8")) if named and m.matches(arg.value, ZERO) else arg


class Guard(Command):
    """A second arm for imports of flash-attn that run when their module is imported."""

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        bound = [name for one in original_node.body for name in self._bound(one)]
        if not bound or self._guarded(original_node):
            return updated_node
        if len(original_node.body) > 1 or "*" in bound:
            self.tell(original_node, "an import of flash-attn that is not guarded")
            return updated_node
        arm = [cst.parse_statement(f"{name} = None") for name in bound]
        handler = cst.ExceptHandler(cst.IndentedBlock(arm), cst.Name("ImportError"))
        inner = updated_node.with_changes(leading_lines=())
        return cst.Try(cst.IndentedBlock([inner]), [handler], leading_lines=updated_node.leading_lines)

    def _bound(self, statement: cst.BaseSmallStatement) -> Iterator[str]:
        if isinstance(statement, cst.ImportFrom) and statement.module is not None and not statement.relative:
            if (get_full_name_for_node(statement.module) or "").partition(".")[0] in FLASH:
                yield from ["*"] if isinstance(statement.names, cst.ImportStar) else map(_local, statement.names)
        elif isinstance(statement, cst.Import):
            roots = [(get_full_name_for_node(alias.name) or "").partition(".")[0] for alias in statement.names]
            yield from (_local(alias) for alias, root in zip(statement.names, roots, strict=True) if root in FLASH)

    def _guarded(self, node: cst.CSTNode) -> bool:
        below = node
        for above in self.above(node):
            if isinstance(above, cst.FunctionDef | cst.If | cst.With | cst.ClassDef):
                return True
            if isinstance(above, cst.Try) and below is above.body and any(map(_catches, above.handlers)):
                return True
            below = above
        return False


class Device(Command):
    """.cuda() and device literals."""

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if m.matches(
            original_node,
            m.Call(m.Attribute(attr=m.Name("cuda")), args=[m.AtMostN(m.Arg(keyword=m.Name("non_blocking")), n=1)]),
        ):
            AddImportsVisitor.add_needed_import(self.context, "torch")
            func = cst.ensure_type(updated_node.func, cst.Attribute).with_changes(attr=cst.Name("to"))
            first = cst.Arg(cst.parse_expression(f'"cuda" if {THERE}() else "cpu"'))
            return updated_node.with_changes(func=func, args=[first, *updated_node.args])
        is_device = "torch.device" in self.names(original_node.func)
        is_to = m.matches(original_node.func, m.Attribute(attr=m.Name("to")))
        args = [self._arg(arg, index == 0 and (is_device or is_to)) for index, arg in enumerate(updated_node.args)]
        return updated_node.with_changes(args=args)

    def _arg(self, arg: cst.Arg, first: bool) -> cst.Arg:
        named = m.matches(arg, m.Arg(keyword=m.Name("device") | m.Name("map_location")))
        if not (named or (first and arg.keyword is None)) or not isinstance(
            arg.value, cst.SimpleString | cst.FormattedString
        ):
            return arg
        if not DEVICE.fullmatch(cst.Module([]).code_for_node(arg.value)):
            return arg
        AddImportsVisitor.add_needed_import(self.context, "torch")
        test = cst.parse_expression(f"{THERE}()")
        return arg.with_changes(value=cst.IfExp(test, arg.value, cst.SimpleString('"cpu"')))


class Contiguous(Command):
    """.contiguous() before the .view of what an attention returned, followed through the names of one function."""

    def __init__(self, context: CodemodContext) -> None:
        super().__init__(context)
        self.outputs: list[set[str]] = [set()]

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.outputs.append(set())

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self.outputs.pop()
        return updated_node

    def visit_Assign(self, node: cst.Assign) -> None:
        for target in node.targets:
            self._note(target.target, node.value)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._note(node.target, node.value)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        func = original_node.func
        if m.matches(func, m.Attribute(attr=m.Name("view"))) and self._is_output(
            cst.ensure_type(func, cst.Attribute).value
        ):
            new = cst.ensure_type(updated_node.func, cst.Attribute)
            made = cst.Call(cst.Attribute(new.value, cst.Name("contiguous")))
            return updated_node.with_changes(func=new.with_changes(value=made))
        return updated_node

    def _note(self, target: cst.BaseExpression, value: cst.BaseExpression) -> None:
        if isinstance(target, cst.Name) and self._is_output(value):
            self.outputs[-1].add(target.value)

    def _is_output(self, value: cst.BaseExpression) -> bool:
        if isinstance(value, cst.Name):
            return value.value in self.outputs[-1]
        if isinstance(value, cst.Call) and not ATTENTION & self.names(value.func):
            return m.matches(value.func, m.Attribute(attr=m.Name("transpose"))) and self._is_output(
                cst.ensure_type(value.func, cst.Attribute).value
            )
        return isinstance(value, cst.Call)


class Unused(Command):
    """Imports of apex that nothing uses; what a use is, RemoveImportsVisitor decides."""

    def visit_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            if (get_full_name_for_node(alias.name) or "").partition(".")[0] == "apex":
                name, local = get_full_name_for_node(alias.name) or "", alias.asname and _local(alias)
                RemoveImportsVisitor.remove_unused_import(self.context, name, asname=local)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if node.module is not None and not node.relative and get_full_name_for_node(node.module) == "apex":
            for alias in () if isinstance(node.names, cst.ImportStar) else node.names:
                local = _local(alias) if alias.asname else None
                name = get_full_name_for_node(alias.name)
                RemoveImportsVisitor.remove_unused_import(self.context, "apex", name, local)


class SetDevice(Command):
    """torch.cuda.set_device(...) under a test."""

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement:
        calls = [one for one in original_node.body if isinstance(one, cst.Expr) and self._is_it(one.value)]
        if not calls or self._tested(original_node):
            return updated_node
        if len(original_node.body) > 1:
            self.tell(original_node, "set_device shares its line")
            return updated_node
        AddImportsVisitor.add_needed_import(self.context, "torch")
        inner = updated_node.with_changes(leading_lines=())
        return cst.If(
            cst.parse_expression(f"{THERE}()"), cst.IndentedBlock([inner]), leading_lines=updated_node.leading_lines
        )

    def visit_SimpleStatementSuite(self, node: cst.SimpleStatementSuite) -> None:
        if any(isinstance(one, cst.Expr) and self._is_it(one.value) for one in node.body) and not self._tested(node):
            self.tell(node, "set_device stands on the line of its header")

    def _is_it(self, value: cst.BaseExpression) -> bool:
        return isinstance(value, cst.Call) and "torch.cuda.set_device" in self.names(value.func)

    def _tested(self, node: cst.CSTNode) -> bool:
        tests = (above.test for above in self.above(node) if isinstance(above, cst.If))
        return any(THERE in self.names(call.func) for test in tests for call in m.findall(test, m.Call()))


class Stars(Command):
    """Nothing is changed: star imports are told."""

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if (
            isinstance(node.names, cst.ImportStar)
            and node.module
            and get_full_name_for_node(node.module) == "adam_atan2"
        ):
            self.tell(node, "a star import may bring AdamATan2")


def _local(alias: cst.ImportAlias) -> str:
    name = alias.asname.name if alias.asname else alias.name
    return (
        (get_full_name_for_node(name) or "").partition(".")[0]
        if not alias.asname
        else get_full_name_for_node(name) or ""
    )


def _catches(handler: cst.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = [one.value for one in handler.type.elements] if isinstance(handler.type, cst.Tuple) else [handler.type]
    return any(get_full_name_for_node(kind) in ("ImportError", "ModuleNotFoundError", "Exception") for kind in kinds)


def transformed(module: cst.Module, context: CodemodContext) -> cst.Module:
    """Run over a module every command that has a word in it."""
    commands: Sequence[tuple[str, VisitorBasedCodemodCommand]] = [
        ("adam_atan2", RenameCommand(context, old_name="adam_atan2.AdamATan2", new_name=OPTIMIZER)),
        ("AdamAtan2", Keyword(context)),
        ("flash_attn", Guard(context)),
        ("cuda", Device(context)),
        (".view", Contiguous(context)),
        ("apex", Unused(context)),
        ("set_device", SetDevice(context)),
        ("import *", Stars(context)),
    ]
    for word, command in commands:
        if word in module.code:
            module = command.transform_module(module)
    return module


def main() -> None:
    """Change every Python file below a folder; a file that fails is told and left."""
    for path in sorted(Path(sys.argv[1]).rglob("*.py*")):
        if path.suffix not in (".py", ".pyi") or path.is_symlink() or not path.is_file():
            continue
        context = CodemodContext(filename=str(path))
        try:
            data = path.read_bytes()
            new = transformed(cst.parse_module(data), context).bytes
        except Exception as error:  # as LibCST's own command line does
            print(json.dumps({"path": str(path), "line": 0, "text": str(error)[:200]}))
            continue
        if new != data:
            path.write_bytes(new)
        for warning in context.warnings:
            line, _, text = warning.partition(":")
            print(json.dumps({"path": str(path), "line": int(line) if line.isdigit() else 0, "text": text}))


if __name__ == "__main__":
    main()
