"""What Prometheus reads from krt while it works."""

from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.around import Around, Krt, ask, probe
from tests.fakes.polling import until_on_wall_clock


async def figures(krt: Krt) -> dict[str, float]:
    """By the name of the metric and the value of its first label, if it has one."""
    text = (await ask(krt.admin, probe("/metrics"))).body.decode()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {" ".join([sample.name, *list(sample.labels.values())[:1]]): sample.value for sample in samples}


async def test_an_event_shows_in_the_figures_of_both_roles(around: Around, krt: Krt):
    assert (await krt.post(around.token())).status == 202

    async def is_settled() -> bool:
        return (await figures(krt))["krt_events_settled_total settled"] == 1

    await until_on_wall_clock(is_settled)
    found = await figures(krt)
    expected = {
        "krt_events_total accepted": 1,
        "krt_restarts_total restarted": 1,
        "krt_event_to_patch_seconds_count": 1,
        "krt_index_workloads": 1,
        "krt_workloads_waiting": 0,
        "krt_entries_in_hand": 0,
        "krt_stalled_seconds": 0,
        "krt_watch_restarts_total failed": 0,
        "krt_journal_durable": 0,  # the test's Valkey keeps nothing
    }
    assert {name: found[name] for name in expected} == expected
    assert 0 < found["krt_event_to_patch_seconds_sum"] < 10
