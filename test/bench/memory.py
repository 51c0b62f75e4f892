#!/usr/bin/python3
"""What a backend keeps: its resident memory over 100,000 documents of all kinds.

    memory.py DATABASE

Documents of several templates and fonts, with QR codes and without, sealed and open, for ever new names,
are made in one backend, and its resident memory is printed as a curve. The exit status is 1 unless it is at the
end within 5 % of what it was after the first 2,000.
"""
import json
import sys

import documents
import material
from backend import Backend, literal

DOCUMENTS = 100_000
STEP = 2_000
TOLERANCE = 0.05
BAR = 50                    # characters

# Of each 20 documents; what is slow is rarer.
KINDS = 9 * ['3/vector/noto-sans/plain/sealed'] + 4 * ['3/image-300k/noto-sans/plain/sealed'] \
    + 3 * ['3/vector/noto-sans/plain/open'] + ['10/vector/noto-sans/qr/sealed'] \
    + ['1/image-3m/noto-sans/plain/sealed'] + ['3/image-10k/wqy-zenhei/plain/sealed'] \
    + ['3/vector/noto-sans-cjk/plain/sealed']
CHINESE = 2                 # the last of them


def query(first, last):
    """Makes the documents of these numbers; a name's letters are those of its number."""
    kinds = []
    for kind in KINDS:
        count, template, font, code, protection = kind.split('/')
        kinds.append(literal(json.dumps(
            documents.options(int(count), template, font, code, protection), ensure_ascii=False)) + '::jsonb')
    name = "translate(i::text, '0123456789', %s) || ' ' || translate(md5(i::text), '0123456789', %s)" % (
        literal('ÁŁğőñœŠøßÜ'), literal('ghijklmnop'))
    context = literal(material.TEXTS['noto-sans'][1])
    chinese = "substr(%s, 1 + i %% 16, 3)" % literal(''.join(name[0] for name in material.CHINESE_NAMES) + '王小')
    return ('SELECT sum(octet_length(learning_credentials.preview_pdf(options[1 + i %% %d],'
            ' CASE WHEN i %% %d >= %d THEN %s ELSE %s END, %s)))'
            ' FROM generate_series(%d, %d) AS i, (SELECT ARRAY[%s] AS options) AS kinds'
            % (len(kinds), len(kinds), len(kinds) - CHINESE, chinese, name, context, first, last, ', '.join(kinds)))


def main(database):
    documents.store(database)
    backend = Backend(database)
    print('\nResident memory of one backend, kB, after so many documents:')
    sizes = []
    for first in range(0, DOCUMENTS, STEP):
        backend.query(query(first, first + STEP - 1))
        sizes.append(backend.resident())
        print('%9d %9d %s' % (first + STEP, sizes[-1], '#' * round(BAR * sizes[-1] / sizes[0])), flush=True)
    backend.close()
    change = sizes[-1] / sizes[0] - 1
    good = abs(change) <= TOLERANCE
    print('%+.1f %% from the first %d to the last, at most %.0f %%: %s'
          % (100 * change, STEP, 100 * TOLERANCE, 'kept' if good else 'EXCEEDED'))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
