"""Every error that Braid raises on purpose, in families by what the caller does next.

The tree:
    BraidError
    ├── ConfigurationError       say it and exit with 2: only a person can mend it
    ├── DependencyUnavailable    wait, at least `retry_after_s`, and try again; nothing is lost meanwhile
    │   └── ModelFailed          it answered, with an error: try again twice, then find the row that does it
    ├── PoisonItem               to the dead letters with its code; the stream goes on
    ├── ContractBroken           a model, schema or store answered what it must not: stop using it
    │   └── Fenced               another worker owns this partition now: drop its state
    └── MediaError               a file that cannot be read as media: say it and exit with 2
"""

from typing import ClassVar

__all__ = [
    "EXIT_CONFIGURATION",
    "BraidError",
    "ConfigurationError",
    "ContractBroken",
    "DependencyUnavailable",
    "Fenced",
    "MediaError",
    "ModelFailed",
    "PoisonItem",
]

EXIT_CONFIGURATION = 2


class BraidError(Exception):
    """Root of the errors raised on purpose.

    Attributes:
        code: stable, machine-readable name of the cause, as in logs, metrics and dead letters.
        retriable: whether the same call may succeed later without a person's help.
        exit_code: what a command exits with when this error ends it.
    """

    default_code: ClassVar[str] = "internal"
    retriable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code


class ConfigurationError(BraidError):
    """A setting, path, port or server configuration that only a person can mend."""

    default_code = "configuration"
    exit_code = EXIT_CONFIGURATION


class DependencyUnavailable(BraidError):
    """Kafka, Redis or Triton does not answer, or not in time.

    Attributes:
        retry_after_s: how long to wait at least before the next try; 0 leaves it to the caller.
    """

    default_code = "dependency"
    retriable = True

    def __init__(self, message: str, *, code: str | None = None, retry_after_s: float = 0.0) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class ModelFailed(DependencyUnavailable):
    """Triton answered a request with an error of its own or of the model, not of the request."""

    default_code = "triton.model_failed"


class PoisonItem(BraidError):
    """One record that can never be processed.

    Attributes:
        stage: where it was found out: `header`, `decode`, `align`, `encode` or `fuse`.
    """

    default_code = "poison"

    def __init__(self, message: str, *, code: str, stage: str) -> None:
        super().__init__(message, code=code)
        self.stage = stage


class ContractBroken(BraidError):
    """A component answered something that its contract rules out."""

    default_code = "contract"


class Fenced(ContractBroken):
    """The store refused a write because a newer owner of the partition exists."""

    default_code = "fenced"


class MediaError(BraidError):
    """A media file that is missing, is not media, or lacks what was asked of it."""

    default_code = "media"
    exit_code = EXIT_CONFIGURATION
