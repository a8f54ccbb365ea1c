"""Kinds of tasks that other people bring, one module each: how rows are drawn, and what goes wrong."""

from tests.bench.generality.kinds.balance import BALANCE
from tests.bench.generality.kinds.bookings import BOOKINGS
from tests.bench.generality.kinds.definition import Kind
from tests.bench.generality.kinds.entities import ENTITIES
from tests.bench.generality.kinds.functions import FUNCTIONS
from tests.bench.generality.kinds.intents import INTENTS
from tests.bench.generality.kinds.measures import MEASURES
from tests.bench.generality.kinds.orders import ORDERS
from tests.bench.generality.kinds.phones import PHONES
from tests.bench.generality.kinds.polite import POLITE
from tests.bench.generality.kinds.queries import QUERIES
from tests.bench.generality.kinds.replies import REPLIES

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        ORDERS,
        BALANCE,
        QUERIES,
        REPLIES,
        POLITE,
        BOOKINGS,
        ENTITIES,
        FUNCTIONS,
        INTENTS,
        MEASURES,
        PHONES,
    )
}
