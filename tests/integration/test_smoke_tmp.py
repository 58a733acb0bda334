from streams.topics import check_topics


async def test_a(settings, stack):
    assert await check_topics(settings) == 4


def test_b(settings):
    assert settings.kafka.brokers
