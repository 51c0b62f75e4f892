#!/usr/bin/env python3
"""seeds.py: makes test/fuzz/assets/ and the seeds in test/fuzz/corpus/ (files named seed-*).

What it makes is committed, so only whoever changes it needs to run it. It needs the packages
fonts-ebgaramond, fonts-noto-cjk, fonts-noto-core, libharfbuzz-bin, librsvg2-bin, python3-fonttools,
python3-pil and qpdf.
"""
import io
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
ASSETS = HERE / "assets"
CORPUS = HERE / "corpus"
NOTO = "/usr/share/fonts/truetype/noto/Noto%s-Regular.ttf"
CJK = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
GARAMOND = "/usr/share/fonts/opentype/ebgaramond/EBGaramond12-Regular.otf"


def seed(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(content)


def run(*command, stdin=None):
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout


# ---- fonts ----------------------------------------------------------------------------------------

def cut(font, text, *options, keep_layout=True):
    """A font with the glyphs of a text alone."""
    with tempfile.NamedTemporaryFile() as file:
        layout = [] if keep_layout else ["--drop-tables=GSUB,GPOS,GDEF"]
        run("hb-subset", f"--text={text}", "--no-hinting", "--desubroutinize", "--drop-tables+=STAT,DSIG,meta",
            *layout, *options, f"--output-file={file.name}", font)
        return pathlib.Path(file.name).read_bytes()


def sfnt(tables, version=b"\0\1\0\0"):
    """A font of these tables."""
    offset = 12 + 16 * len(tables)
    directory = b""
    body = b""
    for tag, table in sorted(tables.items()):
        directory += struct.pack(">4sIII", tag.encode(), 0, offset + len(body), len(table))
        body += table + b"\0" * (-len(table) % 4)
    return version + struct.pack(">HHHH", len(tables), 16, 0, 0) + directory + body


def parts(font):
    """The tables of a font."""
    count = struct.unpack_from(">H", font, 4)[0]
    tables = {}
    for i in range(count):
        tag, _, offset, length = struct.unpack_from(">4sIII", font, 12 + 16 * i)
        tables[tag.decode()] = font[offset:offset + length]
    return tables


def square(left, right):
    """A simple glyph: a rectangle."""
    return struct.pack(">hhhhhHHBBBBhhhhhhhh", 1, left, 0, right, 700, 3, 0, 1, 1, 1, 1,
                       left, right - left, 0, left - right, 0, 0, 700, 0)


def every_font():
    """A font with one glyph for every character (a cmap of format 13)."""
    glyph = square(50, 450)
    glyf = square(100, 400) + glyph
    cmap = struct.pack(">HHHHI", 0, 1, 3, 10, 12)
    cmap += struct.pack(">HHIII", 13, 0, 28, 0, 1) + struct.pack(">III", 1, 0x10ffff, 1)
    return sfnt({
        "cmap": cmap,
        "glyf": glyf,
        "head": struct.pack(">IIIIHHQQhhhhHHhhh", 0x10000, 0, 0, 0x5f0f3cf5, 0, 1000, 0, 0, 50, 0, 450, 700, 0, 8,
                            2, 1, 0),
        "hhea": struct.pack(">IhhhHhhhhhhhhhhhH", 0x10000, 800, -200, 0, 500, 0, 0, 450, 1, 0, 0, 0, 0, 0, 0, 0, 2),
        "hmtx": struct.pack(">HhHh", 500, 100, 500, 50),
        "loca": struct.pack(">III", 0, len(glyf) - len(glyph), len(glyf)),
        "maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x10000, 2, 4, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
    })


def variable_font():
    """A variable font: the weight widens the only glyph."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib.tables.TupleVariation import TupleVariation

    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "a"])
    builder.setupCharacterMap({0x61: "a", 0x41: "a", 0x20: ".notdef"})
    glyphs = {}
    for name in (".notdef", "a"):
        pen = TTGlyphPen(None)
        for i, point in enumerate([(50, 0), (50, 700), (450, 700), (450, 0)]):
            (pen.moveTo if i == 0 else pen.lineTo)(point)
        pen.closePath()
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({".notdef": (500, 50), "a": (500, 50)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Vary", "styleName": "Regular", "psName": "Vary"})
    builder.setupOS2()
    builder.setupPost()
    builder.setupFvar([("wght", 100, 400, 900, "Weight")], [])
    builder.setupGvar({"a": [TupleVariation({"wght": (0, 1, 1)}, [(0, 0), (0, 0), (200, 0), (200, 0), (0, 0),
                                                                  (200, 0), (0, 0), (0, 0)])]})
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    file = io.BytesIO()
    builder.save(file)
    return file.getvalue()


def make_fonts():
    latin = cut(NOTO % "Sans", "OficeAVTRanMar e\u0301\u0142\u00f3d\u017a1/2")
    arabic = cut(NOTO % "NaskhArabic", "\u0628\u0650\u0633\u0652\u0645\u0644\u0627 123")
    devanagari = cut(NOTO % "SansDevanagari", "\u0915\u094d\u0937\u093f\u0930\u0940 ")
    serif = cut(GARAMOND, "OficeANM ar", "--layout-features=liga,kern")
    (ASSETS / "latin.ttf").write_bytes(latin)
    (ASSETS / "arabic.ttf").write_bytes(arabic)
    (ASSETS / "devanagari.ttf").write_bytes(devanagari)
    (ASSETS / "serif.otf").write_bytes(serif)
    (ASSETS / "every.ttf").write_bytes(every_font())
    small = cut(NOTO % "Sans", "fi\u00e9", keep_layout=False)
    (ASSETS / "variable.ttf").write_bytes(variable_font())
    (ASSETS / "two.ttc").write_bytes(collection(every_font(), small))
    for name in ("latin.ttf", "arabic.ttf", "devanagari.ttf", "serif.otf", "every.ttf", "variable.ttf", "two.ttc"):
        seed("font", name, (ASSETS / name).read_bytes())
    seed("font", "cid.otf", cut(CJK, "\u4e2d\u6587a", "--face-index=2", keep_layout=False))
    seed("font", "cid-whole.otf", embedding(cut(CJK, "\u6587", keep_layout=False), 0x0100))
    seed("font", "composite.ttf", small)
    seed("font", "whole.ttf", embedding(small, 0x0100))
    seed("font", "restricted.ttf", embedding(small, 0x0002))
    seed("font", "kerned.ttf", cut(NOTO % "Sans", "AVTa", "--layout-features=kern"))


def embedding(font, kind):
    """The font with this OS/2 fsType."""
    tables = parts(font)
    tables["OS/2"] = tables["OS/2"][:8] + struct.pack(">H", kind) + tables["OS/2"][10:]
    return sfnt(tables, font[:4])


def collection(*fonts):
    """A collection: each font's directory points into its own part."""
    start = 12 + 4 * len(fonts)
    body = b""
    offsets = []
    for font in fonts:
        count = struct.unpack_from(">H", font, 4)[0]
        moved = bytearray(font + b"\0" * (-len(font) % 4))
        for i in range(count):
            at = 12 + 16 * i + 8
            struct.pack_into(">I", moved, at, struct.unpack_from(">I", font, at)[0] + start + len(body))
        offsets.append(start + len(body))
        body += bytes(moved)
    return b"ttcf\0\1\0\0" + struct.pack(">I", len(fonts)) + struct.pack(f">{len(fonts)}I", *offsets) + body


# ---- images ---------------------------------------------------------------------------------------

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, rows, *chunks, interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + \
        chunk(b"IEND", b"")


def make_images():
    def rows(width, height, bytes_of_pixel, filters=(0, 1, 2, 3, 4)):
        return b"".join(bytes([filters[y % len(filters)]]) + bytes((x * 7 + y * 13) % 256 for x in range(width * bytes_of_pixel))
                        for y in range(height))
    alpha = png(8, 8, 8, 6, rows(8, 8, 4))
    seed("image", "rgba.png", alpha)
    (ASSETS / "seal.png").write_bytes(alpha)
    seed("image", "grey.png", png(5, 7, 8, 0, rows(5, 7, 1)))
    seed("image", "grey-alpha.png", png(4, 4, 8, 4, rows(4, 4, 2)))
    seed("image", "rgb16.png", png(3, 5, 16, 2, rows(3, 5, 6)))
    seed("image", "bits.png", png(16, 4, 1, 0, rows(2, 4, 1)))
    seed("image", "palette.png", png(8, 4, 2, 3, rows(2, 4, 1), chunk(b"PLTE", bytes(range(12))), chunk(b"tRNS", b"\0\x80\xff")))
    seed("image", "keyed.png", png(4, 4, 8, 2, rows(4, 4, 3), chunk(b"gAMA", struct.pack(">I", 45455)),
                                   chunk(b"tRNS", struct.pack(">HHH", 0, 7, 14)), chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1))))
    picture = Image.new("RGB", (8, 8))
    picture.putdata([(x * 30, y * 30, 90) for y in range(8) for x in range(8)])
    file = io.BytesIO()
    picture.save(file, "PNG")
    seed("image", "plain.png", file.getvalue())
    seed("image", "interlaced.png", png(3, 3, 8, 0, rows(1, 1, 1) + rows(1, 1, 1) + rows(2, 1, 1) + rows(1, 2, 1) + rows(3, 1, 1),
                                        interlace=1))
    for name, mode, options in (("rgb", "RGB", {}), ("grey", "L", {}), ("cmyk", "CMYK", {}), ("progressive", "RGB", {"progressive": True})):
        file = io.BytesIO()
        picture.convert(mode).save(file, "JPEG", quality=60, optimize=True, **options)
        seed("image", name + ".jpg", file.getvalue())
        if name == "rgb":
            (ASSETS / "photo.jpg").write_bytes(file.getvalue())
            for order, numbers in (("II", "<"), ("MM", ">")):
                exif = struct.pack(numbers + "HIHHHI4sHHIHHI", 42, 8, 2, 0x010f, 2, 4, b"Box", 0x0112, 3, 1, 6, 0, 0)
                segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 10) + b"Exif\0\0" + order.encode() + exif
                seed("image", f"turned-{order}.jpg", file.getvalue()[:2] + segment + file.getvalue()[2:])


# ---- PDFs -----------------------------------------------------------------------------------------

def stream(entries, data):
    return b"<< " + entries + b" /Length %d >>\nstream\n" % len(data) + data + b"\nendstream"


def pdf(*objects, trailer=b""):
    """A PDF of these objects, numbered from 1; the first is the catalog."""
    out = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)


def page(entries, content, *more, pages=b"", catalog=b""):
    """A PDF of one page; "more" are objects from number 5 on."""
    return pdf(b"<< /Type /Catalog /Pages 2 0 R " + catalog + b">>",
               b"<< /Type /Pages /Kids [3 0 R] /Count 1 " + pages + b">>",
               b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R " + entries + b">>",
               stream(b"", content), *more)


def make_templates():
    plain = page(b"/MediaBox [0 0 400 400] /Resources << /Font << /F1 5 0 R >> >> ",
                 b"q 1 0 0 RG 10 10 100 50 re S Q BT /F1 12 Tf 20 300 Td (Certificate) Tj ET",
                 b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    turned = page(b"/CropBox [10 20 300 350] /Rotate 90 /UserUnit 2 ",
                  b"0.5 g 0 0 50 50 re f /Fm1 Do",
                  stream(b"/Type /XObject /Subtype /Form /BBox [0 0 10 10] /Group << /S /Transparency /K true /CS /DeviceCMYK >>",
                         b"0 0 10 10 re f"),
                  pages=b"/MediaBox [-10 -10 390 390] /Resources << /XObject << /Fm1 5 0 R >> >> ")
    (ASSETS / "template.pdf").write_bytes(plain)
    (ASSETS / "turned.pdf").write_bytes(turned)
    seed("template", "plain.pdf", plain)
    seed("template", "turned.pdf", turned)
    box = b"/MediaBox [0 0 200 100] "
    seed("template", "unbalanced.pdf", page(box, b"q q 1 0 0 1 5 5 cm /A BMC BT (x) Tj"))
    seed("template", "inline-image.pdf", page(box, b"q 9 0 0 9 0 0 cm BI /W 2 /H 2 /BPC 8 /CS /G ID abcd\nEI Q % comment\n"))
    seed("template", "annotations.pdf", page(
        box + b"/Annots [5 0 R 6 0 R 7 0 R << /Subtype /Text /Popup 6 0 R /Contents (a\\(b\\)\\101) >>] /AA << /O << /S /JavaScript /JS (x) >> >> ", b"",
        b"<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI (http://example.org/) >> >>",
        b"<< /Type /Annot /Subtype /Popup /Rect [0 0 9 9] /Parent 5 0 R >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /Rect [0 0 9 9] /AP << /N 8 0 R >> /MK << >> /P 3 0 R >>",
        stream(b"/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"0 0 9 9 re f")))
    seed("template", "resources.pdf", page(
        box + b"/Resources << /Font << /Lc_F1 5 0 R >> /ExtGState << /G#20S << /CA .5 /SMask << /S /Luminosity /G 6 0 R >> >> >>"
        b" /Pattern << /P1 7 0 R >> /Shading << /S1 << /ShadingType 2 /ColorSpace /DeviceRGB /Coords [0 0 1 1]"
        b" /Function << /FunctionType 2 /Domain [0 1] /N 1 >> >> >> /ColorSpace << /C [/Indexed /DeviceRGB 1 <000000ffffff>] >>"
        b" /Properties << /MC0 8 0 R >> >> ", b"/OC /MC0 BDC /P1 scn EMC",
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [.001 0 0 .001 0 0] /CharProcs << /a 6 0 R >>"
        b" /Encoding << /Differences [97 /a] >> /FirstChar 97 /LastChar 97 /Widths [1000] >>",
        stream(b"/Type /XObject /Subtype /Form /BBox [0 0 1 1]", b"1000 0 d0 0 0 750 750 re f"),
        stream(b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 2 2] /XStep 2 /YStep 2 /Resources << >>", b"0 0 1 1 re f"),
        b"<< /Type /OCG /Name <feff0041> >>",
        catalog=b"/OCProperties << /OCGs [8 0 R] /D << /Order [8 0 R] /OFF [8 0 R] >> >> /OutputIntents [<< /S /GTS_PDFX >>] "))
    seed("template", "kinds.pdf", page(box + b"/Resources << /XObject 5 /Font [1] /ExtGState (x) /ProcSet [/PDF] /Pattern /P >> ", b""))
    # Names that end what they are in, if they are written as they are.
    seed("template", "names.pdf", page(
        box + b"/Resources << /X#20#3e#3e#20#2fAA << /N#20#3e#3e 1 >> /Font << /F#2f 5 0 R >> /ProcSet [/#5d] >> /Group << /S#28 /#3c >> ", b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /A#20B#28 >>"))
    deflated = zlib.compress(b"0 0 10 10 re f q Q " * 20)
    seed("template", "filters.pdf", page(
        box + b"/Resources << /XObject << /Im 5 0 R /Im2 6 0 R /Im3 7 0 R >> >> ", b"/Im Do /Im2 Do",
        stream(b"/Subtype /Image /Width 2 /Height 2 /BitsPerComponent 8 /ColorSpace /DeviceGray /Filter [/ASCIIHexDecode /FlateDecode]",
               zlib.compress(b"abcd").hex().encode() + b">"),
        stream(b"/Subtype /Image /Width 2 /Height 2 /BitsPerComponent 8 /ColorSpace /DeviceGray /Filter /FlateDecode"
               b" /DecodeParms << /Predictor 12 /Columns 2 >>", zlib.compress(b"\2ab\2cd")),
        stream(b"/Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray /Filter /RunLengthDecode", b"\0a\x80")))
    seed("template", "deflated.pdf", pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents [4 0 R 5 0 R] >>",
        stream(b"/Filter /FlateDecode", deflated), stream(b"/Filter /ASCII85Decode", b"87cURDZ~>")))
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><defs><linearGradient id="g"><stop stop-color="#123"/>' \
        b'<stop offset="1" stop-color="#fff"/></linearGradient></defs><rect width="50" height="30" fill="url(#g)" opacity=".5"/></svg>'
    drawn = run("rsvg-convert", "-f", "pdf", stdin=svg)
    seed("template", "cairo.pdf", drawn)
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "in.pdf").write_bytes(plain)
        for name, options in (("object-streams", ["--object-streams=generate"]), ("linear", ["--linearize"]),
                              ("encrypted", ["--encrypt", "", "owner", "256", "--"]),
                              ("password", ["--encrypt", "user", "owner", "256", "--"]),
                              ("rc4", ["--allow-weak-crypto", "--encrypt", "", "owner", "40", "--"]),
                              ("qdf", ["--qdf"])):
            run("qpdf", "--deterministic-id" if name in ("object-streams", "linear", "qdf") else "--static-id",
                *options, folder + "/in.pdf", folder + "/out.pdf")
            seed("template", name + ".pdf", (pathlib.Path(folder) / "out.pdf").read_bytes())
    # An update that replaces the content, and one whose table begins with objects of its own.
    update = len(plain)
    body = b"4 0 obj\n" + stream(b"", b"0 1 0 rg 0 0 9 9 re f") + b"\nendobj\n"
    start = plain.rindex(b"startxref\n") + 10
    previous = int(plain[start:plain.index(b"\n", start)])
    seed("template", "updated.pdf", plain + body + b"xref\n4 1\n%010d 00000 n \ntrailer\n<< /Size 6 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n"
         % (update, previous, update + len(body)))
    seed("template", "deep.pdf", page(box + b"/Group " + b"<< /A [" * 30 + b"1" + b"] >>" * 30 + b" ", b""))


# ---- options and texts ----------------------------------------------------------------------------

def make_options():
    everything = {
        "template": "template.pdf", "template_multiline": "turned.pdf",
        "defaults": {"font": ["latin.ttf", "every.ttf"], "color": "#1a5276", "align": "start", "size": 14},
        "text_elements": {
            "name": {"y": 100, "size": 30, "min_size": 2, "max_width": 200, "align": "right", "uppercase": True},
            "context": {"text": "{context_name}: {evidence.grade} {evidence.a.b.0}", "line_height": 1.5, "font": "Times-Italic"},
            "date": False,
            "custom": {"text": "{verify_url} {{x}}", "x": 300, "y": 9, "size": 4, "char_space": 0.5, "direction": "rtl", "color": "fff"},
        },
        "images": [{"slug": "seal.png", "x": 1, "y": 1}, {"slug": "photo.jpg", "x": 9, "y": 1, "width": 9.5, "height": 3}],
        "qr_codes": [{"x": 0, "y": 0, "size": 50, "text": "{verify_url}"}],
        "locale": "pt-BR", "date_format": "d MMMM yyyy", "time_zone": "Europe/Warsaw", "protection": "none",
    }
    documents = {
        "everything": everything,
        "page": {"page": {"size": "Letter", "orientation": "portrait"}},
        "plain": {"template": "template.pdf", "defaults": {"font": "every.ttf"}, "protection": "encrypt"},
        "wrong": {"template": "seal.png", "page": None, "txt_elements": 1, "images": [1], "locale": "xx-??", "date_format": "'",
                  "text_elements": {"a": {"y": -1, "color": "#12345", "font": []}, "name": 3}},
        "fonts": {"page": {}, "defaults": {"font": [{"slug": "variable.ttf", "wght": 650}, "two.ttc#1", "two.ttc"]}},
        "small": {"page": {}, "text_elements": {"name": {"max_width": 30, "min_size": 5, "text": "1 2 3 12 31 23", "font": "arabic.ttf"}}},
    }
    for name, options in documents.items():
        seed("options", name + ".json", json.dumps(options).encode())
    seed("options", "numbers.json", b'{"page":{},"text_elements":{"a":{"text":"a","y":1e2,"size":12.50,"x":1e-3,"min_size":1.50e0}},"images":[]}')
    words = set()

    def collect(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                words.add(key)
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)
        elif isinstance(value, str):
            words.add(value)
    for options in documents.values():
        collect(options)
    words |= {"Courier", "Helvetica-Bold", "devanagari.ttf", "serif.otf", "landscape", "A4", "tr", "UTC", "long", "short", "left",
              "center", "end", "ltr", "auto"}
    lines = ["".join(c if 32 <= ord(c) < 127 and c not in '"\\' else "".join(f"\\x{b:02x}" for b in c.encode()) for c in word)
             for word in sorted(words)]
    (HERE / "options.dict").write_text("".join(f'"\\"{line}\\""\n' for line in lines if line))


def make_texts():
    texts = {
        "latin": ("{name} has passed {context_name}", "Zo\u00eb O\u2019Neil-\u0141ukasiewicz", "Algebra", "{}", "en"),
        "arabic": ("\u0633\u0644\u0627\u0645 {name} 12", "Anna \u0639\u0644\u064a", "", "{}", "ar rtl"),
        "evidence": ("{evidence.a.b} {{x}} {evidence.grade}%{unknown}}{", "x", "y", '{"a": {"b": "\u05d0"}, "grade": 98.765}', "en"),
        "lines": ("one\r\ntwo\u2028three\x0bfour\x85{name}\tend", "a\nb", "\u05d0\nb", "{}", "tr upper"),
        "url": ("{verify_url}", "https://example.org/{verify_uuid}?a=%20", "", "{}", "en spaced"),
        "marks": ("\u0915\u094d\u0937\u093f e\u0301\u0323 \ud55c\uae00 \u0e01\u0e33 \U0001f600\u200d\U0001f468 \u2068\u2069\u202e", "\u00df\u01f0\u0390", "", "{}", "de upper"),
    }
    for name, fields in texts.items():
        seed("placeholder", name, b"\0".join(part.encode() for part in fields))
    names = ["{name}", "{context_name}", "{issue_date}", "{expires_date}", "{verify_uuid}", "{verify_url}", "{credential_type}",
             "{evidence.", "{{", "}}"]
    characters = ["\u05d0", "\u0633", "\u2068", "\u2069", "\u202e", "\u200d", "\u200c", "\u0301", "\u0915", "\u094d", "\ufb01",
                  "\u0130", "\u00df", "\U0001f600", "\u2028", "\u00ad", "\u0e01", "\u4e2d"]
    (HERE / "placeholder.dict").write_text(
        "".join(f'"{name}"\n' for name in names) +
        "".join('"' + "".join(f"\\x{b:02x}" for b in c.encode()) + '"\n' for c in characters))


def main():
    ASSETS.mkdir(exist_ok=True)
    for old in CORPUS.glob("*/seed-*"):
        old.unlink()
    make_fonts()
    make_images()
    make_templates()
    make_options()
    make_texts()
    total = sum(file.stat().st_size for folder in (ASSETS, CORPUS) for file in folder.rglob("*") if file.is_file())
    print(f"{total} bytes in all", file=sys.stderr)


main()
