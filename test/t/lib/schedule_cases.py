"""Cases for next_run(): made, and judged by croniter and by walking through time.

schedule_cases.py make COUNT        writes lines: number, schedule, time (UTC), time zone, starts_at; tab-separated
schedule_cases.py judge < ANSWERS   reads the same lines with next_run()'s answer (UTC or \\N) added, and writes
                                    per case: verdict, the line, croniter's answer, the walk's answer, reason

A verdict is "same" (croniter says the same), "rule" (the walk says what next_run() says, croniter something
else, for a reason that is known), "count" (counting says the same) or "WRONG". The walk is the rule itself,
minute by minute of real time:

- a minute runs if the schedule names its local time; if the hour field leaves an hour out, only when
  the clock shows that time for the first time;
- the first minute after a gap also runs when the schedule names a time that the clock skipped.

"every" and "at", which croniter does not know, are judged by counting from starts_at one by one.

It shares nothing with the code that it judges: it has another reader of schedules, and time zones by zoneinfo.
"""
import random
import re
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytz
from croniter import croniter, CroniterBadDateError

UTC = timezone.utc
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SEED = 20261123
COUNTED = 6             # one in so many cases is of "every" or "at"
WALKED_ANYWAY = 20      # one in so many cases is walked though croniter says the same

# Whole and half hours, two hours, a skipped day, changes at midnight and on both hemispheres.
ZONES = """UTC Africa/Cairo Africa/Casablanca America/Asuncion America/Havana America/New_York America/Sao_Paulo
America/St_Johns Antarctica/Troll Asia/Beirut Asia/Gaza Asia/Kathmandu Asia/Kolkata Asia/Tehran
Australia/Lord_Howe Australia/Sydney Europe/Lisbon Europe/London Europe/Warsaw Pacific/Apia Pacific/Chatham
Pacific/Kwajalein""".split()
ZONE = {name: ZoneInfo(name) for name in ZONES}

MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split()
WEEKDAYS = 'sun mon tue wed thu fri sat'.split()
WORDS = {'@hourly': '0 * * * *', '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@weekly': '0 0 * * 0',
         '@monthly': '0 0 1 * *', '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *'}
FIELDS = [(0, 59, None), (0, 23, None), (1, 31, None), (1, 12, MONTHS), (0, 7, WEEKDAYS)]


# ---------------------------------------------------------------- lines

def time_of(text):
    """A time as PostgreSQL writes it in UTC, None for NULL."""
    return None if text == '\\N' else datetime.strptime(text, '%Y-%m-%d %H:%M:%S+00').replace(tzinfo=UTC)


def text_of(time):
    return time.strftime('%Y-%m-%d %H:%M:%S+00') if time else '\\N'


# ---------------------------------------------------------------- making

def changes(zone, first, last):
    """Minutes of UTC at which the zone's clock changes, found by halving days."""
    found = []
    day = first
    while day < last:
        low, high = day, day + DAY
        before, after = (t.astimezone(zone).utcoffset() for t in (low, high))
        if before != after:
            while high - low > MINUTE:
                middle = low + (high - low) // MINUTE // 2 * MINUTE
                if middle.astimezone(zone).utcoffset() == before:
                    low = middle
                else:
                    high = middle
            found.append(high)
        day += DAY
    return found


def value(chance, field, number):
    """A field's value, as a number or a name."""
    names = FIELDS[field][2]
    if names is None or chance.random() < 0.5 or number == 7:
        return str(number)
    name = names[number - FIELDS[field][0]]
    return chance.choice([name, name.upper(), name.capitalize()])


def item(chance, field):
    low, high, _ = FIELDS[field]
    kind = chance.random()
    if kind < 0.55:
        return value(chance, field, chance.randint(low, high))
    first, last = sorted(chance.sample(range(low, high + 1), 2))
    if kind < 0.75:
        return value(chance, field, first) + '-' + value(chance, field, last)
    if kind < 0.88:
        return '%s-%s/%d' % (value(chance, field, first), value(chance, field, last), chance.randint(1, max(1, high // 3)))
    if kind < 0.96:
        return '*/%d' % chance.randint(1, high)
    return '%d/%d' % (first, chance.randint(1, high))


def make_field(chance, field, star):
    if chance.random() < star:
        return '*'
    return ','.join(item(chance, field) for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 5])))


def schedule(chance, hours):
    """A cron schedule; now and then its hour is one of "hours", which the clock skips or shows twice."""
    if chance.random() < 0.03:
        return chance.choice(sorted(WORDS))
    fields = [make_field(chance, field, star) for field, star in enumerate((0.2, 0.3, 0.55, 0.65, 0.6))]
    if hours and chance.random() < 0.6:
        fields[1] = str(chance.choice(hours))
        if chance.random() < 0.7:
            fields[2:] = '***'
    return ' '.join(fields)


def counted(chance, number, change, zone):
    """A schedule of "every" or "at", the time to look from and starts_at; near a change of the clock."""
    near = change + timedelta(minutes=chance.randint(-300, 300))
    if number % 2:
        local = near.astimezone(chance.choice([zone, UTC])).replace(tzinfo=None)
        offset = chance.choice(['', '', '', 'Z', '+05:30', '-0330'])
        return 'at %s%s' % (local.isoformat(chance.choice('T ')), offset), near - chance.randint(-1, 2) * DAY, None
    months, days, minutes = (chance.choice([0, 0, 1, chance.randint(0, most)]) for most in (14, 40, 3000))
    if not months and not days and not minutes:
        days = 1
    words = [(months, 'month'), (days, 'days'), (minutes, 'min')]
    chance.shuffle(words)
    text = 'every ' + ' '.join('%d %s' % word for word in words if word[0])
    start = near - chance.randint(0, 60) * (months * 30 * DAY + days * DAY + minutes * MINUTE)
    if chance.random() < 0.3:
        start += timedelta(seconds=chance.randint(0, 59))
    return text, near - chance.randint(0, 2) * DAY, start


def make(count):
    chance = random.Random(SEED)
    first, last = datetime(1990, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)     # pytz ends in 2037
    changed = {name: changes(zone, first, last) for name, zone in ZONE.items()}
    for number in range(count):
        name = chance.choice(ZONES)
        hours = []
        if changed[name] and chance.random() < 0.6:
            change = chance.choice(changed[name])
            hours = [(change + timedelta(minutes=30 * i)).astimezone(ZONE[name]).hour for i in range(-4, 4)]
            hours_before, hours_after = chance.choice([(48, 4), (48, 4), (1, 2)])
            after = change + timedelta(seconds=chance.randint(-hours_before * 3600, hours_after * 3600))
        else:
            after = first + timedelta(seconds=chance.randint(0, int((last - first).total_seconds())))
        if chance.random() < 0.5:
            after = after.replace(second=0)
        text, start = schedule(chance, hours), None
        if number % COUNTED == 0:
            change = chance.choice(changed[name]) if changed[name] else after
            text, after, start = counted(chance, number // COUNTED, change, ZONE[name])
        elif chance.random() < 0.1:
            start = after + timedelta(minutes=chance.randint(-1000, 1000))
        print(number, text, text_of(after), name, text_of(start), sep='\t')


# ---------------------------------------------------------------- counting

def instant(local, zone):
    """What a local time stands for: the first of two, or the end of the gap that it is in."""
    time = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if time.astimezone(zone).replace(tzinfo=None, fold=0) == local:
        return time
    low, high = time - 2 * DAY, time        # the gap ends in between: to the second
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == time.astimezone(zone).utcoffset():
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def count(text, zone, after, start):
    """The next time of "every" or "at": from starts_at on one by one."""
    kind, rest = text.split(' ', 1)
    if kind == 'at':
        match = re.match(r'(.{10}).(.{5,8}?)(Z|[+-]\d\d:?\d\d)?$', rest)
        local = datetime.fromisoformat(match.group(1) + ' ' + match.group(2))
        if match.group(3) is None:
            time = instant(local, zone)
        else:
            time = datetime.strptime(local.isoformat() + match.group(3), '%Y-%m-%dT%H:%M:%S%z').astimezone(UTC)
        return time if time > after else None
    parts = {unit: int(number) for number, unit in re.findall(r'(\d+) (month|days|min)', rest)}
    months, days, minutes = (parts.get(unit, 0) for unit in ('month', 'days', 'min'))
    first = start.astimezone(zone).replace(tzinfo=None)
    time, k = start, 0
    while time <= after:
        k += 1
        time = start
        if months or days:
            month = first.month - 1 + k * months
            day = first.replace(year=first.year + month // 12, month=month % 12 + 1, day=1)
            last = (day.replace(day=28) + 4 * DAY).replace(day=1) - DAY
            time = instant(day.replace(day=min(first.day, last.day)) + k * days * DAY, zone)
        time += k * minutes * MINUTE
    return time


# ---------------------------------------------------------------- walking

def number_of(text, field):
    names = FIELDS[field][2]
    return FIELDS[field][0] + names.index(text.lower()) if not text.isdigit() else int(text)


def read_field(text, field):
    low, high, _ = FIELDS[field]
    allowed = set()
    for part in text.split(','):
        range_, _, step = part.partition('/')
        first, _, last = range_.partition('-')
        if first == '*':
            first, last = low, high
        else:
            first = number_of(first, field)
            last = number_of(last, field) if last else high if step else first
        allowed.update(range(first, last + 1, int(step or 1)))
    return {number % 7 for number in allowed} if field == 4 else allowed


class Walk:
    def __init__(self, text):
        parts = WORDS.get(text, text).split()
        self.minutes, self.hours, self.days, self.months, self.weekdays = (
            read_field(part, field) for field, part in enumerate(parts))
        self.spelled_out = parts[2] != '*' and parts[4] != '*' and (len(self.days) == 31 or len(self.weekdays) == 7)
        self.each_hour = len(self.hours) == 24
        self.either = len(self.days) < 31 and len(self.weekdays) < 7

    def on_day(self, date):
        if date.month not in self.months:
            return False
        found = [date.day in self.days, date.isoweekday() % 7 in self.weekdays]
        return any(found) if self.either else all(found)

    def days_come(self):
        """Does one of the months have one of the days?"""
        return any(min(self.days) <= (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31) for month in self.months)

    def at(self, local):
        return local.minute in self.minutes and local.hour in self.hours and self.on_day(local)

    def next(self, after, zone):
        """The first minute later than "after" that runs; None when none does within 41 years."""
        time = after.replace(second=0, microsecond=0) + MINUTE
        end = after + 41 * 366 * DAY
        before = (time - MINUTE).astimezone(zone).replace(tzinfo=None)
        while time < end:
            local = time.astimezone(zone)
            shown = local.replace(tzinfo=None, fold=0)
            if not any(self.on_day(shown + i * DAY) for i in (-2, -1, 0, 1, 2)):
                time += DAY         # nothing is near
                before = (time - MINUTE).astimezone(zone).replace(tzinfo=None, fold=0)
                continue
            skipped = before + MINUTE
            while skipped < shown:
                if self.at(skipped):
                    return time
                skipped += MINUTE
            if self.at(shown) and (self.each_hour or local.fold == 0):
                return time
            before = shown
            time += MINUTE
        return None


# ---------------------------------------------------------------- judging

def clock_changes(zone, first, last):
    """Does the zone's clock change between two times?"""
    while first < last:
        if first.astimezone(zone).utcoffset() != (first + DAY / 4).astimezone(zone).utcoffset():
            return True
        first += DAY / 4
    return False


def reason_for(walk, zone, time, ours, theirs):
    """Why croniter has another answer where the walk has ours; empty: there is no reason."""
    if theirs is None and walk.either and not walk.days_come():
        return 'croniter gives up where the day of month never comes, though the day of week does'
    if ours is None or theirs is None:
        return ''
    local = theirs.astimezone(zone)
    otherwise = ''
    if (walk.spelled_out and theirs < ours and local.minute in walk.minutes and local.hour in walk.hours
            and local.month in walk.months):
        otherwise = 'a day field that allows every value is as good as *, in newer versions of croniter only * itself is'
    if not clock_changes(zone, time - DAY, max(ours, theirs) + DAY):
        month_before = ours.astimezone(zone).replace(day=1) - DAY
        if ours < theirs and max(walk.days) > month_before.day:
            return 'croniter passes over days after a month that is too short for another of the days'
        return otherwise
    our_local, their_local = (t.astimezone(zone) for t in (ours, theirs))
    minute_before = (ours - MINUTE).astimezone(zone).replace(tzinfo=None)
    if our_local.replace(tzinfo=None) - minute_before > MINUTE:
        return 'skipped time: it runs when the gap ends, in croniter at another time or not at all'
    if not walk.at(their_local):
        return 'croniter answers a time that the schedule does not name, an offset away from one'
    if theirs < ours and their_local.fold == 1 and not walk.each_hour:
        return 'repeated time: a fixed hour runs at its first occurrence, in croniter also at its second'
    if ours < theirs and our_local.fold == 1 and walk.each_hour:
        return 'repeated time: * runs at each real hour, in croniter not at the second occurrence'
    if ours < theirs:
        return 'croniter passes over a time that the schedule names on the day of a change'
    return otherwise


def judge(line):
    number, text, after, name, start, answer = line.rstrip('\n').split('\t')
    zone = ZONE[name]
    time, start, ours = time_of(after), time_of(start), time_of(answer)
    theirs, walked, reason = None, None, ''
    if int(number) % COUNTED == 0:
        walked = count(text, zone, time, start)
        verdict = 'count' if walked == ours else 'WRONG'
    else:
        if start:
            time = max(time, start - timedelta(seconds=1))
        try:
            # With zones of another library croniter corrects what is right, and is off by an hour in one case of six.
            theirs = croniter(text, time.astimezone(pytz.timezone(name))).get_next(datetime).astimezone(UTC)
        except CroniterBadDateError:
            pass
        walk = Walk(text)
        verdict = 'same'
        if ours != theirs:
            reason = reason_for(walk, zone, time, ours, theirs)
            verdict = 'rule' if reason else 'WRONG'
        if ours != theirs or int(number) % WALKED_ANYWAY == 1:
            walked = walk.next(time, zone)
            if walked != ours:
                verdict = 'WRONG'
    print(verdict, line.rstrip('\n'), text_of(theirs), text_of(walked), reason, sep='\t')


if sys.argv[1] == 'make':
    make(int(sys.argv[2]))
else:
    for case in sys.stdin:
        judge(case)
