"""The API's error bodies, as its documentation gives them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class ApiError(Exception):
    """A response that is an error."""

    def __init__(  # noqa: PLR0913
        self,
        status: int,
        kind: str,
        code: str,
        message: str,
        *,
        field: str | None = None,
        valid_values: Sequence[str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Make an error of the API's form, with the parameter at fault where there is one."""
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        error: dict[str, object] = {"type": kind, "message": message, "code": code}
        if field is not None:
            error["field"] = field
        if valid_values is not None:
            error["valid_values"] = list(valid_values)
        self.body = {"error": error}


def bad_date(field: str) -> ApiError:
    """Return the error for a date that is not ISO 8601."""
    message = f"Invalid date format for '{field}'. Use ISO 8601 format."
    return ApiError(400, "invalid_request", "invalid_date_format", message, field=field)


def bad_value(field: str, must_be: str) -> ApiError:
    """Return the error for a value that a parameter cannot have."""
    message = f"Invalid value for '{field}'. Must be {must_be}."
    return ApiError(400, "invalid_request", "invalid_parameter", message, field=field)


def bad_choice(field: str, choices: Sequence[str]) -> ApiError:
    """Return the error for a value that is none of a parameter's few."""
    quoted = [f"'{choice}'" for choice in choices]
    comma = "," if len(quoted) > 2 else ""
    message = (
        f"Invalid value for '{field}'. Must be {', '.join(quoted[:-1])}{comma} or {quoted[-1]}."
    )
    return ApiError(
        400, "invalid_request", "invalid_parameter", message, field=field, valid_values=choices
    )


def missing_key() -> ApiError:
    """Return the error for a request without a key."""
    return ApiError(401, "authentication_error", "missing_api_key", "No API key provided")


def invalid_key() -> ApiError:
    """Return the error for a key that the API does not know."""
    return ApiError(401, "authentication_error", "invalid_api_key", "Invalid API key provided")


def not_permitted(permission: str) -> ApiError:
    """Return the error for a key that lacks a permission."""
    message = f"This API key does not have the required permission '{permission}'."
    return ApiError(403, "permission_error", "insufficient_permissions", message)


def not_found(path: str) -> ApiError:
    """Return the error for a path that does not exist."""
    return ApiError(404, "not_found", "not_found", f"There is nothing at '{path}'.")


def no_conversation(conversation_id: str) -> ApiError:
    """Return the error for a conversation that does not exist."""
    message = f"Conversation '{conversation_id}' not found."
    return ApiError(404, "not_found", "conversation_not_found", message)


def no_transcript(conversation_id: str) -> ApiError:
    """Return the error for a conversation that has no transcript, or none yet."""
    message = f"No transcript is available for conversation '{conversation_id}'."
    return ApiError(404, "not_found", "transcript_not_found", message)


def page_refused(status: int, deepest: int) -> ApiError:
    """Return the error for a page that lies too deep."""
    message = f"Pages beyond {deepest} are not available. Narrow the date range."
    kind = "not_found" if status == 404 else "invalid_request"
    return ApiError(status, kind, "page_out_of_range", message, field="page")


def method_not_allowed(method: str) -> ApiError:
    """Return the error for a method other than GET."""
    message = f"Method {method} is not allowed here. Use GET."
    headers = {"Allow": "GET"}
    return ApiError(405, "invalid_request", "method_not_allowed", message, headers=headers)


def failure(status: int) -> ApiError:
    """Return the error for a request that fails with a status for no reason of its own."""
    if status == 401:
        return invalid_key()
    if status == 403:
        return not_permitted("conversations:read")
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Failed"
    kind = "api_error" if status >= 500 else "invalid_request"
    return ApiError(status, kind, phrase.lower().replace(" ", "_"), f"{phrase}.")


def rate_limited(limit: int, headers: dict[str, str]) -> ApiError:
    """Return the error for a request past the limit."""
    message = f"Rate limit of {limit} requests exceeded. Try again later."
    return ApiError(429, "rate_limit_error", "rate_limit_exceeded", message, headers=headers)
