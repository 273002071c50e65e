"""What a DAG run's page shows is found in what its tasks left behind."""

import pytest

from airlock.ui.runs import references_in
from airlock_plugin import AirlockPlugin

LEFT = {
    "ids and a report": ([{"drift_id": "d1", "outcome_id": "d2", "report": "r"}], ["d1", "d2"], ["r"]),
    "what is no reference": ([{"rows": 3, "drift_id": None, "report": "", "model": "m"}], [], []),
    "the buttons of a task that returned nothing": (["/airlock/decisions/d3", "/airlock/"], ["d3"], []),
    "twice the same": ([{"drift_id": "d1"}, "/airlock/decisions/d1"], ["d1"], []),
    "a report's button": (["/airlock/reports/flights/day/monitor.html"], [], ["flights/day/monitor.html"]),
    "nothing": ([None, [], ""], [], []),
}


@pytest.mark.parametrize(("values", "ids", "reports"), LEFT.values(), ids=LEFT)
def test_references_are_found(values, ids, reports):
    assert references_in(values) == (ids, reports)


def test_the_page_of_a_run_is_told_which_run():
    (view,) = [one for one in AirlockPlugin.external_views if one["destination"] == "dag_run"]
    assert view["href"].startswith("/airlock/run?")
    assert all(name in view["href"] for name in ("{DAG_ID}", "{RUN_ID}"))
