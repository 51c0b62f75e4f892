"""What the documents of the benchmark are made of: templates, fonts, texts. The same at every run."""
import io
import math
import random
import zlib

from PIL import Image

WIDTH, HEIGHT = 841.89, 595.28      # A4, landscape, in points

KINDS = {
    'noto-sans': '/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf',
    'wqy-zenhei': '/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc',
    'noto-sans-cjk': '/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc',
}

LATIN_NAMES = [
    'Ada Lovelace', 'Grace Hopper', 'José Ángel Núñez', 'Zoë Brontë', 'Dvořák Antonín', 'Søren Åkesson',
    'Nguyễn Thị Minh Khai', 'Ólafur Þórðarson', 'Łucja Wójcik', 'Márton Szőke', 'Ğülşen Yıldız',
    'Jean-François Lœuillet', 'Margarida Conceição', 'Ieva Žukauskienė', 'Chidi Ọkọnkwọ', 'Maximilian Groß']
CHINESE_NAMES = [
    '王小明', '李秀英', '张伟', '刘洋', '陈静', '杨勇', '赵敏', '黄磊', '周杰', '吴桂英', '徐丽', '孙强', '马超',
    '朱军', '胡霞', '林峰']
TEXTS = {
    'noto-sans': (LATIN_NAMES, 'Introduction to Relational Databases', 'Module {}: passed, {} %'),
    'wqy-zenhei': (CHINESE_NAMES, '关系数据库导论', '第{}单元: 合格, {} 分'),
    'noto-sans-cjk': (CHINESE_NAMES, '关系数据库导论', '第{}单元: 合格, {} 分'),
}
VERIFY_URL = 'https://example.org/verify/00000000-0000-0000-0000-000000000000'
DATE = 'November 23, 2026'


def pdf(objects):
    """A PDF file of these objects, numbered from 1; each is its entries, or its entries and a stream."""
    out = io.BytesIO()
    offsets = []
    out.write(b'%PDF-1.5\n%\xe2\xe3\xcf\xd3\n')
    for number, value in enumerate(objects, 1):
        offsets.append(out.tell())
        entries, stream = value if isinstance(value, tuple) else (value, None)
        out.write(b'%d 0 obj\n' % number)
        if stream is None:
            out.write(b'<< %s >>\n' % entries)
        else:
            out.write(b'<< %s /Length %d >>\nstream\n%s\nendstream\n' % (entries, len(stream), stream))
        out.write(b'endobj\n')
    start = out.tell()
    out.write(b'xref\n0 %d\n0000000000 65535 f \n' % (len(objects) + 1))
    for offset in offsets:
        out.write(b'%010d 00000 n \n' % offset)
    out.write(b'trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n' % (len(objects) + 1, start))
    return out.getvalue()


def page(resources, content, *more):
    """A PDF of one page; object 4 is its content, the others follow from 5."""
    return pdf([
        b'/Type /Catalog /Pages 2 0 R',
        b'/Type /Pages /Kids [3 0 R] /Count 1',
        b'/Type /Page /Parent 2 0 R /MediaBox [0 0 %.2f %.2f] /Resources << %s >> /Contents 4 0 R'
        % (WIDTH, HEIGHT, resources),
        (b'/Filter /FlateDecode', zlib.compress(content, 9)),
        *more])


def vector_template(size):
    """Frames and rosettes of curves in a few colours, a heading, a shaded bar; of about this size in bytes."""
    lines = [b'/Gs1 gs /Sh1 sh', b'0.55 0.43 0.20 RG 1.5 w 28 28 %.2f %.2f re S' % (WIDTH - 56, HEIGHT - 56),
             b'0.69 0.56 0.32 RG 0.5 w 36 36 %.2f %.2f re S' % (WIDTH - 72, HEIGHT - 72),
             b'BT /F1 34 Tf 0.15 0.15 0.2 rg 210 430 Td (Certificate of Completion) Tj ET']

    def document():
        return page(b'/Font << /F1 5 0 R >> /ExtGState << /Gs1 6 0 R >> /Shading << /Sh1 7 0 R >>',
                    b'\n'.join(lines),
                    b'/Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding /WinAnsiEncoding',
                    b'/Type /ExtGState /CA 0.9 /ca 0.9',
                    b'/ShadingType 2 /ColorSpace /DeviceRGB /Coords [0 0 %.2f 0] /Function << /FunctionType 2'
                    b' /Domain [0 1] /C0 [0.97 0.95 0.9] /C1 [1 1 1] /N 1 >>' % WIDTH)

    turn = 0
    while len(document()) < size:
        turn += 1
        cx, cy = (96 + 650 * (turn % 2), 96 + 400 * (turn // 2 % 2))
        points = []
        for step in range(25):
            angle = 2 * math.pi * step / 24 + turn * 0.11
            radius = 30 + turn % 9 * 1.7 + 9 * math.sin(7 * angle + turn)
            points.append((cx + radius * math.cos(angle), cy + radius * math.sin(angle)))
        lines.append(b'%.3f w %.2f %.2f m' % (0.2 + turn % 5 * 0.06, *points[0]))
        for one, two, three in zip(points[1::3], points[2::3], points[3::3]):
            lines.append(b'%.2f %.2f %.2f %.2f %.2f %.2f c' % (*one, *two, *three))
        lines.append(b's')
    return document()


def image_template(size, width, height):
    """A page that is one JPEG of these pixels, with the noise it needs to have about this size in bytes."""
    noise = Image.frombytes('L', (width, height), random.Random(1).randbytes(width * height)).convert('RGB')
    ground = Image.merge('RGB', [Image.linear_gradient('L').resize((width, height)).point(
        lambda value, shade=shade: 255 - value * shade // 255) for shade in (20, 35, 60)])
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        jpeg = io.BytesIO()
        Image.blend(ground, noise, middle).save(jpeg, 'JPEG', quality=85)
        if jpeg.tell() < size:
            low = middle
        else:
            high = middle
    return page(b'/XObject << /Im1 5 0 R >>', b'q %.2f 0 0 %.2f 0 0 cm /Im1 Do Q' % (WIDTH, HEIGHT),
                (b'/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB'
                 b' /BitsPerComponent 8 /Filter /DCTDecode' % (width, height), jpeg.getvalue()))


TEMPLATES = {
    'vector': lambda: vector_template(10_000),
    'image-10k': lambda: image_template(10_000, 320, 226),
    'image-300k': lambda: image_template(300_000, 1240, 877),
    'image-3m': lambda: image_template(3_000_000, 2480, 1754),
}


def texts(count, font):
    """The texts of a document as (name of the element, text, x, y, size): "{name}" stands for whom it is for."""
    _, context, module = TEXTS[font]
    found = [('name', '{name}', WIDTH / 2, 290, 32), ('context', context, WIDTH / 2, 220, 28),
             ('date', DATE, WIDTH / 2, 120, 12)]
    for i in range(count - 3):
        found.append(('module%d' % i, module.format(i + 1, 60 + i * 7 % 41), (110, 240, 600, 730)[i % 4],
                      205 - i // 4 * 7, 6))
    return found[:count]
