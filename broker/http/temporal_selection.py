"""Which histories a request asks for (clauses 5.7.4, 5.14.5, 6.18.3.2, 6.24)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from broker.core.jsonld.context import ActiveContext
from broker.core.model.errors import BadRequestData
from broker.core.ql.ast import EntitySelector
from broker.http.parameters import (
    COLLATION,
    DATASET_ID,
    DISTRIBUTION,
    EXPAND_VALUES,
    JSON_KEYS,
    LANG,
    LOCAL,
    OMIT,
    ORDER_BY,
    PAGE,
    PICK,
    SELECTION,
    options,
)
from broker.http.selection import Selection, check_links, read_selection
from broker.http.temporal import AGGREGATED, AGGREGATION, FORMAT, RANGE, VALUES, TemporalView, read_view
from broker.operations.query import refuse_too_wide

_COLLATION = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)

_FORMS = options(VALUES, AGGREGATED, "sysAttrs", "count")
SHOWN = (PICK, OMIT, DATASET_ID, LANG, FORMAT)
"""Parameters that say what is shown of a history."""
QUERY = (
    *(*SELECTION, *RANGE, *AGGREGATION, *SHOWN, *PAGE, ORDER_BY, COLLATION, EXPAND_VALUES, JSON_KEYS),
    *(*DISTRIBUTION, _FORMS),
)
"""Parameters of a query of histories."""
BODY_QUERY = (*PAGE, FORMAT, LOCAL, *AGGREGATION, _FORMS)
"""The same where the query is in the body."""


@dataclass(frozen=True, slots=True)
class TemporalSelection:
    """A query of histories as its `parameters` describe it: which entities, which of their samples, and how shown."""

    parameters: Mapping[str, str]
    selection: Selection
    view: TemporalView

    def is_descending(self) -> bool:
        """Whether the entities come by descending id. Raises BadRequestData for another order (clause 5.7.4.4)."""
        collation = self.parameters.get("collation")
        if collation is not None and _COLLATION.fullmatch(collation) is None:
            raise BadRequestData("collation is a language tag such as fr or de-u-co-phonebk (RFC 6067).")
        members = [item.partition(";")[0].strip() for item in self.parameters.get("orderBy", "id").split(",")]
        if members != ["id"]:
            raise BadRequestData("Histories can be ordered by id alone: orderBy=id or orderBy=id;desc.")
        return any(order.descending for order in self.selection.order)


def read_temporal_selection(
    parameters: Mapping[str, str], context: ActiveContext, page: int, selectors: tuple[EntitySelector, ...] | None
) -> TemporalSelection:
    """Read it; `selectors` are those of a body. Raises BadRequestData or InvalidRequest where it is none."""
    view = read_view(parameters, context, page, required=True)
    selection = read_selection(parameters, context, selectors)
    _refuse_links(selection, parameters)
    refuse_too_wide(selection.query, local=selection.local)
    return TemporalSelection(parameters, selection, view)


def _refuse_links(selection: Selection, parameters: Mapping[str, str]) -> None:
    """Histories know no linked entities (clause 5.7.4.4)."""
    check_links(selection.query, 0)
    if parameters.get("join", "@none") != "@none" or "containedBy" in parameters:
        raise BadRequestData("Histories come without linked entities: leave join and containedBy out.")
