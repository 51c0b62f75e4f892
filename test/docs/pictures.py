#!/usr/bin/python3
"""pictures.py DATABASE PAGE.md FOLDER: makes the pictures of a page, as FOLDER/NAME.png.

A picture is made from the options that stand above a line <!-- picture NAME: {...} --> of the page; what may
stand in the braces is in test/docs/examples.md. DATABASE has the extension and the assets that the options
name. Each picture is cut to what is to be seen and has as few colours as it needs.
"""
import base64
import io
import json
import re
import subprocess
import sys
import tempfile
import textwrap

from PIL import Image, ImageChops, ImageDraw, ImageFont

BLOCK = re.compile(r"^```(?:json|sh)\n((?:(?!```).*\n)*)```\n(?:\n*```text\n(?:(?!```).*\n)*```\n)?\n*<!-- picture ([\w-]+): (\{.*\}) -->$", re.MULTILINE)
HERE_DOCUMENT = re.compile(r"<<'JSON'\n(.*?)^JSON$", re.DOTALL | re.MULTILINE)
KEYS = {"crop", "dpi", "grid", "guides", "name", "context", "date", "evidence", "each", "columns", "colors"}

PAPER, GRID, LABEL, GUIDE, FRAME, CAPTION = "#ffffff", "#e3dac6", "#a08c62", "#b5462f", "#b0b0b0", "#5c5c66"
GAP = 12

# Pages are drawn so many times larger: fine lines and the squares of QR codes become even.
FINER = 3

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"


def page(database, options, spec):
    """The page as an image with spec's dpi; an error of the server ends the program with its words."""
    sql = """SELECT encode(learning_credentials.preview_pdf(o, :'name', :'context', :'date', :'evidence'), 'base64')
      FROM (SELECT CASE WHEN o ?| ARRAY['template', 'page'] THEN o ELSE o || '{"page": {}}' END AS o
              FROM (VALUES (:'options'::jsonb)) AS v (o)) AS w;"""
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database]
    values = {"options": json.dumps(options), "name": spec.get("name", "Ada Lovelace"),
              "context": spec.get("context", "Introduction to Mathematics"), "date": spec.get("date", "2026-06-12"),
              "evidence": json.dumps(spec.get("evidence", {}))}
    for key, value in values.items():
        command += ["-v", f"{key}={value}"]
    answer = subprocess.run(command, input=sql, text=True, stdout=subprocess.PIPE)
    if answer.returncode != 0:
        sys.exit(f"pictures.py: no picture of {options}")
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.b64decode(answer.stdout))
        file.flush()
        image = subprocess.run(["pdftoppm", "-r", str(FINER * spec["dpi"]), "-singlefile", file.name],
                               stdout=subprocess.PIPE, check=True).stdout
    return Image.open(io.BytesIO(image)).convert("RGB").reduce(FINER)


def measured(image, spec):
    """A page with lines every so many points and their numbers, and with guides, under the ink."""
    scale = spec["dpi"] / 72
    below = Image.new("RGB", image.size, PAPER)
    draw = ImageDraw.Draw(below)
    font = ImageFont.truetype(FONT, round(9 * scale))
    left, bottom = spec.get("crop", [0, 0])[:2]
    grid = spec.get("grid")
    lines = range(grid, 2000, grid) if grid else []
    for at in lines:
        x, y = at * scale, image.height - at * scale
        draw.line([(x, 0), (x, image.height)], fill=GRID)
        draw.line([(0, y), (image.width, y)], fill=GRID)
    for at in lines:
        x, y = at * scale, image.height - at * scale
        draw.text((x + 3, image.height - (bottom + 3) * scale), str(at), fill=LABEL, font=font, anchor="ls")
        draw.text(((left + 3) * scale, y - 3), str(at), fill=LABEL, font=font, anchor="ls")
    for at in spec.get("guides", []):
        draw.line([(at * scale, 0), (at * scale, image.height)], fill=GUIDE)
    return ImageChops.multiply(below, image)


def panel(database, options, spec):
    """A page, or a part of it, in a frame."""
    image = page(database, options, spec)
    if "grid" in spec or "guides" in spec:
        image = measured(image, spec)
    if "crop" in spec:
        scale = spec["dpi"] / 72
        left, bottom, right, top = spec["crop"]
        image = image.crop((round(left * scale), round(image.height - top * scale),
                            round(right * scale), round(image.height - bottom * scale)))
    ImageDraw.Draw(image).rectangle([0, 0, image.width - 1, image.height - 1], outline=FRAME)
    return image


def laid_over(base, override):
    """As merge_options() does."""
    if not isinstance(base, dict) or not isinstance(override, dict):
        return override
    return {**base, **{key: laid_over(base.get(key), value) for key, value in override.items()}}


def with_caption(image, text):
    font = ImageFont.truetype(FONT, 12)
    text = textwrap.fill(text, max(22, int(image.width / font.getlength("m"))))
    _, _, width, height = ImageDraw.Draw(image).multiline_textbbox((0, 0), text, font=font)
    sheet = Image.new("RGB", (max(image.width, width + 2), image.height + height + 6), PAPER)
    sheet.paste(image, (0, 0))
    ImageDraw.Draw(sheet).text((1, image.height + 3), text, fill=CAPTION, font=font)
    return sheet


def panels(database, options, spec):
    """The pages that "each" makes of the options, with what it lays over them beneath; or the one page."""
    if "each" not in spec:
        return [panel(database, options, spec)]
    images = []
    for own in spec["each"]:
        if isinstance(own, str):          # another name of the context
            images.append(with_caption(panel(database, options, {**spec, "context": own}), json.dumps(own)))
        else:
            images.append(with_caption(panel(database, laid_over(options, own), spec),
                                       json.dumps(own, ensure_ascii=False)[1:-1]))
    return images


def sheet(images, columns):
    """Images in rows of so many, each row and column as large as its largest."""
    rows = [images[i:i + columns] for i in range(0, len(images), columns)]
    widths = [max(row[i].width for row in rows if i < len(row)) for i in range(min(columns, len(images)))]
    heights = [max(image.height for image in row) for row in rows]
    whole = Image.new("RGB", (sum(widths) + GAP * (len(widths) - 1), sum(heights) + GAP * (len(rows) - 1)), PAPER)
    y = 0
    for row, height in zip(rows, heights):
        x = 0
        for image, width in zip(row, widths):
            whole.paste(image, (x, y))
            x += width + GAP
        y += height + GAP
    return whole


def main(database, path, folder):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = BLOCK.findall(text)
    if len(found) != text.count("<!-- picture "):
        sys.exit(f"{path}: a comment that asks for a picture has no options above it, or is not as expected")
    for block, name, braces in found:
        spec = {"dpi": 96, "columns": 1, "colors": 32, **json.loads(braces)}
        if spec.keys() - KEYS:
            sys.exit(f"{path}: picture {name}: unknown key {', '.join(spec.keys() - KEYS)}")
        document = HERE_DOCUMENT.search(block)
        options = json.loads(document.group(1) if document else block)
        image = sheet(panels(database, options, spec), spec["columns"])
        image.quantize(spec["colors"], dither=Image.Dither.NONE).save(f"{folder}/{name}.png", optimize=True)
        print(f"{name}.png")


main(*sys.argv[1:])
