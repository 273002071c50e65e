"""A small use case without a lake behind it: trips that may be late, and the rain at their stations."""

from datetime import date

TRIPS = {
    "name": "trips",
    "title": "Late trips",
    "owner": "tests",
    "problem": {"kind": "binary", "question": "Will it be late?", "key": ["trip", "station"]},
    "source": {
        "kind": "parquet",
        "path": "trips/{partition}.parquet",
        "event_time": "leaves",
        "timezone": "America/New_York",
        "start_date": date(2013, 1, 1),
        "side_tables": {
            "weather": {
                "path": "weather/{partition}.parquet",
                "contract": {
                    "columns": {
                        "station": {"type": "string"},
                        "measured": {"type": "timestamp"},
                        "rain": {"type": "number"},
                    }
                },
            }
        },
    },
    "labels": {
        "kind": "threshold",
        "column": "delay",
        "above": 15.0,
        "delay_days": 1,
        "post_outcome_columns": ["delay", "arrived"],
    },
    "contract": {
        "columns": {
            "trip": {"type": "integer"},
            "station": {"type": "string"},
            "leaves": {"type": "timestamp"},
            "seats": {"type": "number"},
            "delay": {"type": "number", "max_null_share": 1.0},
            "arrived": {"type": "number", "max_null_share": 1.0},
        }
    },
}
