"""Bounds are round, hold what was seen, and leave room by how much it varied."""

import random

import pytest

from assetops.quality.profile.bounds import (
    around,
    by_weekday,
    round_down,
    round_up,
    shares_around,
    two_digits,
)


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [(640, 600, 800), (0.07, 0.06, 0.08), (1, 1, 1), (0, 0, 0), (-640, -800, -600), (9.5, 8, 10)],
)
def test_round_numbers_lie_on_either_side(value: float, down: float, up: float) -> None:
    assert (round_down(value), round_up(value)) == (down, up)


def test_two_digits_are_rounded_outward() -> None:
    assert two_digits(0.4567, up=False) == 0.45
    assert two_digits(0.4567, up=True) == 0.46
    assert two_digits(1230, up=True) == 1300
    assert two_digits(0.3, up=False) == 0.3


def test_even_days_leave_less_room_than_uneven_ones() -> None:
    even, uneven = around([100, 101, 99] * 5), around([100, 160, 60] * 5)
    assert even == (82, 160)
    assert uneven[0] < 60 / 1.2 and uneven[1] > 160 * 1.4


def test_one_day_with_a_first_load_does_not_make_the_room_for_all_days_endless() -> None:
    low, high = around([3000, *[20, 22, 18] * 10])
    assert low >= 10
    assert high <= 5000


def test_a_few_days_say_little() -> None:
    assert around([90, 110]) == (30, 330)


def test_a_share_of_few_rows_has_more_room() -> None:
    few, many = shares_around([0.5] * 10, 50), shares_around([0.5] * 10, 5000)
    assert few[0] < many[0] < 0.5 < many[1] < few[1]


NOISE = random.Random(4)
WEEK = [100, 102, 98, 101, 120, 150, 40]


def test_where_weekdays_differ_each_has_bounds_of_its_own() -> None:
    days = [(n % 7, WEEK[n % 7] * (1 + n % 3 / 100)) for n in range(42)]
    bounds = by_weekday(days)
    assert all(bounds[day][0] <= figure <= bounds[day][1] for day, figure in days)
    # Half of a usual day is noticed on every weekday; on a Saturday that is more than a Sunday has.
    assert all(WEEK[day] / 2 < low for day, (low, _) in bounds.items())
    assert bounds[5][0] > max(figure for day, figure in days if day == 6)


@pytest.mark.parametrize(
    "days",
    [
        [(n % 7, NOISE.uniform(70, 130)) for n in range(56)],  # no weekly pattern
        [(n % 7, 100 if n % 7 else 10) for n in range(28)],  # four weeks
        [(n % 5, 100 + 50 * (n % 5)) for n in range(50)],  # no weekends
    ],
)
def test_where_weekdays_tell_little_there_is_one_bound(days: list[tuple[int, float]]) -> None:
    assert by_weekday(days) == {}
