"""The errors of this package, one drawn tree.

::

    OdpsError
    ├── ConfigError           (ValueError)        settings missing, unknown or contradictory
    ├── ServiceError                              the service answered with an error
    │   ├── NotFound          (FileNotFoundError) no such project, table, partition or session
    │   ├── PermissionDenied  (PermissionError)   known to the service, but not allowed
    │   ├── AuthenticationError                   signature, token or clock refused
    │   ├── Throttled                             too many requests; ``retry_after`` seconds
    │   ├── ServiceUnavailable (ConnectionError)  no usable answer, or a fault of the service
    │   ├── SessionExpired                        a session that no longer can be used
    │   ├── Conflict                              the state of the object forbids the call
    │   └── ProtocolError                         an answer that breaks the protocol
    ├── SchemaMismatch        (ValueError)        the columns of data and table differ
    ├── CastError             (ValueError)        a value does not fit its type
    ├── IncompleteRead        (EOFError)          a stream ended before its data did
    ├── CorruptStream                             bytes that are not what they claim to be
    ├── ReadTooLarge          (MemoryError)       more than ``max_bytes``
    ├── CommitUnknown                             a commit whose outcome nobody could tell
    └── SqlError                                  a statement failed; instance, line, column

``OdpsWarning`` (UserWarning) is the category of what the service itself warns of.

Every error pickles, so that a worker can raise it in another process.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "AuthenticationError",
    "CastError",
    "CommitUnknown",
    "ConfigError",
    "Conflict",
    "CorruptStream",
    "IncompleteRead",
    "NotFound",
    "OdpsError",
    "OdpsWarning",
    "PermissionDenied",
    "ProtocolError",
    "ReadTooLarge",
    "SchemaMismatch",
    "ServiceError",
    "ServiceUnavailable",
    "SessionExpired",
    "SqlError",
    "Throttled",
]


def _restore(kind: type[OdpsError], message: str, state: dict[str, Any]) -> OdpsError:
    error = kind(message)
    error.__dict__.update(state)
    return error


class OdpsError(Exception):
    """Root of all errors that this package raises on purpose."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Callable[..., OdpsError], tuple[object, ...]]:
        return _restore, (type(self), self.message, dict(self.__dict__))


class OdpsWarning(UserWarning):
    """What the service warned of in an answer (``WarningMessage``)."""


class ConfigError(OdpsError, ValueError):
    """A setting is missing, unknown or contradicts another."""


class ServiceError(OdpsError):
    """The service answered with an error.

    Attributes
    ----------
    status : int or None
        HTTP status; ``None`` when no answer came.
    code : str
        Error code of the service, such as ``NoSuchTable``; empty when none was sent.
    request_id : str
        What support asks for.
    session_id : str or None
        Read or write session that the call belonged to.
    attempts : int
        How often the call was tried.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        code: str = "",
        request_id: str = "",
        session_id: str | None = None,
        attempts: int = 1,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.session_id = session_id
        self.attempts = attempts
        self.retry_after = retry_after
        """Seconds that the service asked to wait before the next try."""

    def __str__(self) -> str:
        facts = [
            f"{name}={value}"
            for name, value in (
                ("code", self.code),
                ("status", self.status),
                ("request id", self.request_id),
                ("session", self.session_id),
                ("attempts", self.attempts if self.attempts > 1 else None),
            )
            if value
        ]
        return f"{self.message} [{', '.join(facts)}]" if facts else self.message

    def after(self, attempts: int) -> Self:
        """Note how often the call was tried and return the error."""
        self.attempts = attempts
        return self


class NotFound(ServiceError, FileNotFoundError):
    """No such project, schema, table, partition, instance or session."""


class PermissionDenied(ServiceError, PermissionError):
    """The caller is known but may not do this."""


class AuthenticationError(ServiceError):
    """The signature, the token or the clock was refused."""


class Throttled(ServiceError):
    """Too many requests at once."""


class ServiceUnavailable(ServiceError, ConnectionError):
    """No usable answer came, or the service failed; the call may have been carried out."""

    def __init__(self, message: str = "", *, sent: bool = True, **facts: Any) -> None:  # noqa: ANN401  as ServiceError
        super().__init__(message, **facts)
        self.sent = sent
        """False when the request certainly never reached the service."""


class SessionExpired(ServiceError):
    """The session is past its life and was not, or could not be, refreshed."""


class Conflict(ServiceError):
    """The present state of the object forbids the call."""


class ProtocolError(ServiceError):
    """The answer lacks something that the protocol promises."""


class SchemaMismatch(OdpsError, ValueError):
    """The columns of the data and of the table differ."""


class CastError(OdpsError, ValueError):
    """A value does not fit the type it is to have."""


class IncompleteRead(OdpsError, EOFError):
    """A stream ended before its data did."""

    def __init__(
        self, message: str = "", *, expected: int | None = None, got: int | None = None
    ) -> None:
        super().__init__(message)
        self.expected = expected
        """Rows that the session promised, where known."""
        self.got = got
        """Rows that arrived whole."""


class CorruptStream(OdpsError):
    """Received bytes are not what they claim to be."""


class ReadTooLarge(OdpsError, MemoryError):
    """The read would bring more bytes than ``max_bytes`` allows."""


class CommitUnknown(OdpsError):
    """A commit was sent and nobody could tell whether it took effect.

    The rows are in the table either all or not at all. ``resolve()`` asks the service again.
    """

    def __init__(self, message: str = "", *, session_id: str = "") -> None:
        super().__init__(message)
        self.session_id = session_id
        self.resolver: Callable[[], bool] | None = None

    def __reduce__(self) -> tuple[Callable[..., OdpsError], tuple[object, ...]]:
        """Travel with the question where it can travel, else without it."""
        state = dict(self.__dict__)
        try:
            pickle.dumps(self.resolver)
        except (TypeError, AttributeError, pickle.PicklingError):
            state["resolver"] = None
        return _restore, (type(self), self.message, state)

    def resolve(self) -> bool:
        """Ask again: True when the rows are in the table, False when they are not.

        Raises
        ------
        CommitUnknown
            When the service still cannot tell.
        """
        if self.resolver is None:
            raise self
        return self.resolver()


class SqlError(OdpsError):
    """A statement failed; ``instance_id``, ``line`` and ``column`` say where."""

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "",
        instance_id: str = "",
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.instance_id = instance_id
        self.line = line
        self.column = column
