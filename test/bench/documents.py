#!/usr/bin/python3
"""What documents cost: preview_pdf through SQL in one backend, against the reference.

    documents.py DATABASE [ROW...]

A row is TEXTS/TEMPLATE/FONT/QR/PROTECTION, for example 3/vector/noto-sans/plain/sealed; a pattern with * and ?
chooses from all combinations. Rounds of ours and of the reference alternate, and what is printed are the
medians over the rounds, in milliseconds for one document: time of the processor, which is what passes when it
does nothing else. A stage's time is its share of that. The exit status is 1 if a document could not be
made or a bound on bytes is not kept; times are told, not judged: they depend on the machine.
"""
import fnmatch
import itertools
import json
import re
import statistics
import sys
import time

import material
import reference
from backend import Backend, SqlError, literal

ROUNDS = 7
OURS_SECONDS = 0.15         # about how long a round takes
REFERENCE_SECONDS = 0.3

COUNTS = ['1', '3', '10', '100']
CODES = ['plain', 'qr']
PROTECTIONS = ['open', 'sealed']
STAGES = ['read', 'typeset', 'subset', 'compose', 'seal']

# Without a choice: the certificate that the goal is for, and what differs from it in one thing.
BASE = ('3', 'vector', 'noto-sans', 'plain')
USUAL = [BASE] + [
    BASE[:place] + (value,) + BASE[place + 1:]
    for place, values in enumerate([COUNTS, material.TEMPLATES, material.KINDS, CODES])
    for value in values if value != BASE[place]]

# Of sealed documents, on the class of machine that the figures were set for: milliseconds.
LIMITS = {
    ('3', 'vector', 'noto-sans', 'plain'): 0.45,
    ('3', 'image-3m', 'noto-sans', 'plain'): 0.7,
    ('100', 'vector', 'noto-sans', 'plain'): 1.5,
    ('3', 'vector', 'noto-sans-cjk', 'plain'): 1.2,
}
CODE = ('3', 'vector', 'noto-sans', 'qr')
CODE_LIMIT = 0.2            # milliseconds that a QR code adds
LEAST_RATIO = 100           # of the first of these
MOST_BYTES = 6 * 1024       # of three Latin texts, beyond the template's objects

# What tells an object of a document, and what it is. The others are streams: the content, a font's /ToUnicode.
PARTS = [(b'/Length1', 'font'), (b'/Type /Metadata', 'metadata'), (b'/Type /ObjStm', 'dictionaries'),
         (b'/Type /XRef', 'cross-references'), (b'/Filter /Standard', 'encryption'), (b'/Type /Catalog', 'catalog')]

QR_PLACE = (385.0, 40.0, 72.0)      # x, y, size in points


def options(count, template, font, code, protection):
    """The options of preview_pdf for a row; template None: a blank page."""
    shown = {name: {'text': text, 'x': x, 'y': y, 'size': size}
             for name, text, x, y, size in material.texts(count, font)}
    for name in ('name', 'context', 'date'):
        shown.setdefault(name, False)
    result = {'defaults': {'font': font}, 'text_elements': shown}
    if template is None:
        result['page'] = {'size': 'A4', 'orientation': 'landscape'}
    else:
        result['template'] = template
    if code == 'qr':
        x, y, size = QR_PLACE
        result['qr_codes'] = [{'text': material.VERIFY_URL, 'x': x, 'y': y, 'size': size}]
    if protection == 'open':
        result['protection'] = 'none'
    return result


def our_query(function, row_options, font, documents):
    names, context, _ = material.TEXTS[font]
    array = ', '.join(literal(name) for name in names)
    return ('SELECT sum(octet_length(%s(%s, (ARRAY[%s])[1 + i %% %d], %s))) / %d FROM generate_series(0, %d) AS i'
            % (function, literal(json.dumps(row_options, ensure_ascii=False)), array, len(names),
               literal(context), documents, documents - 1))


class Row:
    def __init__(self, count, template, font, code, protection):
        self.key = (count, template, font, code)
        self.name = '/'.join(self.key + (protection,))
        self.protection = protection
        self.font = font
        self.options = options(int(count), template, font, code, protection)
        self.texts = material.texts(int(count), font)
        self.code = (material.VERIFY_URL,) + QR_PLACE if code == 'qr' else None
        self.template = template
        self.can_refer = font != 'noto-sans-cjk'

    def ours(self, backend, documents, function='learning_credentials.preview_pdf'):
        """Milliseconds and bytes of a document of ours."""
        start = backend.processor()
        answer = backend.query(our_query(function, self.options, self.font, documents))
        return (backend.processor() - start) * 1000 / documents, int(answer)

    def theirs(self, made_by, documents):
        """The same of the reference."""
        names = material.TEXTS[self.font][0]
        size = 0
        start = time.process_time()
        for i in range(documents):
            texts = [(names[i % len(names)] if text == '{name}' else text, x, y, points)
                     for _, text, x, y, points in self.texts]
            size += len(made_by[self.template].document(texts, self.font, self.code, self.protection == 'sealed'))
        return (time.process_time() - start) * 1000 / documents, size // documents


def enough(milliseconds, seconds):
    """How many documents take about these seconds."""
    return max(1, min(2000, round(seconds * 1000 / milliseconds)))


def median(values):
    return statistics.median(values) if values else None


def store(database):
    """Stores templates and fonts; returns the templates' bytes by name."""
    backend = Backend(database)
    made = {name: make() for name, make in material.TEMPLATES.items()}
    insert = 'INSERT INTO learning_credentials.credential_asset (slug, content) VALUES (%s, %s) ON CONFLICT DO NOTHING'
    # A warning that a template is large says what is known here.
    backend.query('SET client_min_messages = error')
    for name, content in made.items():
        backend.query(insert % (literal(name), "'\\x" + content.hex() + "'"))
    for name, path in material.KINDS.items():
        try:
            backend.query(insert % (literal(name), 'pg_read_binary_file(%s)' % literal(path)))
        except SqlError as error:
            print('%s: %s' % (name, error))
    backend.close()
    return made


def measure(row, backend, staged, made_by):
    """A line of the table, and the times it says: ours and the ratio, or None."""
    try:
        ours_at_once = row.ours(backend, 4)[0]          # which fills the caches
        ours_at_once = row.ours(backend, enough(ours_at_once, 0.05))[0]
        row.ours(staged, 4, 'bench.preview_pdf')
    except SqlError as error:
        print('%-36s FAILED: %s' % (row.name, error), flush=True)
        return None
    documents = enough(ours_at_once, OURS_SECONDS)
    if row.can_refer:
        row.theirs(made_by, 1)
        their_documents = enough(row.theirs(made_by, 2)[0], REFERENCE_SECONDS)
    ours, theirs, shares = [], [], []
    for _ in range(ROUNDS):
        ours.append(row.ours(backend, documents))
        if row.can_refer:
            theirs.append(row.theirs(made_by, their_documents))
        staged.query('SELECT bench.stage_times()')
        row.ours(staged, documents, 'bench.preview_pdf')
        answer = staged.query('SELECT bench.stage_times()')
        stages = [float(value) for value in answer.strip('{}').split(',')]
        shares.append([value / sum(stages) for value in stages])
    our_time, our_bytes = median([one[0] for one in ours]), ours[0][1]
    their_time = median([one[0] for one in theirs])
    ratio = median([one[0] / other[0] for one, other in zip(theirs, ours)])
    print('%-36s %7.3f %9d' % (row.name, our_time, our_bytes)
          + (' %9.2f %9d %6.0f' % (their_time, theirs[0][1], ratio) if theirs else ' %9s %9s %6s' % ('', '', ''))
          + ''.join(' %7.3f' % (our_time * median(share)) for share in zip(*shares)), flush=True)
    return our_time, ratio


def judge(results):
    """Prints the goals beside what was measured."""
    print('\nSealed, on the class of machine that the limits were set for:')
    for key, limit in LIMITS.items():
        if (key, 'sealed') not in results:
            continue
        found = results[key, 'sealed']
        if found is None:
            print('  %-32s no document' % '/'.join(key))
            continue
        print('  %-32s %7.3f ms, limit %.2f: %s'
              % ('/'.join(key), found[0], limit, 'kept' if found[0] <= limit else 'EXCEEDED'))
        if key == BASE:
            print('  %-32s %7.0f times the reference, at least %d: %s'
                  % ('', found[1], LEAST_RATIO, 'kept' if found[1] >= LEAST_RATIO else 'MISSED'))
    if results.get((BASE, 'sealed')) and results.get((CODE, 'sealed')):
        more = results[CODE, 'sealed'][0] - results[BASE, 'sealed'][0]
        print('  %-32s %7.3f ms more for the QR code, limit %.2f: %s'
              % ('/'.join(CODE), more, CODE_LIMIT, 'kept' if more <= CODE_LIMIT else 'EXCEEDED'))


def parts(document):
    """What the parts of a document take, as text, the largest first."""
    sizes = {'header': 0}
    places = [match.start() for match in re.finditer(rb'^\d+ 0 obj$', document, re.M)]
    for start, end in zip([0] + places, places + [len(document)]):
        told = document[start:end].split(b'stream', 1)[0]
        what = 'header' if start == 0 else next((what for mark, what in PARTS if mark in told), 'content and codes')
        sizes[what] = sizes.get(what, 0) + end - start
    return ', '.join('%s %d' % (what, size) for what, size in sorted(sizes.items(), key=lambda one: -one[1]))


def judge_bytes(backend):
    """Prints what three Latin texts add to a template: the document on a blank page has nothing else."""
    good = True
    print('\nBytes beyond the template\'s own objects, three Latin texts (the mean over the names; the first by part):')
    for protection in PROTECTIONS:
        blank = options(3, None, 'noto-sans', 'plain', protection)
        size = int(backend.query(our_query('learning_credentials.preview_pdf', blank, 'noto-sans', 16)))
        good = good and size <= MOST_BYTES
        print('  %-32s %7d bytes, limit %d: %s'
              % (protection, size, MOST_BYTES, 'kept' if size <= MOST_BYTES else 'EXCEEDED'))
        names, context, _ = material.TEXTS['noto-sans']
        answer = backend.query('SELECT encode(learning_credentials.preview_pdf(%s, %s, %s), \'hex\')'
                               % (literal(json.dumps(blank)), literal(names[0]), literal(context)))
        print('  %-32s %s' % ('', parts(bytes.fromhex(answer))))
    return good


def main(database, *patterns):
    every = itertools.product(COUNTS, material.TEMPLATES, material.KINDS, CODES, PROTECTIONS)
    rows = [key + (protection,) for key in USUAL for protection in PROTECTIONS]
    if patterns:
        rows = [key for key in every if any(fnmatch.fnmatch('/'.join(key), pattern) for pattern in patterns)]
        if not rows:
            sys.exit('documents.py: no row is like ' + ' '.join(patterns))

    templates = store(database)
    made_by = {name: reference.Reference(content) for name, content in templates.items()}
    for name, path in material.KINDS.items():
        if name != 'noto-sans-cjk':                     # which reportlab cannot read: its outlines are CFF
            reference.register_font(name, path)
    backend, staged = Backend(database), Backend(database)

    print('Milliseconds and bytes of a document: ours, the reference (reportlab and pypdf), how many times ours '
          'the reference takes; then ours by stage.')
    print('%-36s %7s %9s %9s %9s %6s' % ('texts/template/font/qr/protection', 'ms', 'bytes', 'ref ms', 'ref bytes',
                                          'ratio') + ''.join(' %7s' % stage for stage in STAGES))
    results = {}
    for key in rows:
        row = Row(*key)
        results[row.key, row.protection] = measure(row, backend, staged, made_by)
    judge(results)
    good = judge_bytes(backend)
    backend.close()
    staged.close()
    return 0 if good and None not in results.values() else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
