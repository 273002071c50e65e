"""The model card: what it holds, and that no text inside it becomes markup."""

from include.cards import as_html, card
from include.decisions import Ruling, Subject, Verdict, decide
from include.evaluation.figures import (
    Difference,
    Estimate,
    EvaluationEvidence,
    GroupCounts,
    Groups,
    Slice,
    Slices,
)

TAGS = {
    "airlock.as_of": "2013-02-11",
    "airlock.train_partitions": "2013-01-01..2013-02-03",
    "airlock.holdout_partitions": "2013-02-04..2013-02-10",
    "airlock.missing_partitions": "2013-02-08 2013-02-09",
    "airlock.training_set": "flights/features@40[2013-01-01..2013-02-10]",
}
WORSE = Difference(candidate=0.61, other=0.72, standard_error=0.01, degrees_of_freedom=6.0)
EVIDENCE = EvaluationEvidence(
    run_id="run",
    rows=5400,
    days=5,
    figures={
        "metric:roc_auc": Estimate(value=0.7, standard_error=0.01, degrees_of_freedom=6.0),
        "champion:roc_auc": WORSE,
        "slices:roc_auc": Slices(
            looked_at=40, worst=[Slice(name="dest = A|B", rows=300, searched=True, difference=WORSE)]
        ),
        "fairness:region": Groups(
            difference=0.1, counts={"north": GroupCounts(counted=[50, 50], acted=[10, 20])}
        ),
    },
)


def decided(gate, evidence, verdict=Verdict.PASS, reason="fine", actor="schedule"):
    return decide(
        gate=gate,
        subject=Subject(use_case="flights", as_of="2013-02-11", actor=actor),
        ruling=Ruling(verdict=verdict, reasons=[reason], rule="rule"),
        evidence=evidence,
        policy={},
        data_refs=[],
    ).model_copy(update={"id": f"{gate}-id"})


def test_a_card_tells_purpose_data_figures_parts_and_who_let_it_in(flights):
    decisions = [
        decided("evaluation", EVIDENCE),
        decided("approval", {"run_id": "run"}, reason="ada approved version 2: checked", actor="ada"),
    ]
    text = card(flights, "2", TAGS, {"model.kind": "gradient_boosting", "seed": "1"}, decisions)
    for expected in (
        "# Late arrivals of flights from New York, version 2",
        "| owner | flight-operations |",
        "| held out | 2013-02-04..2013-02-10 |",
        "| without usable rows | 2013-02-08 2013-02-09 |",
        "| model.kind | gradient_boosting |",
        "| roc_auc | 0.7000 | 0.6806 to 0.7194 |  | 0.7200 |",
        "| dest = A\\|B | 300 | 0.6100 | 0.7200 |",
        "| north | 100 | 30.0% |",
        "| approval | 2013-02-11 | pass | ada | ada approved version 2: checked | approval-id |",
    ):
        assert expected in text
    assert "not answered" not in text, "the flights answer every question"


def test_an_open_question_is_shown_as_open(flights):
    empty = flights.model_copy(update={"card": type(flights.card)()})
    text = card(empty, "2", {}, {}, [])
    assert text.count("*not answered*") == 4
    assert flights.card.missing == []
    assert empty.card.missing == ["intended_use", "out_of_scope", "limits", "people_affected"]
    assert "never in use" in text


def test_text_in_a_card_stays_text(flights):
    page = as_html(card(flights, "2", {"airlock.reason": "<script>alert(1)</script>"}, {}, []), "<b>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<title>&lt;b&gt;</title>" in page
    assert "<table>" in page
