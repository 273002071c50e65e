"""The section `source`: every kind is declared strictly, and mistakes are named with their place."""

import pytest
import yaml

from include.errors import UseCaseError
from include.settings import PROJECT_ROOT
from include.use_case import read_use_case

MINIMAL = PROJECT_ROOT / "tests" / "data" / "use_cases" / "minimal" / "use_case.yaml"
FILE = {"path": "loans/{partition}.csv"}
SQL = {"kind": "sql", "connection": "shop", "query": "SELECT * FROM loans WHERE day = :partition"}


@pytest.fixture
def declared(tmp_path):
    def declare(source, drop=("kind", "path")):
        content = yaml.safe_load(MINIMAL.read_text())
        content["source"] = {
            name: value for name, value in content["source"].items() if name not in drop
        } | source
        path = tmp_path / "minimal" / "use_case.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(content))
        return read_use_case(path)

    return declare


GOOD = {
    "a folder": {"kind": "parquet", "path": "loans/{partition}/", "success_marker": "_SUCCESS", "wait": {}},
    "a pattern": {"kind": "parquet", "path": "loans/{partition}/part-*.parquet"},
    "CSV": {"kind": "csv", **FILE, "delimiter": ";", "decimal": ",", "encoding": "cp1252"},
    "JSON Lines": {"kind": "json_lines", "path": "loans/{partition}.jsonl.gz", "compression": "gzip"},
    "SQL": SQL,
    "a function": {"kind": "python", "function": "extract:rows"},
}


@pytest.mark.parametrize("source", GOOD.values(), ids=GOOD)
def test_every_kind_can_be_declared_for_the_batch_and_for_a_side_table(source, declared):
    assert declared(source).source.kind == source["kind"]
    contract = {"columns": {"a": {"type": "integer"}}}
    side = {name: value for name, value in source.items() if name != "wait"} | {"contract": contract}
    assert (
        declared(source | {"side_tables": {"rates": side}}).source.side_tables["rates"].kind == source["kind"]
    )


BAD = {
    "no kind": (FILE, "source.kind: is missing"),
    "another kind": (
        {"kind": "excel", **FILE},
        "source.kind: 'excel' is not possible; choose one of 'parquet', 'csv'",
    ),
    "a marker that is a path": (
        {"kind": "csv", **FILE, "success_marker": "a/b"},
        "give the file's name alone",
    ),
    "the same sign twice": ({"kind": "csv", **FILE, "quote": ","}, "must differ from each other"),
    "a decimal comma between commas": (
        {"kind": "csv", **FILE, "decimal": ","},
        "cannot be decimal and delimiter",
    ),
    "no such encoding": (
        {"kind": "csv", **FILE, "encoding": "klingon"},
        "source.encoding: 'klingon' is not an enc",
    ),
    "no such zone": ({"kind": "csv", **FILE, "timestamp_timezone": "CET+1"}, "is not a time zone"),
    "a setting of another kind": (
        {"kind": "parquet", **FILE, "delimiter": ";"},
        "source.delimiter: is not a known",
    ),
    "a query of all dates": (
        SQL | {"query": "SELECT * FROM loans"},
        "source.query: the query reads all dates",
    ),
    "a query with a cast only": (SQL | {"query": "SELECT x::partition FROM loans"}, "reads all dates"),
    "a template of a query": (
        SQL | {"query": SQL["query"] + " AND x = '{x}'"},
        "source.query: the query is a templ",
    ),
    "a function by path": ({"kind": "python", "function": "../x:rows"}, "is not module:function"),
    "a side table without its path": (
        {
            "kind": "csv",
            **FILE,
            "side_tables": {"rates": {"contract": {"columns": {"a": {"type": "integer"}}}}},
        },
        "source.side_tables.rates.path: is missing",
    ),
    "a side table of another kind": (
        {"kind": "csv", **FILE, "side_tables": {"rates": {"kind": "x", "contract": {"columns": {}}}}},
        "source.side_tables.rates.kind: 'x' is not possible",
    ),
}


@pytest.mark.parametrize(("source", "said"), BAD.values(), ids=BAD)
def test_a_mistake_is_named_with_its_place(source, said, declared):
    with pytest.raises(UseCaseError) as caught:
        declared(source)
    assert said in str(caught.value)
