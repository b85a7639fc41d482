"""The client: a paced, retried request for a path and query."""

from __future__ import annotations

import logging
import threading
import time
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from requests import RequestException

from tap_ayra.api.failures import failed_response
from tap_ayra.api.network import failed_request
from tap_ayra.api.rate_limit import RateLimiter
from tap_ayra.api.retry import Attempts, Patience
from tap_ayra.api.session import OneHostSession, open_session
from tap_ayra.errors import NotJSONError, PageFailedError, TapAyraError, TransientError
from tap_ayra.messages import api as messages
from tap_ayra.messages import in_mid_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from requests import Response

    from tap_ayra.settings import Settings

T = TypeVar("T")


class AyraClient:
    """Makes requests to the API with one key, for all streams and from several threads.

    Attributes:
        limiter: paces the requests.
    """

    def __init__(
        self, settings: Settings, logger: logging.Logger, *, max_tries: int | None = None
    ) -> None:
        """Make ready; the first request opens a connection.

        Args:
            settings: where the API is, the key, and how it is spoken to.
            logger: gets one INFO line for each wait.
            max_tries: how often one request is made at most; None for no bound but time.
        """
        self._settings = settings
        self._logger = logger
        self._patience = Patience(max_tries=max_tries)
        self._places = threading.BoundedSemaphore(settings.concurrency)
        self.limiter = RateLimiter(logger)

    @cached_property
    def session(self) -> OneHostSession:
        """The session shared by all threads, with a connection for each of them."""
        return open_session(self._settings, debug=self._logger.isEnabledFor(logging.DEBUG))

    @property
    def requests(self) -> int:
        """How many requests have been started so far."""
        return self.limiter.started

    def get(
        self,
        path: str,
        params: Callable[[int], Mapping[str, str]],
        read: Callable[[Response], T],
        *,
        accept: Collection[int] = (HTTPStatus.OK,),
        about: str = "",
    ) -> T:
        """Make a GET request, again and again while its failures are transient.

        After a permanent failure no other request starts, from any thread or stream.
        A response that never adds up is a failure of this request alone.

        Args:
            path: what follows ``api_url``, such as ``/conversations``.
            params: gives the query for each attempt (0, 1, 2 …); one that writes the same query
                in another way each time is answered past the API's cache of 60 seconds.
            read: turns a response into a result; raises `PageMismatchError` if the response does
                not add up, and may let `NotJSONError` pass. Called in this thread, once for each
                response.
            accept: the HTTP statuses that go to `read`; every other one is a failure.
            about: what is requested (``Page 3``), as errors about a body that is not JSON name it.

        Raises:
            PageFailedError: if the response never added up.
            TapAyraError: if the failure is permanent or lasts too long.
        """
        attempts = Attempts()
        try:
            while True:
                try:
                    with self._places:  # streams that read ahead in several ways share them
                        return self._attempt(path, params(attempts.failed), read, accept)
                except NotJSONError as error:
                    self._wait_after(error.about(about) if about else error, attempts)
                except TransientError as error:
                    self._wait_after(error, attempts)
        except PageFailedError:
            raise
        except BaseException as error:
            self.limiter.close(error)
            raise

    def _wait_after(self, error: TransientError, attempts: Attempts) -> None:
        """Wait before the next attempt; every thread does if the server asks for it."""
        wait = self._patience.wait_after(error, attempts)
        cause = in_mid_sentence(error.lines[0])
        messages.RETRYING(seconds=wait, cause=cause).log(self._logger)
        if error.retry_after is None:
            time.sleep(wait)
        else:
            self.limiter.pause(wait)

    def _attempt(
        self,
        path: str,
        query: Mapping[str, str],
        read: Callable[[Response], T],
        accept: Collection[int],
    ) -> T:
        url = self._settings.api_url + path
        self.limiter.acquire()
        headers: Mapping[str, str] | None = None
        try:
            response = self.session.fetch(url, query, timeout=self._settings.request_timeout)
            headers = response.headers
            if response.status_code not in accept:
                hide = self._settings.confidential
                raise self._failed(
                    failed_response(response, api_url=self._settings.api_url, hide=hide)
                )
        except RequestException as error:
            raise self._failed(
                failed_request(
                    error,
                    api_url=self._settings.api_url,
                    session=self.session,
                    timeout=self._settings.request_timeout,
                )
            ) from None
        finally:
            self.limiter.release(headers)
        result = read(response)
        self._patience.succeeded()
        return result

    def _failed(self, error: TransientError | TapAyraError) -> TransientError | TapAyraError:
        if isinstance(error, TapAyraError):
            self.limiter.close(error)  # before this request's end lets another one start
        return error
