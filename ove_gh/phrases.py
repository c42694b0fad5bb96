"""Everyday words for a time that comes again ↔ cron's five fields.

`read_phrase` takes a phrase apart into clauses, from left to right; each has one of the shapes in `_SHAPES`. Only what
is read to its last word counts, and only when its clauses make one rule together: better not read than guessed.

| clause | for example |
|---|---|
| how often in a day | `every 2 hours`, `hourly` |
| times of day | `at 9`, `at 9:30 and 17:30`, `5pm`, `at noon`; `in the evening` moves a bare hour |
| days of the week | `every weekday`, `mondays and thursdays`, `mon-fri`, `every weekend` |
| days of the month | `on the 1st and 15th of every month`, `on the last day of the month` |
| the one and the other | `on the first Monday of every month` |
| months and dates | `in January and July`, `every year on 1 March` |
| only how often | `daily`, `weekly`, `monthly`, `every year`: the day is another clause |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product

from cronsim import CronSim

from ove_gh.typesetting import code


@dataclass(frozen=True, slots=True)
class Unclear:
    """Certainly no rule that can be used; `reason` tells people, in Markdown, what is wrong and what to write."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotRead:
    """Nothing can be said about it here; somebody with more language may read it."""


LONGEST_PHRASE = 200
"""How many characters the words for a time can have."""

# --- the vocabulary ---

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_LAST = 9
"""The last one in a month, behind all that are counted."""
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10, "twelve": 12, "fifteen": 15, "thirty": 30}

_WEEKDAY_NUMBERS = {name.lower()[:length]: day for day, name in enumerate(_WEEKDAYS) for length in (3, None)} | {
    "tues": 2, "weds": 3, "thur": 4, "thurs": 4
}  # fmt: skip
_WEEKDAY_NUMBERS |= {f"{name.lower()}s": day for day, name in enumerate(_WEEKDAYS)}
_DAY_GROUPS = {
    **dict.fromkeys(("weekday", "workday", "working day", "business day"), frozenset(range(1, 6))),
    "weekend": frozenset({0, 6}),
}
_DAY_GROUPS |= {f"{name}s": days for name, days in _DAY_GROUPS.items()}
_MONTH_NUMBERS = {name.lower()[:length]: month for month, name in enumerate(_MONTHS, 1) for length in (3, None)} | {
    "sept": 9
}


def _one_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(sorted(map(re.escape, words), key=len, reverse=True))})"


_EVERY = r"(?:every|each|all)"
_LIST = r"(?:, ?and |, ?| and )"
_WEEKDAY = _one_of(_WEEKDAY_NUMBERS)
_DAYS = rf"(?:(?:from )?{_WEEKDAY} ?(?:-|to|through|thru) ?{_WEEKDAY}|{_one_of(_DAY_GROUPS)}|{_WEEKDAY})"
_MONTH = _one_of(_MONTH_NUMBERS)
_MONTH_LIST = rf"{_MONTH}(?:{_LIST}{_MONTH})*"
_ORDINAL = rf"(?:[0-9]{{1,2}}(?:st|nd|rd|th)|{_one_of(_ORDINALS)})"
_COUNT = rf"(?:[0-9]{{1,4}}|{_one_of(_COUNTS)})"
_EVERY_MONTH = r"(?:of|in) (?:the|a|each|every) month"
_CLOCK = r"(?:[0-9]{1,2}[:.][0-9]{2}(?:[:.][0-9]{2})?(?: ?[ap]m)?|[0-9]{1,2} ?[ap]m|noon|midday|midnight)"
_HOUR = rf"(?:{_CLOCK}|[0-9]{{1,2}})"


# --- clauses ---


@dataclass(frozen=True, slots=True)
class _Interval:
    """Several times in a day, evenly spaced: cron's first two fields."""

    minute: str
    hour: str


@dataclass(frozen=True, slots=True)
class _Times:
    """Times of day as they stand there; `bare` are hours that the part of the day may still move."""

    times: tuple[tuple[int, int], ...]
    bare: bool


@dataclass(frozen=True, slots=True)
class _PartOfDay:
    """`morning`, `afternoon`, `evening` or `night`; `repeats` says that it is meant of every day."""

    name: str
    repeats: bool


@dataclass(frozen=True, slots=True)
class _Weekdays:
    days: frozenset[int]
    repeats: bool


@dataclass(frozen=True, slots=True)
class _NthWeekday:
    """`field` is cron's day of the week; no `months` means every month."""

    field: str
    months: frozenset[int]
    repeats: bool


@dataclass(frozen=True, slots=True)
class _Dates:
    """`field` is cron's day of the month; `latest` the last of its days; no `months` means every month."""

    field: str
    latest: int
    months: frozenset[int]
    repeats: bool


@dataclass(frozen=True, slots=True)
class _Months:
    months: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Cadence:
    """`day`, `week`, `month` or `year`."""

    unit: str


_Clause = _Interval | _Times | _PartOfDay | _Weekdays | _NthWeekday | _Dates | _Months | _Cadence
_Read = _Clause | Unclear | None


def read_phrase(phrase: str) -> str | Unclear | NotRead:
    """Cron's five fields for an everyday phrase without a time zone.

    A phrase that is understood but leaves something open (the time, the day, whether it repeats) is `Unclear`.
    """
    text = _normalised(phrase)
    if not text or len(phrase) > LONGEST_PHRASE:
        return NotRead()
    clauses = _clauses(text)
    if isinstance(clauses, Unclear):
        return clauses
    if clauses is not None:
        return _composed(clauses)
    if _ONCE.search(text) and not _REPEATS.search(text):
        return Unclear(
            "A schedule repeats, and this is about one moment: say how often, for example `every Monday at 9`."
        )
    return NotRead()


def _normalised(phrase: str) -> str:
    text = re.sub(r"\*\*|__|[\"'`\u2018-\u201d]", "", phrase.casefold())
    text = re.sub(r"[\u2010-\u2014]", "-", text).replace("&", " and ")
    text = re.sub(r"(?<=[0-9 ])([ap])\.m\b\.?", r"\1m", text)
    text = re.sub(r" ?\bo ?clock\b", "", text)
    return " ".join(text.split()).strip(" .,;:")


_ONCE = re.compile(
    r"\b(?:today|tonight|tomorrow|now|immediately|once|later|soon|next|this|in (?:an?|[0-9]+|[a-z]+) "
    rf"(?:minute|hour|day|week|month|year)s?|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{_MONTH} [0-9]{{1,2}})\b"
)
_REPEATS = re.compile(r"\b(?:every|each|all|(?:week|month|year|dai|night|hour|minute|annual|quarter)ly|[a-z]+days)\b")


def _clauses(text: str) -> Sequence[_Clause] | Unclear | None:
    """The clauses of a phrase, None when one of its words belongs to none."""
    clauses: list[_Clause] = []
    position = 0
    while position < len(text):
        for shape, read in _SHAPES:
            match = shape.match(text, position)
            clause = read(match) if match else None
            if isinstance(clause, Unclear):
                return clause
            if match and clause is not None:
                clauses.append(clause)
                position = match.end()
                break
        else:
            return None
    return clauses


def _weekdays(match: re.Match[str]) -> _Read:
    days: set[int] = set()
    repeats = bool(re.search(rf"\b{_EVERY}\b", match[0]))
    for item in re.findall(_DAYS, match[0]):
        ends = re.fullmatch(rf"(?:from )?({_WEEKDAY}) ?(?:-|to|through|thru) ?({_WEEKDAY})", item)
        if ends:
            first, last = _WEEKDAY_NUMBERS[ends[1]], _WEEKDAY_NUMBERS[ends[2]]
            days.update((first + step) % 7 for step in range((last - first) % 7 + 1))
        else:
            days.update(_DAY_GROUPS.get(item) or {_WEEKDAY_NUMBERS[item]})
        repeats = repeats or bool(ends) or item.endswith("days") or item == "weekends"
    return _Weekdays(frozenset(days), repeats)


def _nth_weekday(match: re.Match[str]) -> _Read:
    day = _WEEKDAY_NUMBERS[match["weekday"]]
    which = re.findall(rf"last|{_ORDINAL}", match["which"])
    months = _months_in(match["months"])
    each_month = bool(match["each"])
    numbers = [_LAST if word == "last" else _ordinal(word) for word in which]
    if _says_every(match) and not each_month and not months and numbers not in ([1], [_LAST]):
        return _COUNTED  # "every third Monday" may also be every 21 days
    if not set(numbers) <= {1, 2, 3, 4, _LAST}:
        name = _WEEKDAYS[day]
        return Unclear(
            f"Not every month has more than four {name}s: write for example `on the last {name} of every month at 9`."
        )
    field = ",".join(f"{day}L" if number == _LAST else f"{day}#{number}" for number in sorted(set(numbers)))
    return _NthWeekday(field, months, each_month or _says_every(match))


def _dates(match: re.Match[str]) -> _Read:
    words = match["dates"]
    groups = match.groupdict()
    months = _months_in(groups.get("months"))
    repeats = bool(groups.get("each")) or (bool(months) and _says_every(match))
    if "last" in words:
        return _Dates("L" if words.endswith("last day") else "LW", 0, months, repeats)
    days = sorted({_ordinal(word) for word in re.findall(rf"{_ORDINAL}|(?<=day )[0-9]+", words)})
    return _date_clause(days, months, repeats)


def _date_in_year(match: re.Match[str]) -> _Read:
    months = _months_in(match["before"] or match["after"])
    day = _ordinal(match["day_before"] or match["day_after"])
    return _date_clause([day], months, _says_every(match))


def _date_clause(days: Sequence[int], months: frozenset[int], repeats: bool) -> _Read:
    if not 1 <= days[0] <= days[-1] <= 31:
        return Unclear("A month has the days 1 to 31: write for example `on the 15th of every month at 9`.")
    return _Dates(",".join(map(str, days)), days[-1], months, repeats)


def _says_every(match: re.Match[str]) -> bool:
    return bool(re.match(rf"(?:on )?{_EVERY}\b", match[0].lstrip(" ,")))


def _months_in(words: str | None) -> frozenset[int]:
    return frozenset(_MONTH_NUMBERS[word] for word in re.findall(_MONTH, words or ""))


def _ordinal(word: str) -> int:
    return _ORDINALS.get(word) or int(re.sub(r"[^0-9]", "", word))


def _interval(match: re.Match[str]) -> _Read:
    count = _COUNTS.get(match["count"] or "1") or int(match["count"] or "1")
    unit = match["unit"] or "hour"
    if (unit, count) in (("hour", 1), ("minute", 60)):
        return _Interval("0", "*")
    whole = 24 if unit == "hour" else 60
    if count < 1 or count >= whole or whole % count:
        steps = [step for step in range(1, whole) if whole % step == 0]
        nearest = min(steps[1:], key=lambda step: abs(step - count))
        return Unclear(
            f"A rule can only repeat in steps that fit evenly into {'a day' if unit == 'hour' else 'an hour'}: take "
            f"{', '.join(map(str, steps[:-1]))} or {steps[-1]} {unit}s, for example `every {nearest} {unit}s`."
        )
    step = "*" if count == 1 else f"*/{count}"
    return _Interval("0", step) if unit == "hour" else _Interval(step, "*")


def _times(match: re.Match[str]) -> _Read:
    words = re.findall(_HOUR, match[0])
    times = []
    for word in words:
        time = _time(word)
        if isinstance(time, Unclear):
            return time
        times.append(time)
    bare = [word.isdecimal() for word in words]
    if any(bare) and any(word.endswith("m") and word[0].isdecimal() for word in words):
        return None  # "at 8 and 9pm": is 8 in the morning?
    return _Times(tuple(times), all(bare))


def _time(word: str) -> tuple[int, int] | Unclear:
    if word in ("noon", "midday", "midnight"):
        return (0 if word == "midnight" else 12), 0
    hour, *rest = map(int, re.findall("[0-9]+", word))
    half = word[-2:] if word.endswith("m") else ""
    if len(rest) > 1:
        return _SECONDS
    minute = rest[0] if rest else 0
    if minute > 59 or hour > 23 or (half and not 1 <= hour <= 12):
        return Unclear(f"{code(word)} is no time of day: write for example `at 9:30` or `at 5pm`.")
    return (hour % 12 + (12 if half == "pm" else 0) if half else hour), minute


def _part_of_day(match: re.Match[str]) -> _Read:
    return _PartOfDay(match["part"] or "night", _says_every(match) or match[0].endswith("nightly"))


def _cadence(match: re.Match[str]) -> _Read:
    return _Cadence(next(unit for word, unit in _UNITS.items() if word in match[0]))


_UNITS = {"day": "day", "daily": "day", "week": "week", "month": "month", "year": "year", "annual": "year"}


_COUNTED = Unclear(
    "I cannot count days, weeks or months from one run to the next: name the days, for example `every Monday at 9` or "
    "`on the 1st and 15th of every month at 9`."
)
_SECONDS = Unclear("I cannot keep time to the second: say it in minutes or hours, for example `every 30 minutes`.")

_ON = rf"(?:(?:on )?{_EVERY} |on )?(?:the )?"
_OF = rf"(?: (?P<each>{_EVERY_MONTH})| (?:of|in) (?P<months>{_MONTH_LIST}))?"
_SHAPES: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], _Read]]] = [
    (re.compile(rf"[ ,]*(?:{shape})(?=[ ,]|$)"), read)
    for shape, read in (
        (rf"{_ON}(?P<which>(?:last|{_ORDINAL})(?:{_LIST}(?:the )?(?:last|{_ORDINAL}))*) (?P<weekday>{_WEEKDAY}){_OF}",
         _nth_weekday),
        (rf"{_ON}(?P<dates>last (?:day|weekday|workday|working day|business day)){_OF}", _dates),
        (rf"{_ON}(?P<dates>{_ORDINAL}(?: day)?(?:{_LIST}(?:the )?{_ORDINAL})*|day [0-9]{{1,2}})"
         rf"(?: (?P<each>{_EVERY_MONTH})| of (?P<months>{_MONTH_LIST}))", _dates),
        (rf"{_ON}(?:(?P<day_before>{_ORDINAL}|[0-9]{{1,2}}) (?:of )?(?P<before>{_MONTH})"
         rf"|(?P<after>{_MONTH}) (?:the )?(?P<day_after>{_ORDINAL}|[0-9]{{1,2}}))", _date_in_year),
        (rf"every (?:other|{_COUNT}|{_ORDINAL}) (?:day|week|weekday|weekend|month|quarter|year|{_WEEKDAY})s?"
         r"|bi-?weekly|bi-?monthly|fortnightly|every fortnight", lambda _: _COUNTED),
        (rf"{_ON}(?P<dates>{_ORDINAL}(?:{_LIST}(?:the )?{_ORDINAL})*|day [0-9]{{1,2}})",
         _dates),
        (rf"{_EVERY} (?:{_COUNT} )?seconds?", lambda _: _SECONDS),
        (rf"(?:{_EVERY} (?:(?P<count>{_COUNT}) )?(?P<unit>minute|hour)s?|hourly|once (?:an|per) hour)", _interval),
        (rf"{_EVERY}(?: single)? (?:day|week|month|year)|daily|weekly|monthly|yearly|annually"
         r"|once (?:a|per|every) (?:day|week|month|year)", _cadence),
        (rf"(?:(?:in the |{_EVERY} )?(?P<part>morning|afternoon|evening|night)|at night|nightly)", _part_of_day),
        (rf"(?:(?:on )?{_EVERY} |on )?{_DAYS}(?:(?:{_LIST}|/)(?:{_EVERY} |on )?{_DAYS})*", _weekdays),
        (rf"(?:in|{_EVERY}) (?P<months>{_MONTH_LIST})", lambda match: _Months(_months_in(match["months"]))),
        (rf"(?:at |@ ?){_HOUR}(?:{_LIST}(?:at )?{_HOUR})*|{_CLOCK}(?:{_LIST}(?:at )?{_HOUR})*", _times),
    )
]  # fmt: skip


# --- what the clauses make together ---


def _composed(clauses: Sequence[_Clause]) -> str | Unclear | NotRead:
    by_kind = {type(clause): clause for clause in clauses}
    if len(by_kind) < len(clauses):
        return NotRead()
    days = _day_fields(clauses)
    if not isinstance(days, str):
        return days
    time = _time_fields(clauses)
    if isinstance(time, Unclear | NotRead):
        return time
    example = f"{time or '0 9'} {days}"
    if not any(isinstance(clause, _Interval | _Cadence) or _repeats(clause) for clause in clauses):
        return Unclear(f"I do not see how often: write for example `{write_phrase(example)}`.")
    if not time:
        return Unclear(f"I do not see at what time: write for example `{write_phrase(example)}`.")
    return example


def _repeats(clause: _Clause) -> bool:
    return isinstance(clause, _Weekdays | _NthWeekday | _Dates | _PartOfDay) and clause.repeats


def _day_fields(clauses: Sequence[_Clause]) -> str | Unclear | NotRead:
    """Cron's last three fields."""
    named = [clause for clause in clauses if isinstance(clause, _Weekdays | _NthWeekday | _Dates)]
    only_months = next((clause.months for clause in clauses if isinstance(clause, _Months)), frozenset())
    cadence = next((clause.unit for clause in clauses if isinstance(clause, _Cadence)), None)
    if len(named) > 1:
        return Unclear(
            "One rule cannot hold both a day of the week and a day of the month: choose one, for example `every Friday "
            "at 9` or `on the 13th of every month at 9`."
        )
    if not named:
        if cadence in _NO_DAY:
            return _NO_DAY[cadence]
        return f"* {_field(only_months)} *" if cadence or not only_months or _has_interval(clauses) else NotRead()
    days = named[0]
    months = only_months if isinstance(days, _Weekdays) else days.months or only_months
    if not _fits(cadence, days, months):
        return _NO_DAY["month"] if cadence == "month" and isinstance(days, _Weekdays) else NotRead()
    if not isinstance(days, _Weekdays) and days.months and only_months:
        return NotRead()
    if isinstance(days, _Dates):
        return _missing_date(days.latest, months) or f"{days.field} {_field(months)} *"
    return f"* {_field(months)} {_weekday_field(days.days) if isinstance(days, _Weekdays) else days.field}"


def _missing_date(day: int, months: frozenset[int]) -> Unclear | None:
    if months and day > max(_LONGEST[month] for month in months):
        return NEVER
    if day > 28 and not months:
        return Unclear(
            f"Not every month has the day {day}: take one up to 28, or write `on the last day of every month at 9`."
        )
    return None


_LONGEST = {month: 29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31 for month in range(1, 13)}
NEVER = Unclear("No calendar has that day: choose another one, for example `on the 1st of every month at 9`.")

_NO_DAY = {
    "week": Unclear("I do not see on which day of the week: write for example `every Monday at 9`."),
    "month": Unclear("I do not see on which day of the month: write for example `on the 1st of every month at 9`."),
    "year": Unclear("I do not see on which day of the year: write for example `every year on 1 March at 9`."),
}


def _has_interval(clauses: Sequence[_Clause]) -> bool:
    return any(isinstance(clause, _Interval) for clause in clauses)


def _fits(cadence: str | None, days: _Weekdays | _NthWeekday | _Dates, months: frozenset[int]) -> bool:
    match cadence:
        case None:
            return True
        case "week":
            return isinstance(days, _Weekdays)
        case "month":
            return not isinstance(days, _Weekdays) and not months
        case "year":
            return not isinstance(days, _Weekdays) and bool(months)
    return False


def _time_fields(clauses: Sequence[_Clause]) -> str | Unclear | NotRead:
    """Cron's first two fields; empty when no time is named."""
    interval = next((clause for clause in clauses if isinstance(clause, _Interval)), None)
    times = next((clause for clause in clauses if isinstance(clause, _Times)), None)
    part = next((clause.name for clause in clauses if isinstance(clause, _PartOfDay)), None)
    if interval is not None:
        return NotRead() if times or part else f"{interval.minute} {interval.hour}"
    if times is None:
        return NotRead() if part else ""
    moments = {(_hour_within(part, hour, times.bare), minute) for hour, minute in times.times}
    hours = frozenset(hour for hour, _ in moments if hour is not None)
    minutes = frozenset(minute for _, minute in moments)
    if any(hour is None for hour, _ in moments):
        return NotRead()
    if len(moments) < len(hours) * len(minutes):
        return Unclear(
            "One rule has the same minutes in each of its hours: take such times, for example `every day at 9:30 and "
            "17:30`, or make two schedules."
        )
    return f"{_field(minutes)} {_field(hours)}"


def _hour_within(part: str | None, hour: int, bare: bool) -> int | None:
    """The hour of the day that is meant with this part of it, None when they do not go together."""
    if part is None:
        return hour
    candidates = (hour, hour + 12) if bare and 0 < hour < 12 else (hour,)
    return next((candidate for candidate in candidates if candidate in _HOURS_OF[part]), None)


_HOURS_OF = {
    "morning": range(1, 12),
    "afternoon": range(12, 19),
    "evening": range(16, 24),
    "night": (*range(20, 24), *range(5)),
}


def _field(values: frozenset[int]) -> str:
    return ",".join(map(str, sorted(values))) or "*"


def _weekday_field(days: frozenset[int]) -> str:
    first, last = min(days), max(days)
    if len(days) == 7:
        return "*"
    return f"{first}-{last}" if last - first + 1 == len(days) > 2 else _field(days)


# --- the way back ---

_ALL_DATES = frozenset(range(1, 32))
_ALL_WEEKDAYS = frozenset(range(7))
_ANY_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_NAMED = 5
"""How many times or days are named one by one."""


def write_phrase(cron: str) -> str:
    """A valid cron rule in words, such as `every weekday at 09:00`; uncommon ones as cronsim explains them."""
    rule = CronSim(cron, _ANY_MOMENT)
    minute, hour, *_ = fields = cron.upper().split()
    weekdays = _weekdays_of(rule)
    if not rule.day_and and (rule.days >= _ALL_DATES or weekdays >= _ALL_WEEKDAYS):
        return write_phrase(f"{minute} {hour} * {fields[3]} *")  # one of two conditions that always holds
    days = _days_in_words(rule, weekdays)
    often = _interval_in_words(rule, hour)
    times = _times_in_words(rule)
    if days is not None and often is not None:
        return often if days == "every day" else f"{often}, {days}"
    if days is not None and times is not None:
        return f"{days} at {times}"
    explained = rule.explain()
    explained = re.sub(r"\b([2-5]?)([123])th\b", lambda number: _numbered(int(number[1] + number[2])), explained)
    return explained[0].lower() + explained[1:]


def _weekdays_of(rule: CronSim) -> frozenset[int | tuple[int, int]]:
    return frozenset((day[0] % 7, day[1]) if isinstance(day, tuple) else day % 7 for day in rule.weekdays)


def _days_in_words(rule: CronSim, weekdays: frozenset[int | tuple[int, int]]) -> str | None:
    every_date, every_weekday = rule.days == _ALL_DATES, weekdays == _ALL_WEEKDAYS
    months = "" if len(rule.months) == 12 else _names([_MONTHS[month - 1] for month in sorted(rule.months)])
    if every_date and every_weekday:
        return f"every day in {months}" if months else "every day"
    if every_date and all(isinstance(day, int) for day in weekdays):
        plain = [day for day in (*range(1, 7), 0) if day in weekdays]
        words = "every weekday" if plain == [1, 2, 3, 4, 5] else f"every {_names([_WEEKDAYS[day] for day in plain])}"
        return f"{words} in {months}" if months else words
    which = _nth_in_words(weekdays) if every_date else _dates_in_words(rule) if every_weekday else None
    if which is not None:
        date = re.fullmatch(r"the ([0-9]+)(?:st|nd|rd|th)", which)
        if len(rule.months) == 1 and date:
            return f"every year on {date[1]} {months}"
        return f"every year on {which} of {months}" if months else f"on {which} of every month"
    return None


def _nth_in_words(weekdays: frozenset[int | tuple[int, int]]) -> str | None:
    nth = [day for day in weekdays if isinstance(day, tuple)]
    names = {_WEEKDAYS[day] for day, _ in nth}
    if len(nth) < len(weekdays) or len(names) > 1:
        return None
    ordinals = {number: word for word, number in _ORDINALS.items()} | {CronSim.LAST: "last"}
    places = [ordinals[number] for number in ordinals if number in {number for _, number in nth}]
    return f"the {_names(places)} {names.pop()}"


def _dates_in_words(rule: CronSim) -> str | None:
    if rule.days == {CronSim.LAST}:
        return "the last day"
    if rule.days == {CronSim.LAST_WEEKDAY}:
        return "the last weekday"
    if min(rule.days) < 1 or len(rule.days) > _MOST_NAMED:
        return None
    return f"the {_names([_numbered(day) for day in sorted(rule.days)])}"


def _interval_in_words(rule: CronSim, hour_field: str) -> str | None:
    minutes, hours = sorted(rule.minutes), sorted(rule.hours)
    if len(hours) == 24:
        step = 60 // len(minutes)
        if minutes != list(range(0, 60, step)):
            return None
        return "every hour" if step == 60 else "every minute" if step == 1 else f"every {step} minutes"
    step = 24 // len(hours)
    if minutes == [0] and hour_field.startswith("*/") and 1 < step < 12 and hours == list(range(0, 24, step)):
        return f"every {step} hours"
    if len(minutes) == 1 and len(hours) > _MOST_NAMED and hours == list(range(hours[0], hours[-1] + 1)):
        return f"every hour from {hours[0]:02}:{minutes[0]:02} to {hours[-1]:02}:{minutes[0]:02}"
    return None


def _times_in_words(rule: CronSim) -> str | None:
    times = [f"{hour:02}:{minute:02}" for hour, minute in product(sorted(rule.hours), sorted(rule.minutes))]
    return _names(times) if len(times) <= _MOST_NAMED else None


def _numbered(day: int) -> str:
    ending = "th" if 10 < day % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def _names(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
