"""The reference: a certificate made the way it is usually done, in Python with reportlab and pypdf.

The texts are drawn on a page of their own, which is merged onto the template's page, and the result is
encrypted with the best that pypdf 3.4 offers, RC4 with 128 bits. What can be done once per process is: the
template is opened and its objects are read once, fonts are registered once, and RC4 is pycryptodome's.
"""
import io
import secrets

from pypdf import PdfReader, PdfWriter
from pypdf.constants import UserAccessPermissions
from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

PERMISSIONS = (UserAccessPermissions.PRINT | UserAccessPermissions.PRINT_TO_REPRESENTATION
               | UserAccessPermissions.EXTRACT | UserAccessPermissions.EXTRACT_TEXT_AND_GRAPHICS)


class Reference:
    """Documents on one template."""

    def __init__(self, template):
        self.template = PdfReader(io.BytesIO(template)).pages[0]
        self.width = float(self.template.mediabox.width)
        self.height = float(self.template.mediabox.height)

    def document(self, texts, font, qr_code, sealed):
        """The bytes of a document; texts as (text, x, y, size), centred; qr_code (text, x, y, size) or None."""
        overlay = io.BytesIO()
        canvas = Canvas(overlay, pagesize=(self.width, self.height))
        for text, x, y, size in texts:
            canvas.setFont(font, size)
            canvas.drawCentredString(x, y, text)
        if qr_code is not None:
            text, x, y, size = qr_code
            drawing = Drawing(size, size)
            drawing.add(QrCodeWidget(text, barWidth=size, barHeight=size, barLevel='M'))
            renderPDF.draw(drawing, canvas, x, y)
        canvas.save()

        writer = PdfWriter()
        page = writer.add_page(self.template)
        page.merge_page(PdfReader(overlay).pages[0])
        if sealed:
            writer.encrypt('', secrets.token_hex(16), use_128bit=True, permissions_flag=PERMISSIONS)
        document = io.BytesIO()
        writer.write(document)
        return document.getvalue()


def register_font(name, path):
    """Makes a TrueType font, the first if it is a collection, known under a name."""
    pdfmetrics.registerFont(TTFont(name, path))
