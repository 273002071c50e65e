"""use_case.yaml: what is right is read, what is wrong is said with its place and remedy, nothing crashes."""

import contextlib
import copy
import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from include.errors import UseCaseError
from include.settings import Settings
from include.use_case import UseCase, load_use_case, read_use_case, use_case_names

DATA = Path(__file__).parent.parent / "data" / "use_cases"
MINIMAL = DATA / "minimal" / "use_case.yaml"
GONE = object()


def declared(folder, content, *, name="minimal"):
    """Write a declaration, given as text, bytes or mapping, and return its file."""
    path = folder / name / "use_case.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        content = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def minimal(**changes):
    """The minimal declaration with values put or taken away, by dotted names with `__` for the dots."""
    content = copy.deepcopy(yaml.safe_load(MINIMAL.read_text()))
    for place, value in changes.items():
        *way, last = place.split("__")
        section = content
        for name in way:
            section = section.setdefault(name, {})
        if value is GONE:
            del section[last]
        else:
            section[last] = value
    return content


def mistakes(path):
    """What is said of a wrong file, line by line, without the file's name."""
    with pytest.raises(UseCaseError) as caught:
        read_use_case(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines), lines
    return [line.removeprefix(f"{path}: ") for line in lines]


def test_the_flights_are_declared_rightly(flights):
    assert flights.name == "flights"
    assert flights.source.side_tables["weather"].contract.volume.severity == "warn"
    assert flights.forbidden_features == {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}


def test_a_minimal_declaration_is_short_and_right():
    assert len(MINIMAL.read_text().splitlines()) < 40
    use_case = read_use_case(MINIMAL)
    assert use_case.source.start_date == date(2024, 1, 1)
    assert use_case.contract.mode == use_case.features.mode == use_case.evaluation.mode == "fail_closed"
    assert [gate.kind for gate in use_case.evaluation.gates] == ["floor", "baseline", "champion"]
    assert use_case.forbidden_features == {"defaulted"}


@pytest.mark.parametrize("name", use_case_names(Settings(_env_file=None)))
def test_every_use_case_of_the_project_is_right(name):
    assert load_use_case(name, Settings(_env_file=None)).name == name


TIME = {"type": "timestamp"}
TWO_FORMS = {"Amount": {"type": "number"}, "amount": {"type": "number"}}
SIDE = {"path": "w/{partition}.parquet", "contract": {"columns": {"t": TIME}}}
BROKEN = {
    "unknown section": (
        {"scorring": {}},
        "scorring: is not a known setting; remove it or correct its spelling",
    ),
    "missing section": ({"labels": GONE}, "labels: is missing; add it"),
    "missing field": ({"source__event_time": GONE}, "source.event_time: is missing; add it"),
    "unknown field": (
        {"contract__columns__amount__maximum": 3},
        "contract.columns.amount.maximum: is not a known setting; remove it or correct its spelling",
    ),
    "name of capitals": (
        {"name": "Minimal"},
        "name: 'Minimal': String should match pattern '^[a-z][a-z0-9_]{0,62}$'",
    ),
    "name of another folder": ({"name": "loans"}, "name: 'loans' differs from its folder; call it 'minimal'"),
    "number for text": ({"owner": 7}, "owner: 7: Input should be a valid string"),
    "text for number": (
        {"evaluation__min_rows": "500"},
        "evaluation.min_rows: '500': Input should be a valid integer",
    ),
    "yes for number": (
        {"training__window_days": True},
        "training.window_days: True: Input should be a valid integer",
    ),
    "text for list": ({"problem__key": "loan"}, "problem.key: 'loan': Input should be a valid list"),
    "empty key": (
        {"problem__key": []},
        "problem.key: []: List should have at least 1 item after validation, not 0",
    ),
    "no columns": (
        {"contract__columns": {}, "contract__unique": []},
        "contract.columns: {}: Dictionary should have at least 1 item after validation, not 0",
    ),
    "section as text": (
        {"contract": "strict"},
        "contract: 'strict': Input should be a valid dictionary or instance of Contract",
    ),
    "no section at all": (
        {"monitoring": None},
        "monitoring: None: Input should be a valid dictionary or instance of Monitoring",
    ),
    "share above one": (
        {"contract__columns__amount__max_null_share": 30},
        "contract.columns.amount.max_null_share: 30: Input should be less than or equal to 1",
    ),
    "negative days": (
        {"labels__delay_days": -1},
        "labels.delay_days: -1: Input should be greater than or equal to 0",
    ),
    "alpha of one half": ({"contract__alpha": 0.5}, "contract.alpha: 0.5: Input should be less than 0.5"),
    "infinite": (
        {"contract__columns__amount__max": float("inf")},
        "contract.columns.amount.max: inf: Input should be a finite number",
    ),
    "not a number": (
        {"contract__columns__amount__max": float("nan")},
        "contract.columns.amount.max: nan: Input should be a finite number",
    ),
    "unknown type": (
        {"contract__columns__amount__type": "decimal"},
        "contract.columns.amount.type: 'decimal' is not possible; choose one of 'integer', 'number', "
        "'string', 'boolean' or 'timestamp'",
    ),
    "unknown kind of label": (
        {"labels__kind": "treshold"},
        "labels.kind: 'treshold' is not possible; choose one of 'threshold', 'column'",
    ),
    "no kind of label": (
        {"labels": {"column": "defaulted"}},
        "labels.kind: is missing; it says which of the alternatives this is",
    ),
    "field of another kind": (
        {"labels__above": 15},
        "labels.above: is not a known setting; remove it or correct its spelling",
    ),
    "unknown metric": (
        {
            "evaluation": {
                "gates": [{"kind": "floor", "min": 0.5}, {"kind": "floor", "min": 0, "metric": "roc_auck"}]
            }
        },
        "evaluation.gates[1].metric: 'roc_auck' is not possible; choose one of 'roc_auc', "
        "'average_precision', 'log_loss', 'brier', 'roc_auc_ovr', 'accuracy', 'balanced_accuracy', "
        "'f1_macro', 'rmse', 'mae', 'median_absolute_error', 'r2', 'poisson_deviance' or 'd2'",
    ),
    "unknown kind of gate": (
        {"evaluation": {"gates": [{"kind": "flor"}]}},
        "evaluation.gates[0].kind: 'flor' is not possible; choose one of 'floor', 'baseline', 'champion', "
        "'slices', 'fairness', 'calibration', 'stability', 'golden', 'invariance', 'budget', 'value', "
        "'conditions'",
    ),
    "training may not fail open": (
        {"training__mode": "fail_open"},
        "training.mode: 'fail_open' is not possible; choose one of 'fail_closed'",
    ),
    "range upside down": (
        {"contract__columns__amount__max": -1},
        "contract.columns.amount: min 0.0 is above max -1.0; swap them",
    ),
    "window too short": (
        {"training": {"window_days": 9}},
        "training: window_days 9 cannot hold holdout, embargo and min_training_partitions (21 days); make "
        "the window longer",
    ),
    "retraining out of reach": (
        {"monitoring": {"retraining": {"violations": 8}}},
        "monitoring.retraining: violations 8 can never be reached among of_last 7",
    ),
    "path without a date": (
        {"source__path": "loans.parquet"},
        "source.path: 'loans.parquet' names one file for all dates; put {partition} where the date belongs",
    ),
    "path that leaves": (
        {"source__path": "../{partition}.parquet"},
        "source.path: Path '../{partition}.parquet' could leave its root folder; use a relative path of "
        "plain names, such as flights/x.parquet",
    ),
    "no time zone": (
        {"source__timezone": "New York"},
        "source.timezone: 'New York' is not a time zone; use an IANA name such as America/New_York",
    ),
    "folder of time zones": (
        {"source__timezone": "America"},
        "source.timezone: 'America' is not a time zone; use an IANA name such as America/New_York",
    ),
    "date as text": (
        {"source__start_date": "2024-01-01"},
        "source.start_date: '2024-01-01': Input should be a valid date",
    ),
    "unique column unknown": (
        {"contract__unique": ["loan", "lone"]},
        "contract: unique names ['lone'], which columns does not declare",
    ),
    "key unknown": (
        {"problem__key": ["lone"]},
        "whole file: problem.key names ['lone'], which contract.columns does not declare",
    ),
    "label unknown": (
        {"labels__column": "paid"},
        "whole file: labels.column names ['paid'], which contract.columns does not declare",
    ),
    "column of the audit": (
        {"contract__columns__Known_At": TIME},
        "whole file: contract.columns names ['known_at'], which Airlock adds itself; rename it upstream",
    ),
    "columns alike": (
        {"contract__columns": minimal()["contract"]["columns"] | TWO_FORMS},
        "whole file: contract.columns names ['amount', 'Amount'], which Delta tables take for the same "
        "column",
    ),
    "column of the audit beside": (
        {"source__side_tables": {"w": SIDE | {"contract": {"columns": {"partition": TIME}}}}},
        "whole file: source.side_tables.w.contract.columns names ['partition'], which Airlock adds itself; "
        "rename it upstream",
    ),
    "table called batch": (
        {"source__side_tables": {"batch": SIDE}},
        "whole file: source.side_tables names ['batch'], which Airlock uses itself; rename it",
    ),
    "number as a name": (
        {"contract__columns__amount": {"type": "number", 1: 2}},
        "contract.columns.amount.1: 1: Keys should be strings",
    ),
    "long value": (
        {"owner": list(range(1000))},
        f"owner: {repr(list(range(1000)))[:120]}...: Input should be a valid string",
    ),
}


@pytest.mark.parametrize(("changes", "said"), BROKEN.values(), ids=BROKEN)
def test_one_mistake_gives_one_line_that_says_it(tmp_path, changes, said):
    assert mistakes(declared(tmp_path, minimal(**changes))) == [said]


def test_several_mistakes_are_said_together(tmp_path):
    path = declared(tmp_path, minimal(owner=GONE, title=3, source__timezone="Mars"))
    assert mistakes(path) == [
        "title: 3: Input should be a valid string",
        "owner: is missing; add it",
        "source.timezone: 'Mars' is not a time zone; use an IANA name such as America/New_York",
    ]


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
UNREADABLE = {
    "empty": ("", "holds no mapping of sections; start with `name: minimal`"),
    "a list": ("- name: minimal", "holds no mapping of sections; start with `name: minimal`"),
    "indented wrongly": (
        "name: x\n title: y",
        "not readable as YAML: line 2, column 7: mapping values are not allowed in this context",
    ),
    "not closed": ("name: [x", "not readable as YAML: line 2, column 1: did not find expected ',' or ']'"),
    "key twice": ("name: x\nname: y", "not readable as YAML: line 2, column 1: 'name' stands here twice"),
    "key twice inside": (
        "contract:\n  columns: {a: {type: string}, b: {}, a: {}}",
        "not readable as YAML: line 2, column 39: 'a' stands here twice",
    ),
    "alias": ("a: &x {b: 1}\nc: *x", "not readable as YAML: line 2, column 4: aliases are not allowed"),
    "alias bomb": (BOMB, "not readable as YAML: line 2, column 8: aliases are not allowed"),
    "object": (
        "name: !!python/object/apply:os.system [ls]",
        "not readable as YAML: line 1, column 7: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object/apply:os.system'",
    ),
    "no such day": (
        "a: 2024-02-30",
        "not readable as YAML: line 1, column 4: '2024-02-30' is not a timestamp",
    ),
    "list as a name": ("? [a]\n: b", "not readable as YAML: line 1, column 3: a name must be plain text"),
    "very deep": ("[" * 200_000, "not readable as YAML: line 1, column 33: nested deeper than 32 levels"),
    "two documents": (
        "a: 1\n---\nb: 2",
        "not readable as YAML: line 2, column 1: but found another document",
    ),
    "not UTF-8": ("title: Verspätung".encode("latin-1"), "byte 12 is not UTF-8; save the file as UTF-8"),
    "UTF-16": ("a: 1".encode("utf-16"), "byte 0 is not UTF-8; save the file as UTF-8"),
    "too large": (
        "#" * 1_000_001,
        "larger than 1000000 bytes, which no declaration needs; split the data out",
    ),
}


@pytest.mark.parametrize(("content", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_is_said_in_one_line(tmp_path, content, said):
    assert mistakes(declared(tmp_path, content)) == [said]


def test_a_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "minimal" / "use_case.yaml").mkdir(parents=True)
    assert mistakes(tmp_path / "minimal" / "use_case.yaml") == ["cannot be read: Is a directory"]


def test_files_of_the_project_are_named_from_its_root(monkeypatch, tmp_path):
    monkeypatch.setattr("include.use_case.PROJECT_ROOT", tmp_path)
    declared(tmp_path, "")
    with pytest.raises(UseCaseError, match=r"^minimal/use_case\.yaml: holds no mapping"):
        read_use_case(tmp_path / "minimal" / "use_case.yaml")


def test_one_broken_file_does_not_hide_the_others(tmp_path):
    declared(tmp_path, minimal())
    declared(tmp_path, "[", name="broken")
    settings = Settings(_env_file=None, use_cases_dir=tmp_path)
    assert use_case_names(settings) == ["broken", "minimal"]
    assert load_use_case("minimal", settings).name == "minimal"
    with pytest.raises(UseCaseError, match="not readable as YAML"):
        load_use_case("broken", settings)


@pytest.mark.parametrize("name", ["", "nope", "../minimal", "minimal/../minimal", "/etc"])
def test_a_name_that_is_not_declared(tmp_path, name):
    declared(tmp_path, minimal())
    settings = Settings(_env_file=None, use_cases_dir=tmp_path)
    said = f"There is no use case {name!r} in {tmp_path}; declared are: minimal"
    with pytest.raises(UseCaseError, match=re.escape(said)):
        load_use_case(name, settings)
    with pytest.raises(UseCaseError, match="declared are: none"):
        load_use_case(name, Settings(_env_file=None, use_cases_dir=tmp_path / "nowhere"))


def test_hashes_follow_the_content(tmp_path):
    one = read_use_case(declared(tmp_path, minimal()))
    commented = read_use_case(
        declared(tmp_path, MINIMAL.read_text() + "# a remark\ntraining: {window_days: 56}\n")
    )
    stricter = read_use_case(declared(tmp_path, minimal(contract__alpha=0.02)))
    titled = read_use_case(declared(tmp_path, minimal(title="Another title")))
    side = read_use_case(declared(tmp_path, minimal(source__side_tables={"w": SIDE})))
    assert (commented.hash, commented.contract_hash) == (one.hash, one.contract_hash)
    assert titled.contract_hash == one.contract_hash
    assert len({one.hash, stricter.hash, titled.hash, side.hash}) == 4
    assert len({one.contract_hash, stricter.contract_hash, side.contract_hash}) == 3


def test_declarations_cannot_be_changed(flights):
    with pytest.raises(ValueError, match="frozen"):
        flights.contract.columns["year"].min = 0


NAMES = st.sampled_from(
    [*UseCase.model_fields, "kind", "columns", "type", "gates", "metric", "key", "<<", "é"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | NAMES
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.integers() | st.none(), inner, max_size=5)
    ),
    max_leaves=25,
)


def read_or_refuse(path):
    with contextlib.suppress(UseCaseError):
        read_use_case(path)


@given(st.binary(max_size=200) | st.text(st.sampled_from("{}[]:-?!&*|>'\"%@,# \n\tab1.<~é\0"), max_size=60))
@example("!!timestamp foo")
@example("a: !!int foo")
@example("a: !!bool foo")
@example("a: " + "9" * 5000)
@example("? {a: b}\n: c")
@example("%YAML 9.9\n---\na: 1")
@examples(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_whatever_raises_anything_else(tmp_path, content):
    read_or_refuse(declared(tmp_path, content))


@given(ANYTHING, st.lists(st.sampled_from([*UseCase.model_fields]), max_size=3))
@examples(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_whatever_raises_anything_else(tmp_path, content, places):
    changed = minimal(**dict.fromkeys(places, content)) if places else {"x": content}
    read_or_refuse(declared(tmp_path, changed))
