"""One backend of the server that the environment names, through psql."""
import subprocess
import threading
import time


class SqlError(Exception):
    pass


class Backend:
    def __init__(self, database):
        self.psql = subprocess.Popen(
            ['psql', '--no-psqlrc', '--quiet', '--no-align', '--tuples-only', '--set=ON_ERROR_STOP=0',
             '--dbname=' + database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.pid = int(self.query('SELECT pg_backend_pid()'))

    def query(self, sql):
        """What a statement gives, as text. Raises SqlError with what psql says when it fails."""
        self.psql.stdin.write(sql + ';\n\\echo :ERROR end-of-answer\n')
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            line = line.rstrip('\n')
            if line.endswith(' end-of-answer'):
                if line.startswith('true'):
                    raise SqlError('\n'.join(lines))
                return '\n'.join(lines)
            lines.append(line)
        raise SqlError('the server is gone: ' + '\n'.join(lines))

    def timed(self, sql):
        """The same, and the seconds it took."""
        start = time.perf_counter()
        answer = self.query(sql)
        return answer, time.perf_counter() - start

    def processor(self):
        """The seconds of a processor that the backend has used."""
        with open('/proc/%d/schedstat' % self.pid) as status:
            return int(status.read().split()[0]) / 1e9

    def resident(self, what='VmRSS'):
        """The backend's resident memory in kB; RssAnon: without what it shares with others."""
        with open('/proc/%d/status' % self.pid) as status:
            for line in status:
                if line.startswith(what + ':'):
                    return int(line.split()[1])
        raise SqlError('the backend has no resident memory')

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


def most_during(backend, sql):
    """Runs a statement, and returns the most memory of its own that the backend had meanwhile, in kB."""
    most = 0
    thread = threading.Thread(target=backend.query, args=(sql,))
    thread.start()
    while thread.is_alive():
        most = max(most, backend.resident('RssAnon'))
        thread.join(0.05)
    return most


def literal(value):
    return "'" + value.replace("'", "''") + "'"
