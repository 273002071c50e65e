"""Replay reproduces what was decided, or says what differs; a back-test says what changed rules would do."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from include.decisions import Ruling, Subject, Verdict, decide
from include.errors import LedgerCorrupted, NotFound, UseCaseError
from include.evaluation.figures import Difference, Estimate, EvaluationEvidence
from include.evaluation.gate import check
from include.hashing import digest
from include.ledger import Ledger
from include.monitoring.concept import ConceptEvidence
from include.monitoring.concept import check as check_concept
from include.replay import GATES, backtest, gate_of, replay
from include.settings import PROJECT_ROOT, Settings
from include.use_case import read_use_case
from include.use_case_sections import ChampionGate, Concept, Evaluation

# The flights with the three usual rules, so that the evidence below is all that they need.
DECLARED = "\n".join(
    line
    for line in (PROJECT_ROOT / "include" / "use_cases" / "flights" / "use_case.yaml")
    .read_text()
    .split("\ncard:")[0]
    .splitlines()
    if not any(f"kind: {kind}" in line for kind in ("calibration", "stability", "conditions"))
)


def evidence(gap=0.0, auc=0.7, error=0.01):
    return EvaluationEvidence(
        run_id="run",
        rows=6000,
        positives=1200,
        days=7,
        champion_state="compared",
        champion_version="1",
        figures={
            "metric:roc_auc": Estimate(value=auc, standard_error=error, degrees_of_freedom=6.0),
            "baseline:roc_auc": difference(0.02, error),
            "champion:roc_auc": difference(gap, error),
        },
    )


def difference(gap, error):
    return Difference(candidate=0.7 + gap, other=0.7, standard_error=error, degrees_of_freedom=6.0)


def recorded(ledger, as_of, found, policy, **changes):
    return ledger.append(
        decide(
            gate="evaluation",
            subject=Subject(use_case="flights", as_of=as_of, actor="tests"),
            ruling=check(found, policy),
            evidence=found,
            policy=policy,
            data_refs=[],
            **changes,
        )
    )


@pytest.fixture
def installed(tmp_path):
    (tmp_path / "use_cases" / "flights").mkdir(parents=True)
    (tmp_path / "use_cases" / "flights" / "use_case.yaml").write_text(DECLARED)
    (tmp_path / "policies").mkdir()
    return Settings(
        _env_file=None,
        home=tmp_path,
        use_cases_dir=tmp_path / "use_cases",
        policies_dir=tmp_path / "policies",
    )


@pytest.fixture
def ledger(installed):
    return Ledger(installed.ledger)


@pytest.fixture
def rules(installed):
    return read_use_case(installed.use_cases_dir / "flights" / "use_case.yaml").evaluation


@pytest.mark.parametrize("name", GATES)
def test_every_gate_is_found_and_says_what_it_takes(name):
    gate = gate_of(name)
    assert gate.check.__name__.startswith("check")
    assert gate.evidence is not None


def test_a_verdict_is_reproduced_even_after_the_rules_have_changed(ledger, installed, rules):
    for gap, error in ((0.02, 0.01), (-0.2, 0.01), (-0.02, 0.03)):
        decision = recorded(ledger, "2013-02-11", evidence(gap, error=error), rules)
        found = replay(ledger.get(decision.id), ledger, installed)
        assert (found.differs, found.verdict, found.rules) == ([], decision.verdict.value, "as recorded")
        assert found.reasons == decision.reasons


def test_a_rule_that_came_later_does_not_judge_older_decisions(ledger, installed):
    """As recorded before the bound against harm: neither the rules nor the verdict know of it."""
    then = Evaluation(gates=[ChampionGate(kind="champion", test="superiority", harm_margin=None)])
    kept = then.model_dump(mode="json")
    for name in ("harm_margin", "harm_alpha"):
        del kept["gates"][0][name]
    found = evidence(0.05, error=0.02)
    old = decide(
        gate="evaluation",
        subject=Subject(use_case="flights", as_of="2013-02-11"),
        ruling=check(found, then),
        evidence=found.model_dump(mode="json", exclude={"judged_days"}),
        policy=kept,
        data_refs=[],
    )
    told = replay(ledger.append(old), ledger, installed)
    assert (told.verdict, told.differs) == ("pass", [])
    assert check(found, Evaluation.model_validate(kept, strict=False)).verdict is Verdict.UNDECIDED


def test_the_days_that_concept_needed_are_replayed_from_its_evidence(ledger, installed):
    """Older evidence lacks them: then the use case is asked, which declares 4."""
    losses = {f"2013-02-{day:02d}": 0.41 for day in range(1, 6)}
    found = ConceptEvidence(live=losses, holdout=losses, min_days=9)
    for evidence_kept, verdict in (
        (found.model_dump(mode="json"), "undecided"),
        (found.model_dump(mode="json", exclude={"min_days"}), "pass"),
    ):
        decision = decide(
            gate="concept",
            subject=Subject(use_case="flights", partition="2013-02-05", as_of="2013-02-06"),
            ruling=check_concept(found, Concept()),
            evidence=evidence_kept,
            policy=Concept(),
            data_refs=[],
        )
        assert replay(ledger.append(decision), ledger, installed).verdict == verdict


def test_a_verdict_that_the_evidence_does_not_bear_is_told(ledger, installed, rules):
    """As if the gate had been wrong then, or somebody had appended a decision past it."""
    found = evidence(-0.2)
    wrong = decide(
        gate="evaluation",
        subject=Subject(use_case="flights", as_of="2013-02-11"),
        ruling=Ruling(verdict=Verdict.PASS, reasons=["looks fine"], rule="by eye"),
        evidence=found,
        policy=rules,
        data_refs=[],
    )
    told = replay(ledger.append(wrong), ledger, installed)
    assert told.verdict == "refuse"
    assert [line.split(":")[0] for line in told.differs] == ["verdict", "reasons", "rule", "error_rate"]


def test_fail_open_is_replayed_as_it_was(ledger, installed, rules):
    decision = recorded(ledger, "2013-02-11", evidence(-0.2), rules, mode="fail_open")
    found = replay(decision, ledger, installed)
    assert (found.verdict, found.differs) == ("warn", [])


def test_evidence_of_another_form_and_unknown_gates_are_told(ledger, installed, rules):
    old = decide(
        gate="evaluation",
        subject=Subject(use_case="flights", as_of="2013-02-11"),
        ruling=Ruling(verdict=Verdict.PASS, reasons=["fine"], rule="an earlier one"),
        evidence={"auc": 0.7},
        policy=rules,
        data_refs=[],
    )
    found = replay(ledger.append(old), ledger, installed)
    assert found.verdict == "unreadable"
    assert "today's gate cannot read it" in found.differs[0]
    with pytest.raises(NotFound, match="There is no gate 'horoscope'"):
        replay(old.model_copy(update={"gate": "horoscope"}), ledger, installed)


def test_rules_are_kept_once_and_a_changed_one_is_found_out(ledger, rules):
    first = recorded(ledger, "2013-02-11", evidence(0.02), rules)
    recorded(ledger, "2013-02-18", evidence(0.03), rules)
    assert ledger.policy(first.policy_hash) == rules.model_dump(mode="json")
    assert digest(ledger.policy(first.policy_hash)) == first.policy_hash
    assert ledger.policy("0" * 64) is None
    engine = sa.create_engine(str(ledger._url), poolclass=sa.NullPool)
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM policies")).scalar_one() == 1
        connection.execute(sa.text("UPDATE policies SET content = '{}'"))
    with pytest.raises(LedgerCorrupted, match="they were changed"):
        ledger.policy(first.policy_hash)


# Back-test

HISTORY = {"2013-02-04": 0.02, "2013-02-11": -0.02, "2013-02-18": -0.2}


@pytest.fixture
def history(ledger, rules):
    return {
        as_of: recorded(ledger, as_of, evidence(gap, error=0.004), rules) for as_of, gap in HISTORY.items()
    }


def changed_file(tmp_path, **replaced):
    text = DECLARED
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "changed.yaml").write_text(text)
    return tmp_path / "changed.yaml"


def test_the_same_rules_change_nothing(ledger, installed, history, tmp_path):
    found = list(backtest(changed_file(tmp_path), ledger, installed))
    assert [item.decision_id for item in found] == [decision.id for decision in history.values()]
    assert not any(item.changed for item in found)


def test_a_changed_declaration_shows_which_verdicts_would_differ(ledger, installed, history, tmp_path):
    file = changed_file(tmp_path, **{"margin: 0.03": "margin: 0.0"})
    found = list(backtest(file, ledger, installed))
    assert [(item.recorded, item.verdict) for item in found] == [
        ("pass", "pass"),
        ("pass", "refuse"),
        ("refuse", "refuse"),
    ]
    assert [item.about for item in found if item.changed] == ["as of 2013-02-11"]
    later = list(backtest(file, ledger, installed, first="2013-02-12", last="2013-02-18"))
    assert [item.about for item in later] == ["as of 2013-02-18"]
    assert len(ledger.find()) == len(HISTORY), "nothing is recorded"


def test_a_changed_policy_is_laid_over_the_declared_use_cases(ledger, installed, history, tmp_path):
    policy = tmp_path / "house.yaml"
    policy.write_text(
        "name: house\nowner: risk\n"
        "bounds: [{setting: evaluation.min_rows, at_least: 10000, why: more rows}]\n"
    )
    found = list(backtest(policy, ledger, installed))
    assert [item.verdict for item in found] == ["undecided", "undecided", "refuse"]
    policy.write_text(
        "name: house\nowner: risk\n"
        "bounds: [{setting: 'evaluation.gates[champion].margin', at_most: 0.01, why: closer}]\n"
    )
    with pytest.raises(
        UseCaseError, match=r"flights: evaluation.gates\[2\].margin: 0.03 loosens policy house"
    ):
        list(backtest(policy, ledger, installed))


def test_a_rule_without_evidence_is_not_guessed(ledger, installed, history, tmp_path):
    file = changed_file(
        tmp_path, **{"    - {kind: champion,": "    - {kind: calibration}\n    - {kind: champion,"}
    )
    found = list(backtest(file, ledger, installed))
    assert [item.verdict for item in found] == [None, None, None]
    assert found[0].reasons == ["calibration: the evidence holds no figure for this rule"]
    assert not any(item.changed for item in found)


def test_the_default_rules_are_strict_json_and_come_back(ledger):
    """A policy is kept as JSON; read back it must be the same rules."""
    policy = Evaluation()
    decision = recorded(ledger, "2013-02-11", evidence(0.02), policy)
    assert Evaluation.model_validate(ledger.policy(decision.policy_hash), strict=False) == policy
