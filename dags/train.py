"""
### Training: a candidate as of a data date, through every gate

**What it does.** `train` learns from the days before the as-of (the newest are held out) and logs the
candidate and a simple baseline in MLflow. `evaluate` loads the saved models back and compares them with
each other and with the champion on the held-out days; a candidate that passes is registered. Where the use
case asks for a person, `approve` waits for their answer (*Required actions*). `promote` makes it the
champion.

**Start it by hand** with `{"as_of": "2013-02-11", "reason": "why"}`. Monitoring starts it the same way.

**When `evaluate` is red,** the candidate is not good enough; *Decision* gives each rule with its figure.
The champion stays, nothing has to be done. **Pink (skipped)** means that the holdout is too small to say.
**When `approve` is red,** it was rejected, nobody answered in time, or the person may not answer.
**When `promote` is red,** the candidate knows less data than the champion; an older model never replaces a
newer one. **When `train` is pink (skipped),** nothing asked for this scheduled training; *Decision* says
so, and starting it by hand trains all the same. **When `train` is red,** too few days were usable or a
feature looks like a leak. *Up for retry* is an outage, mostly of MLflow.
"""

from airflow.sdk import DAG, CronPartitionTimetable, Param

from airlock.deadlines import deadline
from airlock.declaration import KEY_FORMAT, asset, common, declared
from airlock.operators.evaluation import EvaluateCandidateOperator
from airlock.operators.promotion import ApproveCandidateOperator, PromoteCandidateOperator
from airlock.operators.training import TrainCandidateOperator

for use_case in declared("train"):
    with DAG(
        **common(use_case, "train", __doc__),
        **deadline(use_case, "train"),
        schedule=CronPartitionTimetable(
            use_case.training.schedule, timezone=use_case.source.timezone, key_format=KEY_FORMAT
        ),
        params={
            "as_of": Param(
                None,
                type=["null", "string"],
                format="date",
                description="data time up to which the model may see data; the run's own date when empty",
            ),
            "reason": Param("schedule", type="string", maxLength=500, description="why, for the record"),
            "decision_id": Param(None, type=["null", "string"], description="the decision that ordered this"),
        },
    ):
        train = TrainCandidateOperator(task_id="train", use_case=use_case.name)
        evaluate = EvaluateCandidateOperator(
            task_id="evaluate", use_case=use_case.name, trained_by=train.task_id
        )
        approval = use_case.promotion.approval
        promote = PromoteCandidateOperator(
            task_id="promote",
            use_case=use_case.name,
            evaluated_by=evaluate.task_id,
            approved_by="approve" if approval else None,
            outlets=[asset(use_case, "champion")],
        )
        train >> evaluate >> promote
        if approval:
            approve = ApproveCandidateOperator(
                task_id="approve",
                use_case=use_case.name,
                evaluated_by=evaluate.task_id,
                approvers=approval.approvers,
                timeout_hours=approval.timeout_hours,
                # The answer has a time limit of its own; this one would end the task while it waits.
                execution_timeout=None,
            )
            evaluate >> approve >> promote
