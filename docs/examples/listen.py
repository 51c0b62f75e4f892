#!/usr/bin/python3
"""Listens for what becomes of credentials, and misses nothing.

    listen.py [--state FILE] [--since TIME] [CONNECTION]

Prints a line for each credential that became available, failed or was invalidated; put a mail, a message or
a call of your own into handle(). CONNECTION is a connection string of libpq, as in
"host=db.example.org dbname=lms user=registrar"; without it the environment says where (PGHOST, PGDATABASE ...).
The role needs level issuer.

What was handled stands in FILE (listen.db). After an interruption, of whatever kind and length, it goes on
where it was. The first time it begins now, or at TIME. Needs python3-psycopg2.
"""
import argparse
import json
import select
import signal
import sqlite3
import sys
import time

import psycopg2

# An event carries the time when it was written, and is seen when its transaction commits. So what is looked
# through after an interruption begins that much before the last event that was handled. Make it longer than
# any transaction of yours that issues credentials.
OVERLAP = "1 hour"
LONGEST_PAUSE = 30      # seconds between two attempts to connect

EVENTS = """
SELECT e.credential_uuid::text, e.seq, e.occurred_at::text, e.new_status::text, e.reason,
       c.configuration_id, c.user_id, c.user_full_name, c.learning_context_name,
       c.supersedes IS NOT NULL AS replaces, c.superseded_by IS NOT NULL AS replaced
  FROM learning_credentials.credential_event e
  JOIN learning_credentials.credential c ON c.uuid = e.credential_uuid
 WHERE e.new_status IN ('available', 'error', 'invalidated') AND e.occurred_at >= %(begin)s AND {which}
 ORDER BY e.occurred_at, e.seq
"""


def handle(event):
    """Called for each event, at least once: again, if it was interrupted or the power failed before it was noted."""
    line = "{new_status}: {user_full_name} (user {user_id}), {learning_context_name}".format(**event)
    if event["new_status"] == "available" and event["replaces"]:
        line += ", in place of an earlier one"
    elif event["new_status"] == "invalidated" and event["replaced"]:
        line += ", replaced by another one"
    elif event["reason"]:
        line += ": " + event["reason"].splitlines()[0]
    print(line, flush=True)


def number(value):
    """An identifier in a payload."""
    if not isinstance(value, int) or not -2**63 <= value < 2**63:
        raise ValueError
    return value


class State:
    """What was handled: of each credential the number of the last event, and the time of the last of all."""

    def __init__(self, file):
        self.db = sqlite3.connect(file)
        # What is noted outlives this program, however it ends, but is not written to disk each time.
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute("CREATE TABLE IF NOT EXISTS handled (credential text PRIMARY KEY, seq integer NOT NULL)")
        self.db.execute("CREATE TABLE IF NOT EXISTS time (name text PRIMARY KEY, value text NOT NULL)")

    def time(self, name):
        row = self.db.execute("SELECT value FROM time WHERE name = ?", (name,)).fetchone()
        return row and row[0]

    def begin(self, when):
        with self.db:
            self.db.executemany("INSERT INTO time VALUES (?, ?)", [("begin", when), ("last", when)])

    def is_handled(self, event):
        row = self.db.execute("SELECT seq FROM handled WHERE credential = ?", (event["credential_uuid"],)).fetchone()
        return row is not None and row[0] >= event["seq"]

    def note(self, event):
        with self.db:
            self.db.execute("REPLACE INTO handled VALUES (?, ?)", (event["credential_uuid"], event["seq"]))
            self.db.execute("REPLACE INTO time VALUES ('last', ?)", (event["occurred_at"],))


class Listener:
    def __init__(self, connection, state, since):
        # Autocommit, because a listener in an open transaction keeps the server from forgetting notifications.
        self.connection = psycopg2.connect(connection, keepalives_idle=30)
        self.connection.autocommit = True
        self.state = state
        self.cursor = self.connection.cursor()
        # A time is written down as text: with the same setting it reads as the same.
        self.cursor.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'")
        # First listen, then look what there is: nothing falls between the two.
        self.cursor.execute("LISTEN learning_credentials")
        if state.time("begin") is None:
            self.cursor.execute("SELECT coalesce(%s::timestamptz, clock_timestamp())::text", (since,))
            state.begin(self.cursor.fetchone()[0])
        self.work("e.occurred_at >= %(last)s::timestamptz - %(overlap)s::interval",
                  last=state.time("last"), overlap=OVERLAP)

    def work(self, which, **parameters):
        """Handles those events of a condition that were not handled yet."""
        self.cursor.execute(EVENTS.format(which=which), dict(parameters, begin=self.state.time("begin")))
        names = [column.name for column in self.cursor.description]
        for row in self.cursor.fetchall():
            event = dict(zip(names, row))
            if not self.state.is_handled(event):
                handle(event)
                self.state.note(event)

    def wait(self):
        """Waits for notifications, and handles the events that they are about."""
        # Some may have come in with the answer to the last query; then the socket stays silent.
        if not self.connection.notifies:
            select.select([self.connection], [], [])
            self.connection.poll()
        users = set()
        for notification in self.connection.notifies:
            # Anybody may notify, of anything: what counts is what stands in the tables.
            try:
                payload = json.loads(notification.payload)
                users.add((number(payload["configuration_id"]), number(payload["user_id"])))
            except (ValueError, TypeError, KeyError):
                pass
        self.connection.notifies.clear()
        if users:
            configurations, ids = zip(*users)
            self.work("(c.configuration_id, c.user_id) IN (SELECT * FROM unnest(%(configurations)s, %(ids)s))",
                      configurations=list(configurations), ids=list(ids))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", default="listen.db")
    parser.add_argument("--since")
    parser.add_argument("connection", nargs="?", default="")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())

    state = State(arguments.state)
    pause = 1
    while True:
        try:
            listener = Listener(arguments.connection, state, arguments.since)
            pause = 1
            while True:
                listener.wait()
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            print(str(error).strip(), file=sys.stderr, flush=True)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
