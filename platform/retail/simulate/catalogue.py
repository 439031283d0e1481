"""What the shop has on the first day and plans: products, stores and campaigns, whatever --days."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from retail.simulate.draws import Floats, Ints, Rows, Stream, dice, pick_at, spread

PLANNED_DAYS = 1096  # products' and campaigns' dates are planned this far ahead of the start
PRODUCTS_PER_CATEGORY = 30
CATEGORIES: dict[str, tuple[str, ...]] = {
    "Kitchen": ("Kettle", "Skillet", "Chopping board", "Teapot", "Bowl set"),
    "Home": ("Lamp", "Cushion", "Wool blanket", "Mirror", "Vase"),
    "Garden": ("Planter", "Pruner", "Watering can", "Lantern", "Seed box"),
    "Clothing": ("Shirt", "Parka", "Jumper", "Scarf", "Boots"),
    "Sports": ("Yoga mat", "Racket", "Bottle", "Daypack", "Skates"),
    "Toys": ("Puzzle", "Train set", "Kite", "Board game", "Doll"),
    "Books": ("Cookbook", "Atlas", "Novel", "Field guide", "Notebook"),
    "Beauty": ("Soap", "Candle", "Hand cream", "Brush", "Balm"),
}
_MAKES = ("Maple", "Harbour", "Aurora", "Prairie", "Cedar", "Tundra")
# (name, city, province, channel, share of orders)
STORES = (
    ("Online shop", "Toronto", "ON", "online", 0.70),
    ("Queen Street", "Toronto", "ON", "shop", 0.07),
    ("Plateau", "Montréal", "QC", "shop", 0.06),
    ("Gastown", "Vancouver", "BC", "shop", 0.05),
    ("Kensington", "Calgary", "AB", "shop", 0.04),
    ("ByWard Market", "Ottawa", "ON", "shop", 0.03),
    ("Vieux-Québec", "Québec", "QC", "shop", 0.02),
    ("Waterfront", "Halifax", "NS", "shop", 0.02),
    ("The Forks", "Winnipeg", "MB", "shop", 0.01),
)
CHANNELS = ("email", "search", "social", "display", "affiliate")
TARGETS = ("all", "new", "high_value", "medium_value", "low_value", "churned")
_THEMES = ("essentials", "favourites", "gift guide", "clearance", "new arrivals", "weekend deals")
_AVERAGE_ORDER = 8000  # cents; campaign budgets are sized by it


@dataclass(frozen=True)
class Catalogue:
    """Products (cheapest first), stores and campaigns as columns; money in cents, days as ints."""

    products: Rows
    popularity: Floats
    stores: Rows
    campaigns: Rows

    def on_sale(self, day: int) -> Ints:
        """Return the rows of the products that can be bought on a day."""
        gone = self.products["discontinued_on"]
        sold = (self.products["launched_on"] <= day) & ((gone == 0) | (gone > day))
        return np.flatnonzero(sold)

    def running(self, day: int) -> Ints:
        """Return the rows of the campaigns that run on a day."""
        first, last = self.campaigns["starts_on"], self.campaigns["ends_on"]
        return np.flatnonzero((first <= day) & (day <= last))


def draw_catalogue(seed: int, first: int, orders_per_day: int) -> Catalogue:
    """Return the catalogue of a shop that opens its books on day `first` (days since 1970)."""
    products, popularity = _products(dice(seed, 0, Stream.PRODUCTS), first)
    campaigns = _campaigns(dice(seed, 0, Stream.CAMPAIGNS), first, orders_per_day)
    return Catalogue(products, popularity, _stores(first), campaigns)


def _products(rng: np.random.Generator, first: int) -> tuple[Rows, Floats]:
    names, categories = [], []
    for category, things in CATEGORIES.items():
        for make in _MAKES:
            names += [f"{make} {thing.lower()}" for thing in things]
            categories += [category] * len(things)
    count = len(names)
    price = np.exp(np.log(24) + 1.8 * (spread(rng, count) - 0.5))
    cents = (np.round(price).astype(np.int64) * 100 - rng.choice([1, 5, 50], count)).clip(199)
    launched = first - rng.integers(30, 1400, count)
    later = rng.random(count) < 0.10
    launched[later] = first + rng.integers(1, PLANNED_DAYS, int(later.sum()))
    gone = np.where(rng.random(count) < 0.12, first + rng.integers(-25, PLANNED_DAYS, count), 0)
    gone[later] = 0
    order = np.argsort(cents, kind="stable")
    rows: Rows = {
        "product_id": order.astype(np.int64) + 1,
        "name": np.asarray(names)[order],
        "category": np.asarray(categories)[order],
        "unit_cost": np.round(cents * rng.uniform(0.42, 0.68, count)).astype(np.int64)[order],
        "unit_price": cents[order],
        "launched_on": launched[order],
        "discontinued_on": gone[order],
    }
    return rows, rng.pareto(2.5, count)[order] + 0.3


def _stores(first: int) -> Rows:
    name, city, province, channel, share = zip(*STORES, strict=True)
    count = np.arange(len(STORES), dtype=np.int64)
    return {
        "store_id": count + 1,
        "name": np.asarray(name),
        "city": np.asarray(city),
        "province": np.asarray(province),
        "channel": np.asarray(channel),
        "opened_on": first - 2600 + 211 * count,
        "share": np.asarray(share),
    }


def _campaigns(rng: np.random.Generator, first: int, orders_per_day: int) -> Rows:
    starts, day = [], first - 12
    while day < first + PLANNED_DAYS:
        starts.append(day)
        day += int(rng.integers(6, 20))
    count = len(starts)
    starts_on = np.asarray(starts, dtype=np.int64)
    length = rng.integers(7, 29, count)
    lift = rng.uniform(0.02, 0.06, count)
    target = pick_at(rng.random(count), np.asarray([0.30, 0.15, 0.15, 0.15, 0.10, 0.15]))
    channel = pick_at(rng.random(count), np.asarray([0.30, 0.22, 0.22, 0.14, 0.12]))
    # An e-mail needs an address: those who are not customers yet are reached in other ways.
    channel[(target == TARGETS.index("new")) & (channel == CHANNELS.index("email"))] = 1
    worth = orders_per_day * lift * length * _AVERAGE_ORDER * rng.uniform(0.10, 0.45, count)
    names = [_campaign_name(rng, *pair) for pair in zip(starts, channel, strict=True)]
    return {
        "campaign_id": np.arange(1, count + 1, dtype=np.int64),
        "name": np.asarray(names),
        "channel": np.asarray(CHANNELS)[channel],
        "starts_on": starts_on,
        "ends_on": starts_on + length - 1,
        "budget": np.maximum(np.round(worth / 1000) * 1000, 5000).astype(np.int64),
        "target_segment": np.asarray(TARGETS)[target],
        "lift": lift,
    }


def _campaign_name(rng: np.random.Generator, start: int, channel: int) -> str:
    day = date.fromordinal(start + date(1970, 1, 1).toordinal())
    season = ("Winter", "Spring", "Summer", "Autumn")[day.month % 12 // 3]
    return f"{season} {rng.choice(_THEMES)} {CHANNELS[channel]} {day:%Y-%m-%d}"
