import pytest

from streams.errors import ConfigurationError
from streams.store.server import refuse_unfit_server

FIT = {"redis_version": "6.2.14", "maxmemory_policy": "noeviction"}


@pytest.mark.parametrize("version", ["6.2.0", "6.2.14", "7.0.0", "7.4.1", "8.0.0", "10.1"])
def test_a_server_of_6_2_or_newer_that_does_not_evict_is_fit(version):
    refuse_unfit_server(FIT | {"redis_version": version}, "localhost:6379")


@pytest.mark.parametrize("version", ["6.0.16", "5.0.14", "2.8.24", "unheard-of"])
def test_an_older_server_is_refused(version):
    with pytest.raises(ConfigurationError, match=rf"localhost:6379: version {version}; expected 6\.2"):
        refuse_unfit_server(FIT | {"redis_version": version}, "localhost:6379")


def test_a_server_that_does_not_say_whether_it_evicts_is_refused():
    with pytest.raises(ConfigurationError, match="unknown"):
        refuse_unfit_server({"redis_version": "7.0.0"}, "localhost:6379")
