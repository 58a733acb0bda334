from streams.store.keys import Keys


def hash_tag(key):
    begin = key.index("{") + 1
    return key[begin : key.index("}", begin)]


def test_all_keys_of_a_source_carry_its_hash_tag():
    keys = Keys()
    of_source = [
        keys.detection("dock-1", 0, 4000),
        keys.timeline("dock-1"),
        keys.expiry("dock-1"),
        keys.final_through("dock-1"),
        keys.verdicts("dock-1"),
        keys.verdict_expiry("dock-1"),
    ]
    assert {hash_tag(key) for key in of_source} == {"dock-1"}
    assert len(set(of_source)) == 6


def test_fence_and_position_of_a_partition_number_share_a_hash_tag():
    keys = Keys()
    assert hash_tag(keys.fence("braid", 3)) == hash_tag(keys.position("braid", 3)) == "braid/3"


def test_every_key_begins_with_the_prefix():
    keys = Keys("mine:")
    every = [
        keys.detection("a", 0, 1),
        keys.timeline("a"),
        keys.expiry("a"),
        keys.final_through("a"),
        keys.verdicts("a"),
        keys.verdict_expiry("a"),
        keys.judged,
        keys.sources,
        keys.fence("g", 0),
        keys.generation,
        keys.windows("g"),
        keys.position("g", 0),
    ]
    assert all(key.startswith("mine:") for key in every)
    assert Keys().sources == "braid:sources"
