#!/usr/bin/python3
"""postgrest_stand_in.py CONFIGURATION: answers like PostgREST 12 where there is none.

Reads the same configuration file, listens on the same socket, and sends the database the same statements: a
transaction that only reads, the settings of the request, and the query around a function's call or a view. It knows
only what the tests ask for; anything else is an error of its own (status 599), never something that looks like an answer.
Python's standard library and psycopg2.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import socketserver
import sys
import threading
import time
import urllib.parse

import psycopg2
import psycopg2.extras


class Problem(Exception):
    """What PostgREST answers itself."""

    def __init__(self, status, code, message, details=None, hint=None, challenge=None):
        super().__init__(message)
        self.status, self.challenge = status, challenge
        self.body = {'code': code, 'details': details, 'hint': hint, 'message': message}


class Unknown(Exception):
    """What the stand-in does not know."""


def read_configuration(path):
    """The settings of a file of "name = value" lines."""
    settings = {}
    with open(path, encoding='utf-8') as file:
        for line in file:
            line = line.strip()
            if line and not line.startswith('#'):
                name, value = re.fullmatch(r'([a-z-]+) = (.*)', line).groups()
                settings[name] = json.loads(value)
    if settings['jwt-secret'].startswith('@'):
        with open(settings['jwt-secret'][1:], 'rb') as file:
            settings['jwt-secret'] = file.read().rstrip(b'\n')
    return settings


# ---- tokens -----------------------------------------------------------------------------------------

def unbase64(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def claims_of(header, settings):
    """The claims of an Authorization header, with the role."""
    claims = {}
    kind, _, token = (header or '').partition(' ')
    if kind.lower() == 'bearer' and token:
        try:
            head, payload, signature = token.split('.')
            if json.loads(unbase64(head))['alg'] != 'HS256':
                raise ValueError('algorithm')
            expected = hmac.digest(settings['jwt-secret'], f'{head}.{payload}'.encode(), hashlib.sha256)
            if not hmac.compare_digest(expected, unbase64(signature)):
                raise ValueError('signature')
            claims = json.loads(unbase64(payload))
            if not isinstance(claims, dict):
                raise ValueError('claims')
        except (ValueError, KeyError) as error:
            message = f'JWSError {error}'
            raise Problem(401, 'PGRST301', message, challenge=f'Bearer error="invalid_token", error_description="{message}"')
        if claims.get('exp', float('inf')) < time.time() - 30:
            raise Problem(401, 'PGRST301', 'JWT expired',
                          challenge='Bearer error="invalid_token", error_description="JWT expired"')
    claims.setdefault('role', settings['db-anon-role'])
    return claims


# ---- the database -----------------------------------------------------------------------------------

# Statuses of errors of the server, by SQLSTATE or its class; the rest is 400.
STATUS = {'08': 503, '0L': 403, '0P': 403, '25006': 405, '25': 500, '28': 403, '38': 500, '39': 500, '40': 500,
          '42883': 404, '42P01': 404, '53': 503, '54': 413, '55': 500, '57P01': 503, '57': 500, '58': 500,
          'P0001': 400, 'P0': 500, 'XX': 500}


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def literal(value):
    return " E'" + value.replace('\\', '\\\\').replace("'", "''") + "'"


class Connection:
    """A connection whose statements are prepared once, as PostgREST's are."""

    def __init__(self, settings):
        self.database = psycopg2.connect(settings['db-uri'])
        self.database.autocommit = True         # BEGIN and COMMIT are ours
        self.database.set_client_encoding('UTF8')
        psycopg2.extras.register_default_json(self.database, loads=lambda text: text)
        self.cursor = self.database.cursor()
        self.prepared = {}

    def run(self, statement, parameters=(), types=''):
        """Its rows. types: of the first parameters; those of the others the server finds out."""
        if not parameters:
            self.cursor.execute(statement)
        else:
            name = self.prepared.get(statement)
            if name is None:
                name = f's{len(self.prepared)}'
                self.cursor.execute(f'PREPARE {name}{types} AS {statement}')
                self.prepared[statement] = name
            self.cursor.execute(f'EXECUTE {name} ({", ".join(literal(p) for p in parameters)})')
        return self.cursor.fetchall() if self.cursor.description else []


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, settings):
        self.settings = settings
        self.pool = []
        self.lock = threading.Lock()
        connection = Connection(settings)
        self.schema = settings['db-schemas']
        # What PostgREST remembers of the schema: functions with their arguments and results, views.
        self.functions = {
            name: (volatile, arguments or [], required, domain)
            for name, volatile, arguments, required, domain in connection.run(f"""
SELECT p.proname::text, p.provolatile = 'v', p.proargnames::text[], p.pronargs - p.pronargdefaults,
       CASE WHEN t.typtype = 'd' AND t.typnamespace = p.pronamespace THEN t.typname::text END
  FROM pg_proc p
  JOIN pg_type t ON t.oid = p.prorettype
 WHERE p.pronamespace = {literal(self.schema)}::regnamespace AND NOT p.proretset AND t.typtype IN ('b', 'd')""")}
        self.pool.append(connection)
        super().__init__(settings['server-unix-socket'], Handler)
        os.chmod(settings['server-unix-socket'], int(settings['server-unix-socket-mode'], 8))

    def handle_error(self, request, client_address):
        """Clients that leave early are no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def take(self):
        with self.lock:
            if self.pool:
                return self.pool.pop()
        return Connection(self.settings)

    def give_back(self, connection):
        with self.lock:
            self.pool.append(connection)


# ---- requests ---------------------------------------------------------------------------------------

COMPARE = {'eq': '=', 'neq': '<>', 'gt': '>', 'gte': '>=', 'lt': '<', 'lte': '<=', 'like': 'like', 'ilike': 'ilike'}
JSON_TYPE = 'application/json; charset=utf-8'


class Query:
    """What the arguments of a request for a view say, and the parameters they need."""

    def __init__(self, schema, view, arguments):
        self.table = f'{quote(schema)}.{quote(view)}'
        self.columns, self.order, self.filters = [], [], []
        self.limit, self.offset = None, 0
        for name, value in arguments:
            if name == 'select':
                self.columns = [] if value == '*' else [self.selected(view, item) for item in value.split(',')]
            elif name == 'order':
                for item in value.split(','):
                    column, _, direction = item.partition('.')
                    self.order.append(f'{self.column(column)} {direction.upper() or "ASC"}')
            elif name == 'limit':
                self.limit = int(value)
            elif name == 'offset':
                self.offset = int(value)
            elif name in ('or', 'and'):
                self.filters.append((name, [item.split('.', 1) for item in value[1:-1].split(',')]))
            else:
                self.filters.append((None, [[name, value]]))

    def column(self, name):
        return f'{self.table}.{quote(name)}'

    def selected(self, view, item):
        if '(' in item:
            if item.endswith('()'):
                raise Problem(400, 'PGRST123', 'Use of aggregate functions is not allowed')
            raise Problem(400, 'PGRST200', f"Could not find a relationship between '{view}' and '{item.split('(')[0]}'")
        name, _, cast = item.partition('::')
        return f'CAST( {self.column(name)} AS {cast} )' if cast else self.column(name)

    def condition(self, column, test, parameters):
        found = re.fullmatch(r'(not\.)?(\w+)(?:\((any|all)\))?\.(.*)', test, re.S)
        if not found:
            raise Problem(400, 'PGRST100', f'"failed to parse filter ({test})"')
        negated, operator, quantifier, value = found.groups()
        if operator == 'is' and value in ('null', 'true', 'false'):
            result = f'{self.column(column)} IS {value}'
        elif operator == 'in':
            parameters.append('{' + value[1:-1] + '}')
            result = f'{self.column(column)} = ANY (${len(parameters)})'
        elif operator in COMPARE:
            parameters.append(value.replace('*', '%') if 'like' in operator else value)
            result = f'{self.column(column)} {COMPARE[operator]} '
            result += f'{quantifier}(${len(parameters)})' if quantifier else f'${len(parameters)}'
        else:
            raise Problem(400, 'PGRST100', f'"failed to parse filter ({test})"')
        return f'NOT {result}' if negated else result

    def where(self, parameters):
        parts = []
        for joint, tests in self.filters:
            conditions = [self.condition(column, test, parameters) for column, test in tests]
            parts.append(conditions[0] if joint is None else '( ' + f' {joint.upper()} '.join(conditions) + ')')
        return ' WHERE  ' + ' AND '.join(parts) if parts else ''


ANSWER = """nullif(current_setting('response.headers', true), '') AS response_headers, \
nullif(current_setting('response.status', true), '') AS response_status, '' AS response_inserted"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def address_string(self):
        return 'socket'

    def answer(self):
        self.body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        try:
            status, headers, body = self.respond()
        except Problem as problem:
            status, headers, body = problem.status, {'Content-Type': JSON_TYPE}, json.dumps(problem.body).encode()
            if problem.challenge:
                headers['WWW-Authenticate'] = problem.challenge
        except UnicodeDecodeError:
            status, headers, body = 500, {'Content-Type': 'text/plain; charset=utf-8'}, b'Something went wrong'
        except Exception as error:              # pylint: disable=broad-except
            print(f'{self.command} {self.path}: {error!r}', file=sys.stderr, flush=True)
            status, headers, body = 599, {'Content-Type': 'text/plain'}, repr(error).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value.encode().decode('latin-1'))
        if self.command == 'HEAD' or status == 304:
            body = b''
        else:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def respond(self):
        settings = self.server.settings
        path, _, arguments = self.path.partition('?')
        arguments = [(urllib.parse.unquote_to_bytes(name.replace('+', ' ')).decode(),
                      urllib.parse.unquote_to_bytes(value.replace('+', ' ')).decode())
                     for name, equals, value in (item.partition('=') for item in arguments.split('&')) if equals]
        parts = [urllib.parse.unquote_to_bytes(part).decode() for part in path.split('/')[1:]]
        claims = claims_of(self.headers.get('Authorization'), settings)
        profile = self.headers.get('Accept-Profile')
        if profile not in (None, self.server.schema):
            raise Problem(406, 'PGRST106', f'The schema must be one of the following: {self.server.schema}')
        if parts == ['']:
            return 404, {'Content-Type': JSON_TYPE}, b'{}'
        if parts[0] == 'rpc' and len(parts) == 2:
            read_only, work = self.call(parts[1], arguments)
        elif len(parts) == 1:
            read_only, work = self.read(parts[0], arguments)
        else:
            raise Problem(404, 'PGRST125', 'Invalid path specified in request URL')
        return self.transact(claims, path, read_only, work)

    def transact(self, claims, path, read_only, work):
        try:
            connection = self.server.take()
        except psycopg2.OperationalError as error:
            raise Problem(503, 'PGRST000', 'Database connection error. Retrying the connection.', str(error)) from None
        headers = {name.lower(): value.encode('latin-1').decode(errors='replace') for name, value in self.headers.items()
                   if name.lower() not in ('authorization', 'cookie')}
        settings = {'search_path': ', '.join(quote(s) for s in (self.server.schema, self.server.settings['db-extra-search-path'])),
                    'role': claims['role'], 'request.jwt.claims': json.dumps(claims), 'request.method': self.command,
                    'request.path': path, 'request.headers': json.dumps(headers), 'request.cookies': '{}'}
        try:
            connection.run(f'BEGIN ISOLATION LEVEL READ COMMITTED READ {"ONLY" if read_only else "WRITE"}')
            connection.run('select ' + ', '.join(f"set_config('{name}', ${i}, true)" for i, name in enumerate(settings, 1)),
                           list(settings.values()))
            result = work(connection)
            connection.run('COMMIT')
        except psycopg2.Error as error:
            state = error.pgcode or '08006'
            if connection.database.closed == 0:
                connection.run('ABORT')
                self.server.give_back(connection)
            status = STATUS.get(state, STATUS.get(state[:2], 400))
            challenge = None
            if state == '42501':
                anonymous = claims['role'] == self.server.settings['db-anon-role']
                status, challenge = (401, 'Bearer') if anonymous else (403, None)
            raise Problem(status, state, error.diag.message_primary, error.diag.message_detail, error.diag.message_hint,
                          challenge)
        self.server.give_back(connection)
        return result

    def accepts(self, media_type):
        accepted = [item.split(';')[0].strip() for item in self.headers.get('Accept', '*/*').split(',')]
        return media_type in accepted or '*/*' in accepted

    def no_type(self):
        raise Problem(406, 'PGRST107', f'None of these media types are available: {self.headers.get("Accept")}')

    def result(self, row, headers):
        """Status, headers and body of the row that each query ends with."""
        body, own_headers, own_status = row
        for header in json.loads(own_headers or '[]'):
            headers.update(header)
        if isinstance(body, memoryview):
            body = bytes(body)
        elif body is not None:
            body = body.encode()
        return int(own_status or 200), headers, body or b''

    def call(self, name, arguments):
        """The call of a function that returns one value."""
        if self.command not in ('GET', 'HEAD', 'POST'):
            raise Problem(405, 'PGRST101', f'Cannot use the {self.command} method on RPC')
        # json_to_recordset() takes the arguments out; to a function without any none are sent.
        if self.command == 'POST':
            given = json.loads(self.body or b'{}')
        else:
            operators = r'(not\.)?(eq|neq|gte?|lte?|i?like|i?match|in|is|cs|cd|ov|sl|sr|nxr|nxl|adj|(pl|ph|w)?fts)(\(\w+\))?\.'
            given = {key: value for key, value in arguments if not re.match(operators, value)}
            if len(given) < len(arguments) and any(re.match(r'(not\.)?i[ns]\.', value) for _, value in arguments):
                raise Problem(400, 'PGRST100', '"failed to parse filter"')
        function = self.server.functions.get(name)
        if not function or not set(given) <= set(function[1]) or len(given) < function[2]:
            raise Problem(404, 'PGRST202', f'Could not find the function {self.server.schema}.{name} in the schema cache')
        volatile, _, _, domain = function
        if len(given) < len(arguments) and self.command != 'POST':
            raise Problem(400, '42703', f'column {name}.{arguments[0][0]} does not exist')

        if domain == '*/*' or (domain and domain in self.headers.get('Accept', '').split(',')):
            handler = f'{quote(self.server.schema)}.{quote(domain)}(_postgrest_t.pgrst_scalar)'
            content_type = 'application/octet-stream' if domain == '*/*' else domain
        elif self.accepts('application/json'):
            handler, content_type = "coalesce(json_agg(_postgrest_t.pgrst_scalar)->0, 'null')", JSON_TYPE
        else:
            self.no_type()
        if self.command == 'HEAD':
            handler = "''::text"
        called = f'{quote(self.server.schema)}.{quote(name)}'
        parameters = []
        if given:
            parameters.append(json.dumps(given, ensure_ascii=False))
            names = sorted(given)
            source = ("(SELECT $1 AS json_data) pgrst_payload, LATERAL (SELECT CASE WHEN json_typeof(pgrst_payload.json_data)"
                      " = 'array' THEN pgrst_payload.json_data ELSE json_build_array(pgrst_payload.json_data) END AS val)"
                      " pgrst_uniform_json, LATERAL (SELECT " + ', '.join(quote(n) for n in names) +
                      " FROM json_to_recordset(pgrst_uniform_json.val) AS _(" + ', '.join(f'{quote(n)} text' for n in names) +
                      f") LIMIT 1) pgrst_body , LATERAL (SELECT {called}(" +
                      ', '.join(f'{quote(n)} := pgrst_body.{quote(n)}' for n in names) + ") pgrst_scalar) pgrst_call")
        else:
            source = f'(SELECT {called}() pgrst_scalar) pgrst_call'
        limit, offset = self.range(self.server.settings['db-max-rows'], 0)
        parameters += [str(limit), str(offset)]
        count = len(parameters)
        statement = (f'WITH pgrst_source AS (SELECT pgrst_call.pgrst_scalar FROM {source}) '
                     f'SELECT null::bigint AS total_result_set, 1 AS page_total, {handler} AS body, {ANSWER} '
                     f'FROM (SELECT {quote(name)}.* FROM "pgrst_source" AS {quote(name)}     '
                     f'LIMIT ${count - 1} OFFSET ${count}) _postgrest_t')

        def work(connection):
            rows = connection.run(statement, parameters, ' (json)' if given else '')
            headers = {'Content-Range': '0-0/*', 'Content-Type': content_type}
            return self.result(rows[0][2:5], headers) if rows else (200, headers, b'')
        return self.command != 'POST' or not volatile, work

    def range(self, limit, offset):
        wanted = re.fullmatch(r'(\d+)-(\d*)', self.headers.get('Range', ''))
        if wanted and self.command == 'GET':
            offset = int(wanted[1])
            if wanted[2]:
                limit = min(limit, int(wanted[2]) - offset + 1)
        return limit, offset

    def read(self, view, arguments):
        """A view's rows. Writing is only tried, with the statement that PostgREST would send."""
        query = Query(self.server.schema, view, arguments)
        parameters = []
        if self.command in ('POST', 'PATCH', 'DELETE', 'PUT'):
            if self.command == 'PUT':
                raise Problem(405, 'PGRST105', "Filters must include all and only primary key columns with 'eq' operators")
            where = query.where(parameters)
            value = json.loads(self.body or b'{}')
            columns = ', '.join(quote(c) for c in value)
            values = ', '.join(literal(str(v)) for v in value.values())
            statement = {'POST': f'INSERT INTO {query.table} ({columns}) VALUES ({values})',
                         'PATCH': f'UPDATE {query.table} SET ({columns}) = ROW({values}){where}',
                         'DELETE': f'DELETE FROM {query.table}{where}'}[self.command]
            return False, lambda connection: (connection.run(statement, parameters), (204, {}, b''))[1]
        if self.command == 'OPTIONS':
            return True, lambda connection: (200, {'Allow': 'OPTIONS,GET,HEAD'}, b'')
        if not any(self.accepts(t) for t in ('application/json', 'text/csv', 'application/vnd.pgrst.object+json')):
            self.no_type()
        if not self.accepts('application/json') and not self.accepts('application/vnd.pgrst.object+json'):
            raise Unknown('CSV')
        single = not self.accepts('application/json')
        most = self.server.settings['db-max-rows']
        limit, offset = self.range(most if query.limit is None else min(query.limit, most), query.offset)
        selected = ', '.join(query.columns) or f'{query.table}.*'
        order = f' ORDER BY {", ".join(query.order)} ' if query.order else ''
        where = query.where(parameters)
        parameters += [str(limit), str(offset)]
        source = (f'SELECT {selected} FROM {query.table} {where} {order} '
                  f'LIMIT ${len(parameters) - 1} OFFSET ${len(parameters)} ')
        wanted = re.search(r'count=(\w+)', self.headers.get('Prefer', ''))
        counting, total, plan = '', 'null::bigint', []
        if wanted and wanted[1] in ('exact', 'estimated'):
            more = f' LIMIT {most + 1}' if wanted[1] == 'estimated' else ''
            counting = f', pgrst_source_count AS (SELECT 1 FROM {query.table}{query.where(parameters)}{more})'
            total = '(SELECT pg_catalog.count(*) FROM pgrst_source_count)'
        elif wanted:
            planned = f'EXPLAIN (FORMAT JSON) SELECT 1 FROM {query.table}{query.where(plan)}'
        body = "coalesce(json_agg(_postgrest_t)->0, 'null')" if single else "coalesce(json_agg(_postgrest_t), '[]')"
        statement = (f'WITH pgrst_source AS ( {source}) {counting} SELECT {total} AS total_result_set, '
                     f'pg_catalog.count(_postgrest_t) AS page_total, {body} AS body, {ANSWER} '
                     f'FROM ( SELECT * FROM pgrst_source ) _postgrest_t')

        def work(connection):
            row = connection.run(statement, parameters)[0]
            found = row[0]
            if wanted and wanted[1] == 'planned':
                for index, value in enumerate(plan, 1):     # EXPLAIN takes no parameters where PREPARE is SQL
                    nonlocal planned
                    planned = planned.replace(f'${index}', literal(value))
                found = json.loads(connection.run(planned)[0][0])[0]['Plan']['Plan Rows']
            if single and row[1] != 1:
                raise Problem(406, 'PGRST116', 'JSON object requested, multiple (or no) rows returned')
            shown = f'{offset}-{offset + row[1] - 1}' if row[1] else '*'
            headers = {'Content-Range': f'{shown}/{"*" if found is None else found}',
                       'Content-Type': 'application/vnd.pgrst.object+json; charset=utf-8' if single else JSON_TYPE}
            status, headers, content = self.result(row[2:5], headers)
            return 206 if status == 200 and found and found > row[1] else status, headers, content
        return True, work


if __name__ == '__main__':
    Server(read_configuration(sys.argv[1])).serve_forever()
