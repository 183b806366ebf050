"""The cases of the recipe language on real trees, by what they try."""

from tests.upstream.cases import clauses, files, imports, patterns, renames, statements

CASES = (*renames.CASES, *patterns.CASES, *statements.CASES, *imports.CASES, *clauses.CASES, *files.CASES)
