"""One request in, one checked page out: authentication, failures and pacing of the API."""

from __future__ import annotations

import itertools
import logging
import sys
from dataclasses import replace
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import backoff
import requests
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.exceptions import RetriableAPIError, SyncLifecycleSignal
from singer_sdk.streams.rest import PageContext, RESTStream

from tap_ayra.api.explain import explain
from tap_ayra.api.failures import Rule, rule_for_exception, rule_for_status
from tap_ayra.api.rate_limit import RateLimiter, said_wait
from tap_ayra.api.retry import Patience
from tap_ayra.api.session import DeadlineAdapter, OneHostSession
from tap_ayra.errors import PageFailedError, PageMismatchError, TapAyraError
from tap_ayra.paging.page import Page, PageToken
from tap_ayra.redaction import one_line
from tap_ayra.settings.values import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backoff.types import Details
    from singer_sdk.helpers.types import Context

TEST_TRIES = 2
"""Requests that a connection test may cost."""

_TOLD_ELSEWHERE = (TapAyraError, OSError, SyncLifecycleSignal)


class AyraStream(RESTStream[PageToken]):
    """A stream of the Ayra API."""

    @cached_property
    def settings(self) -> Settings:
        """The settings, parsed."""
        return Settings.from_config(self.config)

    @property
    def url_base(self) -> str:
        """The setting ``api_url``."""
        return self.settings.api_url

    @property
    def user_agent(self) -> str:
        """The setting ``user_agent``, else the tap's and the SDK's versions."""
        return self.settings.user_agent

    @cached_property
    def authenticator(self) -> BearerTokenAuthenticator:
        """The API key as a bearer token."""
        return BearerTokenAuthenticator(token=self.settings.api_key)

    @property
    def workers(self) -> int:
        """How many threads make requests; a connection test needs one only."""
        return 1 if self.ABORT_AT_RECORD_COUNT else self.settings.concurrency

    @cached_property
    def limiter(self) -> RateLimiter:
        """Paces the requests of all threads."""
        return RateLimiter(self.logger)

    @cached_property
    def patience(self) -> Patience:
        """Decides on waits and on giving up, for all threads."""
        return Patience(max_tries=TEST_TRIES if self.ABORT_AT_RECORD_COUNT else None)

    @cached_property
    def requests_session(self) -> requests.Session:
        """A session shared by all threads, with a connection for each of them.

        Proxies and a company's certificate authority are looked up in the environment once;
        `netrc` is not, since it would replace the key.
        """
        if not self.logger.isEnabledFor(logging.DEBUG):  # else it shows tracebacks of its own
            logging.getLogger("urllib3").setLevel(logging.ERROR)
        session = OneHostSession()
        session.mount("http://", DeadlineAdapter(pool_maxsize=self.settings.concurrency))
        session.mount("https://", DeadlineAdapter(pool_maxsize=self.settings.concurrency))
        found = session.merge_environment_settings(self.url_base, {}, None, None, None)
        session.proxies, session.verify = found["proxies"], found["verify"]
        session.trust_env = False
        return session

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message; the SDK's word on an unhandled error not where the failure is expected."""
        if level < logging.ERROR or not isinstance(sys.exc_info()[1], _TOLD_ELSEWHERE):
            super().log(message, *args, level=level, **kwargs)

    def get_url_params(
        self,
        context: Context | None,  # noqa: ARG002
        next_page_token: PageToken | None,
    ) -> dict[str, Any]:
        """The query: sorting, the filters, the token's window and page."""
        token = next_page_token or PageToken(None, None)
        return {
            "sort_by": "start_time",
            "sort_order": "asc",
            "per_page": max(self.settings.page_size, 1 + (self.ABORT_AT_RECORD_COUNT or 0)),
            **self.settings.filters,
            **token.window,
            "page": token.page,
        }

    def fetch(self, token: PageToken) -> Page:
        """Ask for one page, again and again while the failures are passing ones.

        Safe to call from several threads. After a permanent failure in one of them no request
        starts in any other; a page that does not add up is a failure of that page alone, which
        counts if the walk still wants it.

        Raises:
            TapAyraError: if the failure is permanent or lasts too long.
        """
        tries = itertools.count(token.again)
        try:
            page: Page = self.request_decorator(self._attempt)(token, tries)
        except PageFailedError:
            raise
        except BaseException as error:
            self.limiter.close(error)
            raise
        return page

    def request_decorator(self, func: Any) -> Any:  # noqa: ANN401
        """Retry what passes; each wait is decided by `Patience` and told in one INFO line."""
        return backoff.on_exception(
            self.patience.waits,
            RetriableAPIError,
            jitter=None,
            on_backoff=self.backoff_handler,
            logger=None,
        )(func)

    def backoff_handler(self, details: Details) -> None:
        """Tell of a wait, and make the other threads wait too where the server asks for it."""
        error = details.get("exception")
        wait = details.get("wait", 0.0)
        if isinstance(error, RetriableAPIError) and error.response is not None:
            said = said_wait(error.response.headers)
            if said is not None:
                self.limiter.pause(said)
        self.log("Trying again in %.1f s: %s", wait, str(error).splitlines()[0])

    def _attempt(self, token: PageToken, tries: Iterator[int]) -> Page:
        """Make one request; each one writes the window another way, past the API's cache."""
        page = PageContext(None, replace(token, again=next(tries)))
        http = self.get_http_request(page=page)
        request = self.build_prepared_request(
            method=http.method, url=http.url, params=http.encode_params(), headers=http.headers
        )
        self.limiter.acquire()
        headers: Mapping[str, str] | None = None
        try:
            response = self.requests_session.send(request, timeout=self.settings.request_timeout)
            headers = response.headers
            if response.status_code == HTTPStatus.NOT_FOUND and token.page > 1:
                msg = f"Page {token.page}: the API says that there is no such page"
                raise PageMismatchError(msg)
            self.validate_response(response)
        except requests.RequestException as error:
            raise self._failure(rule_for_exception(error)) from None
        finally:
            self.limiter.release(headers)
        try:
            checked = Page.read(response, token)
        except PageMismatchError as error:
            msg = f"Page {token.page}: {one_line(str(error))}"
            raise PageMismatchError(msg) from None
        self.patience.good_answer()
        return checked

    def validate_response(self, response: requests.Response) -> None:
        """Raise for every status but 200.

        Raises:
            RetriableAPIError: if it is passing.
            TapAyraError: if it is permanent.
        """
        if response.status_code != HTTPStatus.OK:
            raise self._failure(rule_for_status(response.status_code), response)

    def _failure(self, rule: Rule, response: requests.Response | None = None) -> Exception:
        text = explain(
            rule,
            None if response is None else response.status_code,
            b"" if response is None else response.content,
            request_id="" if response is None else response.headers.get("X-Request-Id", ""),
            address=self.url_base,
            hide=self.settings.confidential,
        )
        if rule.passing:
            return RetriableAPIError(text, response)
        failure = TapAyraError(text)
        self.limiter.close(failure)  # before this request's end lets another one start
        return failure
