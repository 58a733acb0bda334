import inspect

import pytest
from redis import exceptions

from streams.errors import ConfigurationError, ContractBroken, DependencyUnavailable
from streams.settings import RedisSettings
from streams.store.connection import Connection, translate_error

WAIT = {
    "BusyLoadingError",
    "ClusterDownError",
    "ConnectionError",
    "MasterDownError",
    "MaxConnectionsError",
    "OutOfMemoryError",
    "ReadOnlyError",
    "TimeoutError",
    "TryAgainError",
}
MEND = {
    "AuthenticationError",
    "AuthenticationWrongNumberOfArgsError",
    "AuthorizationError",
    "ExternalAuthProviderError",
    "NoPermissionError",
}
BROKEN = {
    "AskError",
    "ClusterCrossSlotError",
    "ClusterError",
    "DataError",
    "ExecAbortError",
    "InvalidResponse",
    "LockError",
    "LockNotOwnedError",
    "ModuleError",
    "MovedError",
    "NoScriptError",
    "NoSuchFieldsetError",
    "PubSubError",
    "RedisError",
    "ResponseError",
    "WatchError",
}


def test_every_error_of_the_library_has_its_family():
    families = {DependencyUnavailable: set(), ConfigurationError: set(), ContractBroken: set()}
    for name, error in inspect.getmembers(exceptions, inspect.isclass):
        if issubclass(error, exceptions.RedisError):
            families[type(translate_error(error.__new__(error), "put: Redis at x"))].add(name)
    assert families == {DependencyUnavailable: WAIT, ConfigurationError: MEND, ContractBroken: BROKEN}


@pytest.mark.parametrize(
    "text",
    [
        "MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.",
        "BUSY Redis is busy running a script.",
        "NOREPLICAS Not enough good replicas to write.",
        "Error running script (call to f_1): @user_script:36: @user_script: 36: -OOM command not allowed when used",
        "Error running script (call to f_1): @user_script:36: @user_script: 36: -READONLY You can't write against",
    ],
)
def test_a_server_that_cannot_write_now_is_waited_for(text):
    assert isinstance(translate_error(exceptions.ResponseError(text), "put"), DependencyUnavailable)


@pytest.mark.parametrize("text", ["ERR MISCONFIGURED", "BUSYGROUP exists", "@user_script:1: attempt to index nil"])
def test_other_answers_are_not_waited_for(text):
    assert isinstance(translate_error(exceptions.ResponseError(text), "put"), ContractBroken)


def test_without_an_address_it_says_how_to_get_one():
    with pytest.raises(ConfigurationError, match=r"braid up.*BRAID_REDIS__URL"):
        Connection(RedisSettings())


@pytest.mark.parametrize("url", ["localhost:6379", "http://:hunter2@localhost", "redis://:hunter2@localhost:port/0"])
def test_what_is_no_redis_url_is_refused_without_repeating_the_password(url):
    with pytest.raises(ConfigurationError, match=r"expected redis://") as refused:
        Connection(RedisSettings(url=url))
    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://user:hunter2@example.org:7000/1", "example.org:7000"),
        ("redis://example.org", "example.org:6379"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
    ],
)
async def test_messages_name_the_server_and_not_the_password(url, address):
    connection = Connection(RedisSettings(url=url))
    assert connection.address == address
    await connection.close()
