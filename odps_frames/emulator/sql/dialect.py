"""MaxCompute SQL as sqlglot reads it: every function keeps its name, every type its text.

sqlglot knows functions of many dialects, and gives some of them another meaning than MaxCompute
does. So none of them is known to it here: what a function means is said in one place, ours.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.hive import Hive
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import TokenType

from odps_frames.emulator.sql.tokens import SqlFault, Token, TokenKind, tokens_of

__all__ = ["TYPE_TEXT", "MaxCompute", "parse_change", "parse_query", "place_of"]

TYPE_TEXT = "type_text"
"""Where a CAST keeps the text of its type."""

_PREFIXES = frozenset(
    {"BIGINT", "DATE", "DATETIME", "DECIMAL", "DOUBLE", "FLOAT", "INTERVAL", "JSON", "NULL"}
    | {"RANGE", "SMALLINT", "TIMESTAMP", "TIMESTAMP_NTZ", "TINYINT", "UNION"}
)
"""Words that are types to sqlglot and stay so: before a literal, behind a number, in a window."""


class MaxCompute(Hive):
    """The dialect."""

    class Tokenizer(Hive.Tokenizer):
        """Types are no words of their own, so that ``array(1)[0]`` is a call."""

        HEX_STRINGS: ClassVar = [("x'", "'"), ("X'", "'")]
        RAW_STRINGS: ClassVar = [("R'(", ")'"), ('R"(', ')"'), ("r'(", ")'"), ('r"(', ')"')]
        KEYWORDS: ClassVar = {
            word: kind
            for word, kind in Hive.Tokenizer.KEYWORDS.items()
            if word in _PREFIXES or kind not in Hive.Parser.TYPE_TOKENS
        }
        # "!a == b" is "(!a) == b" in MaxCompute and "!(a == b)" here.
        SINGLE_TOKENS: ClassVar = Hive.Tokenizer.SINGLE_TOKENS | {"!": TokenType.BACKSLASH}

    class Parser(Hive.Parser):  # type: ignore[misc, valid-type]  # sqlglot makes it
        """Functions are calls and nothing else."""

        ADD_JOIN_ON_TRUE = False  # a LEFT JOIN without a condition is none
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        ARRAY_CONSTRUCTORS: ClassVar[dict[str, Any]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[str, Any]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar = {
            word: parse
            for word, parse in Hive.Parser.NO_PAREN_FUNCTION_PARSERS.items()
            if word in ("CASE", "IF")
        }
        FUNCTION_PARSERS: ClassVar = {
            "CAST": lambda self: self.parse_cast_text(),
            "EXTRACT": lambda self: self.parse_extract_text(),
            "TRIM": lambda self: self.parse_trim_call(),
        }

        def parse_extract_text(self) -> exp.Expr:
            """Read ``year FROM x`` as a call of two arguments, the first of which is a text."""
            start = self._curr.start if self._curr else 0
            unit = self._parse_var_or_string() or self._parse_type()
            if unit is None or not self._match(TokenType.FROM):
                self.raise_error("Expected a unit and FROM in EXTRACT")
            word = exp.Literal.string(unit.name)
            word.meta["start"] = start
            return exp.Anonymous(this="extract", expressions=[word, self._parse_assignment()])

        def parse_cast_text(self) -> exp.Expr:
            """Read ``value AS type`` up to the bracket that ends it; the type stays text."""
            value = self._parse_assignment()
            if not self._match(TokenType.ALIAS):
                self.raise_error("Expected AS in CAST")
            first, depth = self._curr, 0
            while self._curr and (depth or self._curr.token_type is not TokenType.R_PAREN):
                depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(self._curr.token_type, 0)
                self._advance()
            if first is None or not self._curr or self._prev.start < first.start:
                self.raise_error("Expected a type and ) after AS")
            found = exp.Cast(this=value, to=exp.Var(this=TYPE_TEXT))
            found.meta[TYPE_TEXT] = self.sql[first.start : self._prev.end + 1]
            found.meta["start"] = first.start
            return found

        def parse_trim_call(self) -> exp.Expr:
            """Read ``LEADING signs FROM text`` and its like as calls with arguments."""
            start = self._tokens[self._index - 2].start
            words = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "trim"}
            side = next((words[word] for word in words if self._match_text_seq(word)), None)
            arguments = [] if self._match(TokenType.FROM) else self._parse_csv(self._parse_bitwise)
            before = self._prev.token_type is TokenType.FROM or self._match(TokenType.FROM)
            if side and not before:
                self.raise_error("Expected FROM in TRIM")
            if before:
                if len(arguments) > 1:
                    self.raise_error("Expected one text of signs before FROM in TRIM")
                arguments = [self._parse_bitwise(), *arguments]
            found = exp.Anonymous(this=side or "trim", expressions=arguments)
            found.meta["start"] = start
            return found


def parse_query(sql: str) -> exp.Expr:
    """Read one query.

    Raises
    ------
    SqlFault
        ``ODPS-0130161`` with the place where it is no SQL.
    """
    return _parse(sql, "query", (exp.Query, exp.Values))


def parse_change(sql: str) -> exp.Expr:
    """Read one UPDATE, DELETE or MERGE.

    Raises
    ------
    SqlFault
        ``ODPS-0130161`` with the place where it is no SQL.
    """
    return _parse(sql, "UPDATE, DELETE or MERGE", (exp.Update, exp.Delete, exp.Merge))


def _parse(sql: str, what: str, kinds: tuple[type[exp.Expr], ...]) -> exp.Expr:
    try:
        found = MaxCompute().parse(sql)
    except ParseError as error:
        raise _named(sql) or _fault(error) from None
    except RecursionError:
        message = "Parse exception - the query is nested too deeply"
        raise SqlFault("ODPS-0130161", message) from None
    except SqlglotError as error:
        raise SqlFault("ODPS-0130161", f"Parse exception - {_first_line(error)}") from None
    statements = [statement for statement in found if statement is not None]
    statement = statements[0] if statements else None
    more = statements[1:]
    if more or statement is None or not isinstance(statement, kinds):
        message = f"Parse exception - expected one {what}, and nothing after it"
        raise SqlFault("ODPS-0130161", message, place_of(more[0] if more else statement, sql))
    return statement


def _named(sql: str) -> SqlFault | None:
    """Return the refusal of a clause that MaxCompute has and sqlglot cannot read."""
    tokens = tokens_of(sql)
    for place, token in enumerate(tokens):
        using = any(later.is_word("USING") for later in tokens[place:])
        if token.is_word("MATCH_RECOGNIZE") or (token.is_word("TRANSFORM") and using):
            message = f"{token.value.upper()} is not supported here"
            return SqlFault("ODPS-0130071", f"Semantic analysis exception - {message}", token)
    return None


def _fault(error: ParseError) -> SqlFault:
    facts = error.errors[0] if error.errors else {}
    text = str(facts.get("highlight") or "")
    line, end = int(facts.get("line") or 1), int(facts.get("col") or 1)
    token = Token(TokenKind.WORD, text, line, max(end - len(text) + 1, 1), 0, 0)
    what = facts.get("description") or _first_line(error)
    near = f" near {text!r}" if text else ""
    return SqlFault("ODPS-0130161", f"Parse exception - {what}{near}", token)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def place_of(node: exp.Expr | None, sql: str) -> Token | None:
    """Return where a node begins, by the first of its words that knows its place."""
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta] if node else []
    if not starts:
        return None
    start = min(starts)
    before = sql[:start]
    return Token(
        TokenKind.WORD, "", before.count("\n") + 1, start - before.rfind("\n"), start, start
    )
