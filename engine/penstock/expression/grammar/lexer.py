"""Source text into tokens with their offsets, as Pebble's LexerImpl cuts it."""

from __future__ import annotations

import re

from penstock.expression.errors import ExpressionSyntaxError
from penstock.expression.numbers import LONG_MAX

TEXT, PRINT_OPEN, PRINT_CLOSE, TAG_OPEN, TAG_CLOSE, NAME, NUMBER, STRING, OPERATOR, PUNCTUATION = range(10)
STRING_OPEN, STRING_CLOSE, PIECE_OPEN, PIECE_CLOSE, END = range(10, 15)

Token = tuple[int, str | int | float, int, int]  # kind, value, from, up to

WORD_OPERATORS = frozenset({"and", "or", "not", "is", "isIn", "contains", "equals"})

_OPEN = re.compile(r"\{[{%#]")
_RAW = re.compile(r"\{%-*\s*raw\s*-*%\}")
_END_RAW = re.compile(r"\{%-*\s*endraw\s*-*%\}")
_VERBATIM = re.compile(r"\s*verbatim\s*(-?)%\}")
_END_VERBATIM = re.compile(r"\{%(-?)\s*endverbatim\s*(-?)%\}")
_COMMENT_CLOSE = re.compile(r"(-?)#\}")
_TOKEN = re.compile(
    r"""
    ([^\W\d]\w*)
  | (\d+(?:\.\d+)?L?)
  | ('[^'\\]*(?:\\.[^'\\]*)*')
  | ("[^"\\#]*(?:\\.[^"\\#]*)*")
  | (\?\?\??|\.\.|[=!<>]=|[-+*/%<>~|])
  | ([()\[\]{}?:.,=])
  | (")
  | \S
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME, _NUMBER, _SINGLE, _DOUBLE, _OPERATOR, _PUNCTUATION, _QUOTE = range(1, 8)
_TEXTS = (_SINGLE, _DOUBLE)
_PIECE = re.compile(r'[^#"\\]*(?:(?:\\.|#(?!\{))[^#"\\]*)*', re.DOTALL)
_SPACE = re.compile(r"\s*")
_PAIRS = {")": "(", "]": "[", "}": "{"}


def tokenize(source: str) -> list[Token]:
    """All tokens, with END last. Raises ExpressionSyntaxError."""
    tokens: list[Token] = []
    position, end, trim = 0, len(source), False
    while position < end:
        opening = _OPEN.search(source, position)
        stop = opening.start() if opening else end
        first, last = position, stop
        if trim:
            while first < last and source[first].isspace():
                first += 1
        if opening is None:
            if first < last:
                tokens.append((TEXT, source[first:last], first, last))
            break
        position = opening.end()
        if source[position : position + 1] == "-" and source[position + 1 : position + 2].isspace():
            position += 1
            while last > first and source[last - 1].isspace():
                last -= 1
        if first < last:
            tokens.append((TEXT, source[first:last], first, last))
        kind = source[stop + 1]
        if kind == "{":
            tokens.append((PRINT_OPEN, "{{", stop, stop + 2))
            position, trim = _inside(source, position, tokens, "}}", PRINT_CLOSE, stop)
        elif kind == "#":
            closing = _COMMENT_CLOSE.search(source, position)
            if closing is None:
                raise ExpressionSyntaxError(
                    "the comment is not closed", offset=stop, width=2, help="close it with `#}`"
                )
            position, trim = closing.end(), closing[1] == "-"
        else:
            position, trim = _tag(source, stop, position, tokens)
    tokens.append((END, "the end", end, end))
    return tokens


def _tag(source: str, start: int, position: int, tokens: list[Token]) -> tuple[int, bool]:
    raw = _RAW.match(source, start)
    if raw is not None:
        # Kestra finds it by a regular expression whose dot stops at the end of the line
        line_end = source.find("\n", raw.end())
        end_raw = _END_RAW.search(source, raw.end(), len(source) if line_end < 0 else line_end)
        if end_raw is None:
            raise ExpressionSyntaxError(
                "`raw` is not closed on its own line",
                offset=start,
                width=raw.end() - start,
                help="for several lines use `{% verbatim %}`",
            )
        if end_raw.start() > raw.end():
            tokens.append((TEXT, source[raw.end() : end_raw.start()], raw.end(), end_raw.start()))
        return end_raw.end(), False
    verbatim = _VERBATIM.match(source, position)
    if verbatim is None:
        tokens.append((TAG_OPEN, "{%", start, start + 2))
        return _inside(source, position, tokens, "%}", TAG_CLOSE, start)
    closing = _END_VERBATIM.search(source, verbatim.end())
    if closing is None:
        raise ExpressionSyntaxError(
            "`verbatim` is not closed",
            offset=start,
            width=verbatim.end() - start,
            help="close it with `{% endverbatim %}`",
        )
    first, last = verbatim.end(), closing.start()
    text = source[first:last]
    if verbatim[1]:
        text = text.lstrip()
    if closing[1]:
        text = text.rstrip()
    if text:
        tokens.append((TEXT, text, first, last))
    return closing.end(), closing[2] == "-"


def _inside(source: str, position: int, tokens: list[Token], closing: str, close: int, start: int) -> tuple[int, bool]:
    """The tokens up to `closing`; then where the text goes on, and whether it is trimmed there.

    The closing mark counts outside of brackets only: `{{ {'a': {}} }}` has one.
    """
    open_brackets: list[tuple[str, int]] = []
    add = tokens.append
    again = True
    while again:  # from the beginning, and from behind each stretch of a text that holds `#{`
        again = False
        for found in _TOKEN.finditer(source, position):
            group = found.lastindex
            if group is None:
                raise _stuck(source, found.start(), start, open_brackets)
            value = found[group]
            position = found.end()
            first = position - len(value)
            if group == _NAME:
                add((OPERATOR if value in WORD_OPERATORS and tokens[-1][1] != "." else NAME, value, first, position))
            elif group == _PUNCTUATION:
                if value in "([{":
                    open_brackets.append((value, first))
                elif value in ")]}":
                    if not open_brackets and source.startswith(closing, first):
                        add((close, closing, first, first + 2))
                        return first + 2, False
                    top = open_brackets.pop()[0] if open_brackets else ""
                    if top == "#{" and value == "}":
                        add((PIECE_CLOSE, "}", first, position))
                        position = _piece(source, position, tokens, open_brackets, start)
                        again = True
                        break
                    if top != _PAIRS[value]:
                        where = f" while `{top}` is open" if top else ""
                        raise ExpressionSyntaxError(f"unexpected `{value}`{where}", offset=first)
                add((PUNCTUATION, value, first, position))
            elif group in _TEXTS:
                quote = value[0]
                text = value[1:-1]
                add((STRING, text.replace("\\" + quote, quote) if "\\" in text else text, first, position))
            elif group == _OPERATOR:
                if value in "-%" and not open_brackets:
                    mark = position if value == "-" else first
                    if source.startswith(closing, mark):
                        add((close, source[first : mark + 2], first, mark + 2))
                        return mark + 2, value == "-"
                add((OPERATOR, value, first, position))
            elif group == _NUMBER:
                add((NUMBER, _number(value, first), first, position))
            else:
                add((STRING_OPEN, '"', first, position))
                open_brackets.append(('"', first))
                position = _piece(source, position, tokens, open_brackets, start)
                again = True
                break
    raise _stuck(source, position, start, open_brackets)


def _piece(source: str, position: int, tokens: list[Token], open_brackets: list[tuple[str, int]], start: int) -> int:
    """A stretch of a double-quoted string, up to `#{` or to its closing quote."""
    found = _PIECE.match(source, position)
    after = found.end() if found else position
    if after > position:
        tokens.append((STRING, source[position:after].replace('\\"', '"'), position, after))
    if source.startswith("#{", after):
        tokens.append((PIECE_OPEN, "#{", after, after + 2))
        open_brackets.append(("#{", after))
        return after + 2
    if not source.startswith('"', after):
        raise _stuck(source, after, start, open_brackets)
    open_brackets.pop()
    tokens.append((STRING_CLOSE, '"', after, after + 1))
    return after + 1


def _stuck(source: str, position: int, start: int, open_brackets: list[tuple[str, int]]) -> ExpressionSyntaxError:
    space = _SPACE.match(source, position)
    position = space.end() if space else position
    if open_brackets:
        bracket, where = open_brackets[-1]
        if position >= len(source) or bracket == '"':
            return ExpressionSyntaxError(f"unclosed `{bracket}`", offset=where, width=len(bracket))
    if position >= len(source):
        opening = source[start : start + 2]
        closing = "}}" if opening == "{{" else "%}"
        return ExpressionSyntaxError(
            f"`{opening}` is not closed", offset=start, width=2, help=f"close it with `{closing}`"
        )
    if source[position] in "'\"":
        return ExpressionSyntaxError("the text is not closed", offset=position, help="close it with the same quote")
    return ExpressionSyntaxError(f"unexpected character `{source[position]}`", offset=position)


def _number(text: str, offset: int) -> int | float:
    if "." in text and not text.endswith("L"):
        return float(text)
    digits = text.rstrip("L")
    if "." in digits or len(digits) > 25 or int(digits) > LONG_MAX:
        raise ExpressionSyntaxError("the number does not fit 64 bits", offset=offset, width=len(text))
    return int(digits)
