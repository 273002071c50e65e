"""Features of one request: the values that the batch build gives, from a state that is quick to read."""

from include.features.online.answering import OnlineFeatures
from include.features.online.materialising import materialise, push_side_rows
from include.features.online.refreshing import refresh
from include.features.online.stores import OnlineStore, open_online_store

__all__ = [
    "OnlineFeatures",
    "OnlineStore",
    "materialise",
    "open_online_store",
    "push_side_rows",
    "refresh",
]
