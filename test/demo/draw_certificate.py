#!/usr/bin/env python3
"""Draws the demo's certificate templates.

    python3 draw_certificate.py [FONT_DIR]

writes certificate-a4.svg, certificate-letter.svg and pathway-a4.svg beside itself and, with
rsvg-convert, the PDF of each. FONT_DIR holds EB Garamond as TrueType (Debian: package
fonts-ebgaramond-extra). Lettering becomes outlines, so neither the SVG nor the PDF needs a font.
Everything is a path: no raster, no transparency. Lengths are points, y runs downwards.
"""
import math
import os
import struct
import subprocess
import sys

FONT_DIR = '/usr/share/fonts/truetype/ebgaramond'
GOLD, GOLD_DARK, GOLD_PALE = '#b08f52', '#8c6d34', '#e9dcc0'
TAU = 2 * math.pi


# ------------------------------------------------------------ paths

def num(value, grid=16):
    """A coordinate, to a sixteenth of a point: it is written short, in the SVG and by cairo in the PDF."""
    text = '%.5f' % (round(value * grid) / grid)
    return text.rstrip('0').rstrip('.')


def pair(p, grid=16):
    return num(p[0], grid) + ' ' + num(p[1], grid)


def even(t0, t1, pieces):
    return [t0 + (t1 - t0) * i / pieces for i in range(pieces + 1)]


def curve(f, knots, closed=False):
    """Path data of t -> (x, y): cubic Bezier curves between the knots with the curve's own tangents."""
    def slope(t):
        eps = 1e-6
        a, b = f(t - eps), f(t + eps)
        return ((b[0] - a[0]) / (2 * eps), (b[1] - a[1]) / (2 * eps))

    p, d = f(knots[0]), slope(knots[0])
    out = ['M' + pair(p)]
    for s, t in zip(knots, knots[1:]):
        q, e, third = f(t), slope(t), (t - s) / 3
        out.append('C%s %s %s' % (pair((p[0] + d[0] * third, p[1] + d[1] * third)),
                                  pair((q[0] - e[0] * third, q[1] - e[1] * third)), pair(q)))
        p, d = q, e
    return ''.join(out) + ('Z' if closed else '')


def polygon(points):
    return 'M' + 'L'.join(pair(p) for p in points) + 'Z'


def stroke(d, colour, width):
    return '<path fill="none" stroke="%s" stroke-width="%g" d="%s"/>' % (colour, width, d)


def fill(d, colour):
    return '<path fill="%s" d="%s"/>' % (colour, d)


def circle(x, y, r, inside='none', colour='none', width=0):
    return '<circle cx="%s" cy="%s" r="%s" fill="%s" stroke="%s" stroke-width="%g"/>' % (
        num(x), num(y), num(r), inside, colour, width)


def rectangle(inset, page, colour, width):
    return '<rect x="%s" y="%s" width="%s" height="%s" fill="none" stroke="%s" stroke-width="%g"/>' % (
        num(inset), num(inset), num(page[0] - 2 * inset), num(page[1] - 2 * inset), colour, width)


def mix(colour, share):
    """A colour thinned with white: share 1 is the colour, 0 is white."""
    parts = [int(colour[i:i + 2], 16) for i in (1, 3, 5)]
    return '#' + ''.join('%02x' % round(255 - (255 - c) * share) for c in parts)


# ------------------------------------------------------------ lettering

class Font:
    """Outlines of a TrueType font: tables cmap (format 4), glyf, loca, hmtx (OpenType 1.9)."""

    def __init__(self, path):
        with open(path, 'rb') as file:
            self.data = data = file.read()
        self.tables = {}
        for i in range(struct.unpack_from('>H', data, 4)[0]):
            tag, _, offset, _ = struct.unpack_from('>4sIII', data, 12 + 16 * i)
            self.tables[tag.decode()] = offset
        head = self.tables['head']
        self.em = struct.unpack_from('>H', data, head + 18)[0]
        self.long_loca = struct.unpack_from('>h', data, head + 50)[0]
        self.metrics = struct.unpack_from('>H', data, self.tables['hhea'] + 34)[0]
        self.cmap = self.read_cmap()

    def read_cmap(self):
        data, base = self.data, self.tables['cmap']
        for i in range(struct.unpack_from('>H', data, base + 2)[0]):
            offset = base + struct.unpack_from('>HHI', data, base + 4 + 8 * i)[2]
            if struct.unpack_from('>H', data, offset)[0] == 4:
                break
        count = struct.unpack_from('>H', data, offset + 6)[0] // 2
        ends = offset + 14
        starts, deltas, ranges = ends + 2 * count + 2, ends + 4 * count + 2, ends + 6 * count + 2
        glyphs = {}
        for i in range(count):
            end, start, delta, skip = (struct.unpack_from('>H', data, t + 2 * i)[0]
                                       for t in (ends, starts, deltas, ranges))
            for code in range(start, min(end, 0xfffe) + 1):
                glyph = code
                if skip:
                    glyph = struct.unpack_from('>H', data, ranges + 2 * i + skip + 2 * (code - start))[0]
                glyphs[code] = (glyph + delta) & 0xffff
        return glyphs

    def advance(self, glyph):
        return struct.unpack_from('>H', self.data, self.tables['hmtx'] + 4 * min(glyph, self.metrics - 1))[0]

    def contours(self, glyph):
        """The glyph's contours: lists of (x, y, on curve) in font units."""
        data, loca = self.data, self.tables['loca']
        if self.long_loca:
            start, end = struct.unpack_from('>II', data, loca + 4 * glyph)
        else:
            start, end = (2 * v for v in struct.unpack_from('>HH', data, loca + 2 * glyph))
        if start == end:
            return []
        at = self.tables['glyf'] + start
        count = struct.unpack_from('>h', data, at)[0]
        at += 10
        if count < 0:
            return self.components(at)
        ends = struct.unpack_from('>%dH' % count, data, at)
        at += 2 * count
        at += 2 + struct.unpack_from('>H', data, at)[0]
        flags = []
        while len(flags) <= ends[-1]:
            flag = data[at]
            at += 1
            repeat = 1
            if flag & 8:
                repeat += data[at]
                at += 1
            flags += [flag] * repeat
        axes = []
        for short, same in ((2, 16), (4, 32)):
            value, values = 0, []
            for flag in flags:
                if flag & short:
                    value += data[at] if flag & same else -data[at]
                    at += 1
                elif not flag & same:
                    value += struct.unpack_from('>h', data, at)[0]
                    at += 2
                values.append(value)
            axes.append(values)
        points = [(x, y, flag & 1) for x, y, flag in zip(axes[0], axes[1], flags)]
        return [points[a:b + 1] for a, b in zip((0,) + tuple(e + 1 for e in ends), ends)]

    def components(self, at):
        """A composite glyph of components that are only moved."""
        result, more = [], True
        while more:
            flags, glyph = struct.unpack_from('>HH', self.data, at)
            dx, dy = struct.unpack_from('>hh' if flags & 1 else '>bb', self.data, at + 4)
            at += 8 if flags & 1 else 6
            if flags & 0xc8:
                raise ValueError('scaled component')
            result += [[(x + dx, y + dy, on) for x, y, on in c] for c in self.contours(glyph)]
            more = flags & 0x20
        return result

    def outline(self, glyph, place):
        """Path data of a glyph; place maps font units to the page."""
        out = []
        for points in self.contours(glyph):
            full = []
            for i, p in enumerate(points):      # make the implied points between two off-curve ones explicit
                q = points[(i + 1) % len(points)]
                full.append(p)
                if not p[2] and not q[2]:
                    full.append(((p[0] + q[0]) / 2, (p[1] + q[1]) / 2, 1))
            first = next(i for i, p in enumerate(full) if p[2])
            full = full[first:] + full[:first + 1]
            out.append('M' + pair(place(*full[0][:2]), 32))
            i = 1
            while i < len(full):
                if full[i][2]:
                    out.append('L' + pair(place(*full[i][:2]), 32))
                    i += 1
                else:
                    out.append('Q%s %s' % (pair(place(*full[i][:2]), 32), pair(place(*full[i + 1][:2]), 32)))
                    i += 2
            out.append('Z')
        return ''.join(out)

    def glyphs(self, text, size, tracking):
        """(glyph, x, width) of each character, and the width of all, tracking between them in points."""
        x, result = 0, []
        for c in text:
            glyph = self.cmap[ord(c)]
            width = self.advance(glyph) * size / self.em
            result.append((glyph, x, width))
            x += width + tracking
        return result, x - tracking

    def line(self, text, size, x, y, tracking=0, align='center'):
        glyphs, width = self.glyphs(text, size, tracking)
        x -= {'left': 0, 'center': width / 2, 'right': width}[align]
        scale = size / self.em
        return ''.join(self.outline(g, lambda u, v, a=a: (x + a + u * scale, y - v * scale))
                       for g, a, _ in glyphs)

    def arc(self, text, size, cx, cy, radius, tracking=0, below=False):
        """Lettering on a circle: centred at the top, or with below at the bottom and upright there."""
        glyphs, width = self.glyphs(text, size, tracking)
        scale = size / self.em
        out = []
        for glyph, a, w in glyphs:
            angle = (a + w / 2 - width / 2) / radius

            def place(u, v, w=w, angle=angle):
                dx, dy = u * scale - w / 2, v * scale
                if below:
                    r, turn = radius - dy, -angle
                    s, c = math.sin(turn), math.cos(turn)
                    return cx - r * s + dx * c, cy + r * c + dx * s
                r, s, c = radius + dy, math.sin(angle), math.cos(angle)
                return cx + r * s + dx * c, cy - r * c + dx * s
            out.append(self.outline(glyph, place))
        return ''.join(out)


# ------------------------------------------------------------ ornaments

def rosette(cx, cy, inner, outer, lobes, curves, squeeze=1.0):
    """Turned circles with waves between two radii: what an engraver's lathe cuts."""
    mean, swing = (outer + inner) / 2, (outer - inner) / 2
    out = []
    for j in range(curves):
        phase = TAU * j / curves

        def wave(t, phase=phase):
            r = mean + swing * math.cos(lobes * t + phase)
            return cx + r * math.cos(t), cy + squeeze * r * math.sin(t)
        start = -phase / lobes                  # knots at the crests and the troughs
        out.append(curve(wave, even(start, start + TAU, lobes * 2), closed=True))
    return ''.join(out)


def band(start, end, waves, amplitude, curves, beat=0.0, beats=1):
    """Waves along the segment start..end, their height swelling beats times by the share beat."""
    length = math.dist(start, end)
    ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    out = []
    for j in range(curves):
        phase = TAU * j / curves

        def wave(t, phase=phase):
            swell = 1 - beat * (0.5 + 0.5 * math.cos(TAU * beats * t))
            v = amplitude * swell * math.sin(TAU * waves * t + phase)
            return start[0] + ux * t * length - uy * v, start[1] + uy * t * length + ux * v
        crests = ((i / 2 + 0.25 - phase / TAU) / waves for i in range(2 * (waves + 1)))
        out.append(curve(wave, [0] + [t for t in crests if 0.002 < t < 0.998] + [1]))
    return ''.join(out)


def frame(page, accent):
    """Rules, a guilloche band on each side, a rosette in each corner."""
    width, height = page
    edge, thick = 24, 30                        # outer rule; width of the band
    middle = edge + 4.5 + thick / 2
    inner = edge + 9 + thick
    out = [rectangle(edge, page, accent, 1.4), rectangle(edge + 3.2, page, GOLD, 0.4)]
    half = thick / 2
    corner = middle + half - 5                  # where the bands begin, under the rosettes
    sides = [((corner, middle), (width - corner, middle)),
             ((width - middle, corner), (width - middle, height - corner)),
             ((width - corner, height - middle), (corner, height - middle)),
             ((middle, height - corner), (middle, corner))]
    for start, end in sides:
        length = math.dist(start, end)
        beats = round(length / 58)
        out.append(stroke(band(start, end, beats * 2, half - 1.6, 4, 0.62, beats), mix(GOLD, 0.85), 0.36))
        out.append(stroke(band(start, end, beats, half - 1.6, 6), mix(accent, 0.72), 0.36))
    for x in (middle, width - middle):
        for y in (middle, height - middle):
            out.append(circle(x, y, half + 2.2, '#ffffff', accent, 0.7))
            out.append(circle(x, y, half + 0.6, 'none', GOLD, 0.4))
            out.append(stroke(rosette(x, y, 3.2, half - 0.4, 12, 2), mix(accent, 0.85), 0.36))
            out.append(stroke(rosette(x, y, 1.4, half * 0.52, 8, 2), GOLD, 0.36))
            out.append(circle(x, y, 1.1, GOLD_DARK))
    out += [rectangle(inner, page, GOLD, 0.4), rectangle(inner + 2.6, page, accent, 0.8)]
    return out


def globe(cx, cy, r, tilt):
    """The lines of longitude and latitude, 15 degrees apart, of a globe seen from latitude tilt."""
    s, c = math.sin(tilt), math.cos(tilt)

    def depth(lat, lon):
        return s * math.sin(lat) + c * math.cos(lat) * math.cos(lon)

    def place(lat, lon):
        return (cx + r * math.cos(lat) * math.sin(lon),
                cy - r * (c * math.sin(lat) - s * math.cos(lat) * math.cos(lon)))

    def visible(line, t0, t1):
        """The part of a line that lies on the near half: all such parts here are in one piece."""
        steps = [t0 + (t1 - t0) * i / 720 for i in range(721)]
        near = [t for t in steps if depth(*line(t)) >= -1e-9]
        return (near[0], near[-1]) if len(near) > 20 else None

    out = []
    for i in range(24):
        def line(t, lon=TAU * i / 24):
            return t, lon
        part = visible(line, -TAU / 4, TAU / 4)
        if part:
            out.append(curve(lambda t: place(*line(t)), even(*part, 5)))
    for i in range(-5, 6):
        def line(t, lat=TAU * i / 24):
            return lat, t
        part = visible(line, -TAU / 2, TAU / 2)
        if part:
            out.append(curve(lambda t: place(*line(t)), even(*part, 8)))
    return ''.join(out)


def swelled_rule(x, y, width, colour, waist=1.1):
    """An engraver's rule: tapered to both ends, a lozenge in the middle."""
    gap = 9
    out = []
    for side in (-1, 1):
        a, b = x + side * gap, x + side * width / 2
        third = (b - a) / 3
        out.append('M%sC%s %s %sC%s %s %sZ' % (
            pair((a, y)), pair((a + third, y - waist)), pair((b - third, y - waist * 0.4)), pair((b, y)),
            pair((b - third, y + waist * 0.4)), pair((a + third, y + waist)), pair((a, y))))
        c = x + side * (gap - 3.4)
        out.append(polygon([(c - 1.3, y), (c, y - 1.3), (c + 1.3, y), (c, y + 1.3)]))
    out.append(polygon([(x - 2.6, y), (x, y - 3.6), (x + 2.6, y), (x, y + 3.6)]))
    return fill(''.join(out), colour)


def compass(cx, cy, r, dark, light):
    """An eight-pointed compass rose, each point half in light and half in shade."""
    shade, shine = [], []
    for length, turn, waist in ((0.62, TAU / 8, 0.17), (1.0, 0, 0.2)):
        for i in range(4):
            a = turn + TAU * i / 4

            def at(angle, radius):
                return cx + radius * math.sin(angle), cy - radius * math.cos(angle)
            tip = at(a, r * length)
            left, right = at(a - TAU / 8, r * waist), at(a + TAU / 8, r * waist)
            shade.append((length, polygon([(cx, cy), right, tip])))
            shine.append((length, polygon([(cx, cy), left, tip])))
    out = []
    for length in (0.62, 1.0):
        out.append(fill(''.join(d for l, d in shade if l == length), dark))
        out.append('<path fill="%s" stroke="%s" stroke-width="0.3" stroke-linejoin="round" d="%s"/>' % (
            light, dark, ''.join(d for l, d in shine if l == length)))
    return out


def seal(cx, cy, accent, lettering):
    """A wafer seal of 53 points radius with two ribbon ends."""
    out = []
    for side in (-1, 1):                        # the ribbons, behind the wafer
        def turn(x, y, side=side):
            angle = side * 0.33
            return (cx + x * math.cos(angle) - y * math.sin(angle), cy + x * math.sin(angle) + y * math.cos(angle))
        ribbon = [turn(-11, 20), turn(11, 20), turn(11, 79), turn(0, 71), turn(-11, 79)]
        out.append(fill(polygon(ribbon), mix(accent, 0.92)))
        for offset in (-8.2, 8.2):
            a, b = turn(offset, 20), turn(offset, 75.6)
            out.append(stroke('M%sL%s' % (pair(a), pair(b)), mix(accent, 0.45), 0.5))

    teeth = 60
    edge = curve(lambda t: (cx + (51.6 + 1.5 * math.cos(teeth * t)) * math.cos(t),
                            cy + (51.6 + 1.5 * math.cos(teeth * t)) * math.sin(t)), even(0, TAU, teeth * 2), True)
    out.append('<path fill="%s" stroke="%s" stroke-width="0.5" d="%s"/>' % (GOLD, GOLD_DARK, edge))
    out.append(circle(cx, cy, 48, 'none', GOLD_PALE, 0.5))
    out.append(circle(cx, cy, 46.4, '#fffdf8', GOLD_DARK, 0.5))
    out.append(circle(cx, cy, 44.8, 'none', GOLD, 0.4))
    out.append(fill(lettering.arc('MERIDIAN OPEN ACADEMY', 7.2, cx, cy, 36.2, 1.05), accent))
    out.append(fill(lettering.arc('ANNO MMXII', 7.2, cx, cy, 41.0, 1.4, below=True), accent))
    for side in (-1, 1):
        x, y = cx + side * 38.6 * math.cos(0.42), cy + 38.6 * math.sin(0.42)
        out.append(fill(polygon([(x - 1.6, y), (x, y - 2.2), (x + 1.6, y), (x, y + 2.2)]), GOLD_DARK))
    out.append(circle(cx, cy, 32.4, 'none', GOLD, 0.4))
    out.append(stroke(rosette(cx, cy, 22.6, 30.6, 24, 4), GOLD, 0.34))
    out.append(circle(cx, cy, 21.4, '#fffdf8', GOLD_DARK, 0.5))
    out += compass(cx, cy, 18.6, accent, '#fffdf8')
    return out


# Points of the director's signature, in two strokes of the pen; y runs upwards from the baseline.
SIGNATURE = (
    ((22, 27), (17, 33), (9, 34), (5, 28), (9, 21), (17, 19), (10, 18), (2, 12), (0, 4), (6, -1), (15, 2),
     (24, 11), (33, 27), (36, 37), (33, 39), (29, 28), (28, 10), (31, 2), (36, 4), (42, 11), (43, 14),
     (40, 13), (39, 6), (43, 1), (50, 5), (55, 12), (54, 3), (58, 9), (63, 12), (63, 4), (67, 2), (73, 8),
     (78, 12), (74, 11), (72, 5), (75, 2), (80, 8), (82, 12), (80, 4), (84, 2), (90, 7), (97, 13), (108, 15),
     (122, 12)),
    ((60, -6), (36, -8), (18, -9), (30, -5), (62, -3), (96, -3), (128, 1)))


def signature(x, y, size, colour):
    """Centred on x, with its baseline on y: smooth strokes of a broad nib held at 40 degrees."""
    out = []
    for offset in (-0.55, -0.18, 0.18, 0.55):
        for points in SIGNATURE:
            places = [(x + size * (u + 0.22 * v - 66 + offset * 0.77), y - size * (v + offset * 0.64))
                      for u, v in points]
            places = places[:1] + places + places[-1:]
            d = ['M' + pair(places[1])]
            for a, b, c, e in zip(places, places[1:], places[2:], places[3:]):  # Catmull-Rom splines
                d.append('C%s %s %s' % (pair((b[0] + (c[0] - a[0]) / 6, b[1] + (c[1] - a[1]) / 6)),
                                        pair((c[0] - (e[0] - b[0]) / 6, c[1] - (e[1] - b[1]) / 6)), pair(c)))
            out += d
    return ('<path fill="none" stroke="%s" stroke-width="0.5" stroke-linecap="round" stroke-linejoin="round" '
            'd="%s"/>' % (colour, ''.join(out)))


def certificate(page, accent, lettering):
    width, height = page
    x = width / 2
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%spt" height="%spt" viewBox="0 0 %s %s">' % (
        width, height, width, height), '<title>Certificate of the Meridian Open Academy</title>']
    # Behind the text, pale enough to write on.
    tint, y = mix(GOLD, 0.26), height - 250
    out.append(stroke(globe(x, y, 116, math.radians(24)), tint, 0.4))
    for r in (116, 119, 130):
        out.append(circle(x, y, r, 'none', tint, 0.5))
    out.append(stroke(''.join('M%sL%s' % (
        pair((x + 119 * math.sin(a), y - 119 * math.cos(a))), pair((x + b * math.sin(a), y - b * math.cos(a))))
        for a, b in ((TAU * i / 180, 130 if i % 15 == 0 else 126 if i % 5 == 0 else 123) for i in range(180))),
        tint, 0.4))
    out += frame(page, accent)

    out += compass(x, 106, 15, accent, '#ffffff')
    out.append(fill(lettering.line('MERIDIAN OPEN ACADEMY', 13, x, 141, 3.6), accent))
    out.append(swelled_rule(x, height - 383, 250, GOLD_DARK))

    base = height - 106                         # baseline of the two lines to write on
    for centre in (x - 100, x + 100):
        out.append(stroke('M%sL%s' % (pair((centre - 78, base)), pair((centre + 78, base))), accent, 0.5))
    out.append(signature(x + 100, base - 7, 0.88, '#26304a'))
    out += seal(width - 143, height - 154, accent, lettering)
    out.append('</svg>')
    return '\n'.join(out) + '\n'


def main():
    font_dir = sys.argv[1] if len(sys.argv) > 1 else FONT_DIR
    here = os.path.dirname(os.path.abspath(__file__))
    lettering = Font(os.path.join(font_dir, 'EBGaramondSC12-Regular.ttf'))
    for name, page, accent in (('certificate-a4', (841.89, 595.28), '#1d3557'),
                               ('certificate-letter', (792, 612), '#1f4d3f'),
                               ('pathway-a4', (841.89, 595.28), '#6b1f2e')):
        svg = os.path.join(here, name + '.svg')
        with open(svg, 'w', encoding='utf-8') as file:
            file.write(certificate(page, accent, lettering))
        subprocess.run(['rsvg-convert', '--format=pdf', '--output', svg[:-3] + 'pdf', svg], check=True,
                       env=dict(os.environ, SOURCE_DATE_EPOCH='0'))


if __name__ == '__main__':
    main()
