"""What may stand in `checks`, as far as that shows without the database."""

from __future__ import annotations

import pytest

from local.check_sql import check_problem

ALLOWED = [
    "SELECT 1",
    "select 1;",
    "select 1;; -- and no more",
    "/* what; */ SELECT 1 /* it; says */ -- ;",
    "values (1), (0)",
    "WITH a AS (SELECT 1) SELECT * FROM a",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n LIMIT 1",
    "SELECT ';', \":x\", [?], `@y`, a$b FROM t -- :no",
    "SELECT max(created_at) > datetime(:backup_time, '-7 days') FROM tasks",
    "SELECT * FROM json_each('[1]')",
    "SELECT bm25(words) FROM words WHERE words MATCH 'a'",
    "SELECT regexp('a', 'b') FROM missing",
    "SELECT count(*) FROM sqlite_master",
]
REFUSED = {
    "": "no statement",
    " ; ": "no statement",
    "-- SELECT 1": "no statement",
    "SELECT 1; SELECT 2": "more than one",
    "SELECT 1; /* a */ DROP /* b */": "more than one",
    "DELETE FROM missing": "begins with DELETE",
    "EXPLAIN SELECT 1": "begins with EXPLAIN",
    "PRAGMA user_version": "begins with PRAGMA",
    "ATTACH 'x' AS y": "begins with ATTACH",
    "VACUUM INTO 'x'": "begins with VACUUM",
    "WITH a AS (SELECT 1) DELETE FROM missing": "syntax error",
    "WITH a AS (SELECT 1) INSERT INTO missing SELECT * FROM a": "syntax error",
    "WITH a AS (SELECT 1) UPDATE sqlite_master SET sql = ''": "syntax error",
    "SELECT 1) UNION SELECT (2": "syntax error",
    "SELECT 1 FROM": "incomplete input",
    "SELECT 'one": "unrecognized token",
    "SELECT load_extension('x')": "load_extension",
    "SELECT Load_Extension('x', 'y')": "oad_",
    "SELECT * FROM pragma_user_version": "PRAGMA user_version",
    "SELECT count(*) FROM pragma_table_info('t')": "PRAGMA table_info",
    "SELECT name FROM sqlite_temp_master": "reading sqlite_temp_master",
    "SELECT ? FROM missing": "parameter ?",
    "SELECT ?1": "parameter ?1",
    "SELECT :other FROM missing": "parameter :other",
    "SELECT @backup_time": "parameter @backup_time",
    "SELECT 1 \0": "NUL",
    "SELECT '\ud800'": "surrogates",
    "SELECT " + "1 + " * 3000 + "1": "10000 characters",
}


@pytest.mark.parametrize("sql", ALLOWED)
def test_a_statement_that_reads_may_be_a_check(sql: str) -> None:
    assert check_problem(sql) is None


@pytest.mark.parametrize(("sql", "why"), REFUSED.items())
def test_anything_else_is_refused_with_the_reason(sql: str, why: str) -> None:
    assert why in (check_problem(sql) or "")
