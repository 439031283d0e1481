"""The seven sources in the columns and types that the landing contract names."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retail.simulate.catalogue import Catalogue
from retail.simulate.draws import Rows
from retail.simulate.events import DEVICES, TYPES
from retail.simulate.landing import dates, ids, join, moments, money, padded, words
from retail.simulate.lives import STATUSES
from retail.simulate.names import (
    CITIES,
    DOMAINS,
    FIRST_NAMES,
    LAST_NAMES,
    POSTAL_LETTERS,
    STREETS,
    mailbox,
)


def customers(rows: Rows) -> pa.Table:
    """Return change records as they land."""
    city = rows["city"]
    return pa.table({
        "customer_id": ids(rows["customer_id"]),
        "changed_at": moments(rows["changed_at"]),
        "change": pa.array(rows["change"], pa.string()),
        "email": _emails(rows),
        "first_name": words(FIRST_NAMES, rows["first"]),
        "last_name": words(LAST_NAMES, rows["last"]),
        "address": join(padded(rows["number"], 1), " ", words(STREETS, rows["street"])),
        "city": words(tuple(place.name for place in CITIES), city),
        "province": words(tuple(place.province for place in CITIES), city),
        "postal_code": _postal_codes(rows),
        "marketing_opt_in": pa.array(rows["opt_in"], pa.bool_()),
    })  # fmt: skip


def _emails(rows: Rows) -> pa.Array:
    """Return addresses that differ between customers and between a customer's versions."""
    version = rows["email_version"]
    first = words(tuple(mailbox(name) for name in FIRST_NAMES), rows["first"])
    last = words(tuple(mailbox(name) for name in LAST_NAMES), rows["last"])
    number = padded(rows["customer_id"], 1)
    suffix = pc.if_else(pa.array(version > 0), join("-", padded(version, 1)), "")
    domain = words(DOMAINS, (rows["customer_id"] + version) % len(DOMAINS))
    return join(first, ".", last, number, suffix, "@", domain)


def _postal_codes(rows: Rows) -> pa.Array:
    areas = words(tuple(place.area for place in CITIES), rows["city"])
    letters = tuple(POSTAL_LETTERS)
    code = rows["postal"]
    return join(
        areas,
        words(letters, code % 20),
        " ",
        padded(code // 20 % 10, 1),
        words(letters, code // 200 % 20),
        padded(code // 4000, 1),
    )


def products(shop: Catalogue) -> pa.Table:
    """Return the product list by id."""
    by_id = np.argsort(shop.products["product_id"])
    rows = {name: column[by_id] for name, column in shop.products.items()}
    return pa.table({
        "product_id": ids(rows["product_id"]),
        "name": pa.array(rows["name"], pa.string()),
        "category": pa.array(rows["category"], pa.string()),
        "unit_cost": money(rows["unit_cost"]),
        "unit_price": money(rows["unit_price"]),
        "launched_on": dates(rows["launched_on"]),
        "discontinued_on": dates(rows["discontinued_on"]),
    })  # fmt: skip


def stores(shop: Catalogue) -> pa.Table:
    """Return the store list."""
    rows = shop.stores
    return pa.table({
        "store_id": ids(rows["store_id"]),
        **{name: pa.array(rows[name], pa.string()) for name in ("name", "city", "province")},
        "channel": pa.array(rows["channel"], pa.string()),
        "opened_on": dates(rows["opened_on"]),
    })  # fmt: skip


def campaigns(shop: Catalogue) -> pa.Table:
    """Return the campaign plan."""
    rows = shop.campaigns
    return pa.table({
        "campaign_id": ids(rows["campaign_id"]),
        "name": pa.array(rows["name"], pa.string()),
        "channel": pa.array(rows["channel"], pa.string()),
        "starts_on": dates(rows["starts_on"]),
        "ends_on": dates(rows["ends_on"]),
        "budget": money(rows["budget"]),
        "target_segment": pa.array(rows["target_segment"], pa.string()),
    })  # fmt: skip


def orders(rows: Rows) -> pa.Table:
    """Return order versions as they land."""
    return pa.table({
        "order_id": ids(rows["order_id"]),
        "customer_id": ids(rows["customer"] + 1),
        "store_id": ids(rows["store_id"]),
        "campaign_id": ids(rows["campaign_id"]),
        "ordered_at": moments(rows["ordered_at"]),
        "status": words(STATUSES, rows["status"]),
        "discount": money(rows["discount"]),
        "order_total": money(rows["order_total"]),
        "updated_at": moments(rows["updated_at"]),
    })  # fmt: skip


def order_items(rows: Rows) -> pa.Table:
    """Return item versions as they land."""
    return pa.table({
        "order_id": ids(rows["order_id"]),
        "line_number": pa.array(rows["line_number"].astype(np.int32)),
        "product_id": ids(rows["product_id"]),
        "quantity": pa.array(rows["quantity"].astype(np.int32)),
        "unit_price": money(rows["unit_price"]),
        "updated_at": moments(rows["updated_at"], "us"),
    })  # fmt: skip


def web_events(rows: Rows) -> pa.Table:
    """Return events as they land."""
    day = pc.strftime(dates(rows["day"]), format="%Y%m%d")
    product = ids(rows["product_id"])
    kind = rows["type"]
    page = words(("", "/cart", "/checkout", "/thank-you"), kind)
    detail = pc.coalesce(join("/products/", product.cast(pa.string())), "/")
    return pa.table({
        "event_id": join("e-", day, "-", padded(rows["number"], 7)),
        "occurred_at": moments(rows["occurred_at"]),
        "event_type": words(TYPES, kind),
        "session_id": join("s-", day, "-", padded(rows["session"] + 1, 7)),
        "customer_id": ids(rows["customer_id"]),
        "product_id": product,
        "campaign_id": ids(rows["campaign_id"]),
        "page": pc.if_else(pa.array(kind == 0), detail, page),
        "device": words(DEVICES, rows["device"]),
    })  # fmt: skip
