"""The API sink: each result posted to a URL until it is acknowledged, at least once, always under the same key.

The receiver tells repetitions by `Idempotency-Key`: the execution's id, with `.2` and so on for a later outcome. What
it does not take waits in the store, each result by itself; where the receiver as a whole is in trouble, the sink rests.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from penstock import failpoint
from penstock.agent.news import News, Teller, Topic
from penstock.agent.results import json_bytes
from penstock.agent.sinks.answers import Answer, answer_of, retry_after
from penstock.agent.sinks.pace import LONGEST_PAUSE, spread
from penstock.agent.sinks.sink import LOOK_EVERY, Sink, Taken
from penstock.errors import PenstockError, Retryable, Stalled, UserError
from penstock.execution.event import Instant
from penstock.execution.model import Execution, execution_of
from penstock.execution.record import as_record
from penstock.failpoint import Failpoint
from penstock.ports.clock import Clock
from penstock.ports.http import Http, Request, Response
from penstock.ports.store import Store

API = "api"
KEY = "Idempotency-Key"

TIMEOUT = timedelta(seconds=10)
BATCH = 25
"""So many acknowledgements are kept in one transaction: what a crash has posted again."""
LONGEST_TURN_S = 1.0

FIRST_DELAY = timedelta(seconds=5)
LEAST_DELAY = timedelta(seconds=1)
FIRST_SLOW_DELAY = timedelta(minutes=1)
LONGEST_SLOW_DELAY = timedelta(hours=6)
"""How long one result waits, longer each time: after trouble of the receiver, and after a refusal (slow)."""

GIVEN_UP_AFTER = timedelta(days=7)
LEAST_REFUSALS = 3
"""A result is given up when its execution ended so long ago, and so many answers since the start were refusals."""

MOST_TROUBLES = 3
"""After so many answers in a row that tell of trouble with all results, the sink rests."""

MOST_REMEMBERED = 10_000
MOST_PASSED_OVER = 1_000


@dataclass(slots=True)
class _Tries:
    """How often a result was tried, and refused, since the start."""

    tries: int = 0
    refusals: int = 0


@dataclass(slots=True)
class _Turn:
    """What came of one turn so far."""

    acknowledged: list[str] = field(default_factory=list)
    arrived: int = 0
    fault: PenstockError | None = None


class ApiSink(Sink):
    """One thread at a time. `token` gives what goes as a bearer token, and is asked at each turn. `draw` gives [0, 1).
    A receiver that is silent for `timeout` does not answer.

    Raises UserError when `url` is none that can be posted to.
    """

    def __init__(
        self,
        store: Store,
        http: Http,
        url: str,
        clock: Clock,
        tell: Teller,
        *,
        token: Callable[[], str | None],
        draw: Callable[[], float],
        timeout: timedelta = TIMEOUT,
    ) -> None:
        self._store = store
        self._http = http
        self._url = url
        self._clock = clock
        self._tell = tell
        self._token = token
        self._draw = draw
        self._timeout = timeout
        self._shown = _shown(url)
        self._known: OrderedDict[str, _Tries] = OrderedDict()
        self._troubles = 0
        self._next: Instant | None = None

    @property
    def name(self) -> str:
        return API

    def wait(self) -> timedelta:
        now = self._clock.now()
        if self._store.unrecorded(API, limit=1, now=now):
            return timedelta(0)
        if self._next is not None and self._next <= now:
            self._next = None
        return min(self._next - now, LOOK_EVERY) if self._next is not None else LOOK_EVERY

    def take(self) -> Taken:
        """Post what is due, for a second or so: what was tried least first, then what ended first. `fault` is set when
        the receiver takes nothing."""
        token = self._token()
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        ends = self._clock.monotonic() + LONGEST_TURN_S
        arrived = 0
        while True:
            ids = self._next_batch()
            turn = self._post_all(ids, headers)
            arrived += turn.arrived
            if turn.fault is not None or not ids or self._clock.monotonic() >= ends:
                break
        if arrived:
            words = f"{arrived} {'result was' if arrived == 1 else 'results were'} taken by {self._shown}"
            self._tell(News(self._clock.now(), Topic.RECORDED, words, {"sink": API, "count": arrived}))
        return Taken(arrived, is_more=bool(ids) and turn.fault is None, fault=turn.fault)

    # ── a turn ──

    def _next_batch(self) -> list[str]:
        """One that the receiver chokes on comes after those that have not been tried yet."""
        limit = BATCH + min(len(self._known), MOST_PASSED_OVER)
        due = self._store.unrecorded(API, limit=limit, now=self._clock.now())
        tries = {id_: known.tries for id_ in due if (known := self._known.get(id_)) is not None}
        return sorted(due, key=lambda id_: tries.get(id_, 0))[:BATCH]

    def _post_all(self, ids: list[str], headers: dict[str, str]) -> _Turn:
        turn = _Turn()
        for id_ in ids:
            try:
                turn.fault = self._post(id_, headers, turn)
            except (Stalled, UserError) as error:  # the address may not be reached, or is none: so for all results
                turn.fault = type(error)(self._hushed(error.message), help=error.help)
            if turn.fault is not None:
                break
        if turn.acknowledged:
            failpoint.reached(Failpoint.RESULT_POSTED)
            self._store.mark_recorded(API, turn.acknowledged, place=self._shown, at=self._clock.now())
            turn.arrived = len(turn.acknowledged)
        return turn

    def _post(self, id_: str, headers: dict[str, str], turn: _Turn) -> PenstockError | None:
        """Post one result and keep what came of it; what is wrong with the receiver, if anything is."""
        try:
            execution = self._store.load(execution_of(id_))
            body = json_bytes(as_record(execution)) if execution is not None else b""
        except PenstockError:
            raise
        except Exception as error:  # noqa: BLE001 - a result that cannot be made keeps no other one back
            self._put_off(id_, LONGEST_SLOW_DELAY, f"its result cannot be made: {type(error).__name__}: {error}")
            return None
        if execution is None or not execution.is_over or execution.result_id != id_:
            # It was deleted, or opened again: its next outcome waits by itself.
            turn.acknowledged.append(id_)
            return None
        request = Request(
            "POST",
            self._url,
            headers={**headers, KEY: id_},
            content=body,
            connect_timeout=self._timeout,
            read_timeout=self._timeout,
            follow_redirects=False,  # a redirection turns a POST into a GET
            wants_content=False,
        )
        try:
            response = self._http.send(request)
        except Retryable as error:
            # It may be this result that the receiver chokes on: the next try is of another one.
            why = self._hushed(error.message)
            self._put_off(id_, self._delay(self._tried(id_).tries), why)
            return Retryable(f"{self._shown} does not answer: {why}")
        return self._judge(execution, response, turn)

    def _judge(self, execution: Execution, response: Response, turn: _Turn) -> PenstockError | None:
        id_, status = execution.result_id, response.status
        asked = retry_after(response.headers, self._clock.now())
        answer = answer_of(status)
        match answer:
            case Answer.TAKEN:
                turn.acknowledged.append(id_)
                self._known.pop(id_, None)
                self._troubles = 0
                return None
            case Answer.LATER | Answer.OVERLOADED:
                known = self._tried(id_)
                delay = max(self._delay(known.tries), asked or LEAST_DELAY)
            case Answer.ELSEWHERE | Answer.REFUSED:
                known = self._tried(id_)
                delay = max(self._slow_delay(known.tries), asked or LEAST_DELAY)
        known.refusals += 1
        self._refused(execution, known, delay, f"{self._shown} answered {status}")
        if answer is Answer.REFUSED:
            return None
        self._troubles += 1
        if self._troubles < MOST_TROUBLES and answer is not Answer.OVERLOADED:
            return None
        return _trouble(self._shown, response, asked)

    def _hushed(self, text: str) -> str:
        """`text` without the query of the URL, which may hold a token."""
        query = urlsplit(self._url).query
        return text.replace(f"?{query}", "") if query else text

    # ── what is to be tried again ──

    def _tried(self, id_: str) -> _Tries:
        known = self._known.pop(id_, None) or _Tries()
        known.tries += 1
        self._known[id_] = known
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return known

    def _delay(self, tries: int) -> timedelta:
        """Full jitter: receivers that come back are not met by everybody at once."""
        return max(spread(tries, self._draw(), first=FIRST_DELAY, longest=LONGEST_PAUSE), LEAST_DELAY)

    def _slow_delay(self, tries: int) -> timedelta:
        return spread(tries, self._draw(), first=FIRST_SLOW_DELAY, longest=LONGEST_SLOW_DELAY, least=0.5)

    def _put_off(self, id_: str, delay: timedelta, why: str) -> int:
        until = self._clock.now() + delay
        tries = self._store.put_off(API, id_, until=until, error=why)
        self._next = until if self._next is None else min(self._next, until)
        return tries

    def _refused(self, execution: Execution, known: _Tries, delay: timedelta, why: str) -> None:
        now = self._clock.now()
        ended = execution.ended or execution.created
        if now - ended < GIVEN_UP_AFTER or known.refusals < LEAST_REFUSALS:
            known.tries = max(known.tries, self._put_off(execution.result_id, delay, why))
            return
        self._store.put_off(API, execution.result_id, until=None, error=why)
        self._known.pop(execution.result_id, None)
        words = f"the result of {execution.id} ({execution.flow}) is given up after 7 days: {why}"
        fields = {"sink": API, "execution": execution.id, "flow": str(execution.flow)}
        self._tell(News(now, Topic.RECORD_FAULT, words, fields, is_trouble=True))


def _trouble(shown: str, response: Response, asked: timedelta | None) -> PenstockError:
    status = response.status
    if status in (401, 403, 407):
        return Stalled(f"{shown} answered {status}", help="check the token for the receiver of results")
    if 300 <= status < 400:
        return Stalled(f"{shown} answered {status}, a redirection", help="name where it leads with --record-url")
    if answer_of(status) is Answer.ELSEWHERE:
        return Stalled(f"{shown} answered {status}", help="check --record-url")
    return Retryable(f"{shown} answered {status}", after=asked or timedelta(0))


def _shown(url: str) -> str:
    """Scheme, host and path: a password or a token in the URL is nobody's business."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UserError(f"the URL for results is none: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise UserError("the URL for results is no http or https URL", help="name one with --record-url")
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"
