#!/bin/bash
# make.sh: makes the PDFs in this folder anew, with the programs that people make certificates with.
#
# They are committed, because installing those programs takes longer and more room than all tests together.
# Needs the packages librsvg2-bin, libreoffice-draw-nogui, libreoffice-writer-nogui, texlive-latex-base,
# ghostscript, chromium, groff and fonts-dejavu-core. What comes out differs in times and identifiers from run
# to run. Which versions made what is here: see `pdfinfo`.
set -euo pipefail
cd "$(dirname "$0")"
folder=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work

# ---- cairo: gradients, group opacity, clip, mask, embedded fonts
cat >cairo.svg <<'SVG'
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="420pt" height="300pt" viewBox="0 0 420 300">
  <defs>
    <linearGradient id="sky" x2="0.4" y2="1"><stop stop-color="#dff"/><stop offset="1" stop-color="#fc9"/></linearGradient>
    <radialGradient id="sun"><stop stop-color="#c00"/><stop offset="1" stop-color="#c00" stop-opacity="0"/></radialGradient>
    <mask id="fade"><rect width="420" height="300" fill="url(#grey)"/></mask>
    <linearGradient id="grey"><stop stop-color="#fff"/><stop offset="1" stop-color="#000"/></linearGradient>
    <pattern id="dots" width="9" height="7" patternUnits="userSpaceOnUse"><circle cx="3" cy="3" r="2" fill="#085"/></pattern>
    <clipPath id="round"><circle cx="90" cy="210" r="60"/></clipPath>
  </defs>
  <rect width="420" height="300" fill="url(#sky)"/>
  <circle cx="330" cy="80" r="70" fill="url(#sun)"/>
  <g clip-path="url(#round)"><rect y="140" width="200" height="160" fill="url(#dots)"/></g>
  <g mask="url(#fade)"><rect x="10" y="10" width="400" height="40" fill="#306"/></g>
  <g opacity="0.5"><rect x="200" y="160" width="120" height="90" fill="#00f"/><rect x="250" y="190" width="130" height="90" fill="#fa0"/></g>
  <text x="40" y="110" font-family="DejaVu Serif" font-size="26" fill="#222">Certificate of cairo</text>
  <path d="M20 290 C100 240 200 330 400 260" stroke="#090" stroke-width="3" stroke-dasharray="9 4" fill="none"/>
</svg>
SVG
rsvg-convert -f pdf -o "$folder/cairo.pdf" cairo.svg

# ---- LibreOffice, drawing: gradient with transparency, rotated text, a polygon
cat >libreoffice-draw.fodg <<'FODG'
<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.graphics">
 <office:styles>
  <draw:gradient draw:name="warm" draw:style="linear" draw:start-color="#ffcc00" draw:end-color="#cc0066" draw:angle="30deg"/>
  <draw:opacity draw:name="fading" draw:style="radial" draw:cx="50%" draw:cy="50%" draw:start="100%" draw:end="10%"/>
 </office:styles>
 <office:automatic-styles>
  <style:page-layout style:name="P"><style:page-layout-properties fo:page-width="15cm" fo:page-height="11cm" fo:margin="0cm" style:print-orientation="landscape"/></style:page-layout>
  <style:style style:name="g1" style:family="graphic"><style:graphic-properties draw:fill="gradient" draw:fill-gradient-name="warm" draw:opacity-name="fading" draw:stroke="none"/></style:style>
  <style:style style:name="g2" style:family="graphic"><style:graphic-properties draw:fill="solid" draw:fill-color="#3366cc" draw:opacity="40%" svg:stroke-color="#003300" svg:stroke-width="0.2cm"/></style:style>
  <style:style style:name="g3" style:family="graphic"><style:graphic-properties draw:fill="none" draw:stroke="none"/></style:style>
  <style:style style:name="t" style:family="text"><style:text-properties style:font-name="DejaVu Serif" fo:font-family="DejaVu Serif" fo:font-size="20pt"/></style:style>
 </office:automatic-styles>
 <office:master-styles><style:master-page style:name="M" style:page-layout-name="P"/></office:master-styles>
 <office:body><office:drawing><draw:page draw:name="1" draw:master-page-name="M">
  <draw:rect draw:style-name="g1" svg:x="0.5cm" svg:y="0.5cm" svg:width="10cm" svg:height="8cm"/>
  <draw:ellipse draw:style-name="g2" svg:x="7cm" svg:y="4cm" svg:width="7cm" svg:height="6cm"/>
  <draw:frame draw:style-name="g3" draw:transform="rotate(0.3) translate(2cm 7cm)" svg:width="9cm" svg:height="1.5cm"><draw:text-box><text:p><text:span text:style-name="t">Certificate of drawing</text:span></text:p></draw:text-box></draw:frame>
 </draw:page></office:drawing></office:body>
</office:document>
FODG

# ---- LibreOffice, text: fonts, a table, a link
cat >libreoffice-writer.html <<'HTML'
<html><body style="font-family: 'DejaVu Serif'"><h1>Certificate of writing</h1>
<p>Given for a <b>table</b>, <i>some words</i> and <a href="https://example.org/course">a link</a>.</p>
<table border="1" bgcolor="#ffeecc"><tr><td>Homework</td><td>80 %</td></tr><tr><td>Exam</td><td>95 %</td></tr></table></body></html>
HTML
soffice --headless --convert-to pdf libreoffice-draw.fodg >/dev/null
soffice --headless --convert-to pdf:writer_web_pdf_Export --infilter='HTML (StarWriter)' libreoffice-writer.html >/dev/null
cp libreoffice-draw.pdf libreoffice-writer.pdf "$folder"

# ---- TeX: Type 1 fonts, mathematics, rules; object streams; turned and cropped
cat >tex.tex <<'TEX'
\documentclass[12pt]{article}
\pdfpageattr{/Rotate 90 /CropBox [60 120 480 640]}
\pdfpagewidth=540pt \pdfpageheight=720pt
\begin{document}\thispagestyle{empty}
\begin{center}{\Huge Certificate of \TeX}\\[2em] \rule{8cm}{3pt}\\[1em]
\fbox{\Large $\displaystyle \int_0^\infty e^{-x^2}\,dx = \frac{\sqrt\pi}{2}$}\\[2em]
\textsc{Small Capitals}, \textit{italics}, \textbf{bold}, \texttt{typewriter}\end{center}
\pdfliteral{q 0.8 0.2 0.1 rg 40 -90 m 140 -20 l 200 -120 l f Q}
\end{document}
TEX
pdflatex -interaction=batchmode tex.tex >/dev/null
cp tex.pdf "$folder"

# ---- Ghostscript: CMYK, shadings, a pattern, a Type 3 font, a base font, turned by the page device
cat >ghostscript.ps <<'PS'
%!PS-Adobe-3.0
<< /PageSize [400 300] >> setpagedevice
0.1 0 0.3 0 setcmykcolor 0 0 400 300 rectfill
<< /ShadingType 3 /ColorSpace /DeviceCMYK /Coords [300 200 10 310 190 90] /Extend [false false]
   /Function << /FunctionType 2 /Domain [0 1] /C0 [0 1 1 0] /C1 [1 0.2 0 0] /N 1.3 >> >> shfill
gsave 20 20 150 110 rectclip
<< /ShadingType 4 /ColorSpace /DeviceRGB /DataSource [0 20 20 1 0 0  0 170 20 0 1 0  0 90 130 0 0 1] >> shfill grestore
<< /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 12 12] /XStep 12 /YStep 12
   /PaintProc { pop 0.7 0 0 setrgbcolor 2 2 6 6 rectfill 0 0 0.8 setrgbcolor 8 8 3 3 rectfill } bind >> matrix makepattern
/Pattern setcolorspace setcolor 200 20 180 60 rectfill
/Drawn << /FontType 3 /FontMatrix [0.001 0 0 0.001 0 0] /FontBBox [0 0 800 800]
   /Encoding 256 array dup 0 1 255 { /box put dup } for pop
   /BuildGlyph { pop pop 900 0 0 0 800 800 setcachedevice 0 0 800 500 rectfill 300 500 200 300 rectfill } bind >>
dup begin end definefont pop
0.2 setgray /Drawn 30 selectfont 30 230 moveto (abc) show
0 0.4 0 setrgbcolor /Palatino-Roman 26 selectfont 30 180 moveto (Certificate of Ghostscript) show
2 setlinewidth [6 3] 0 setdash 10 10 380 280 rectstroke
showpage
PS
ps2pdf -dPDFSETTINGS=/prepress ghostscript.ps "$folder/ghostscript.pdf"
ps2pdf -dCompatibilityLevel=1.3 ghostscript.ps "$folder/ghostscript-1.3.pdf"

# ---- Chromium: blending, shadows, gradients, transforms, a link, tags
cat >chromium.html <<'HTML'
<style>@page { size: 420pt 300pt; margin: 0 } body { margin: 0; font-family: 'DejaVu Sans' }
div { position: absolute }</style>
<div style="width:100%;height:100%;background:conic-gradient(from 40deg,#eef,#ffd,#eef)"></div>
<div style="left:60px;top:60px;width:180px;height:120px;background:linear-gradient(120deg,#08c,#80c);box-shadow:9px 9px 14px #0008;border-radius:20px"></div>
<div style="left:180px;top:120px;width:180px;height:120px;background:#fa0;mix-blend-mode:multiply;transform:rotate(9deg)"></div>
<div style="left:330px;top:220px;width:160px;height:110px;opacity:.5"><div style="width:90px;height:90px;background:red"></div><div style="left:40px;top:20px;width:90px;height:90px;background:blue"></div></div>
<div style="left:80px;top:270px;font-size:30px;-webkit-text-stroke:1px #060;color:#cfc">Certificate of Chromium</div>
<div style="left:90px;top:330px"><a href="https://example.org/verify">a link</a></div>
HTML
chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer --print-to-pdf="$folder/chromium.pdf" "file://$work/chromium.html" 2>/dev/null

# ---- groff
printf '.po 1i\n.ll 4i\n.sp 1i\n.ce 2\n.ps 30\nCertificate of groff\n.ps 12\n\\fIGiven\\fP in \\fBlines\\fP\n.sp\n\\D\x27l 3i 1i\x27\n' |
    groff -Tpdf -P-p4i,6i >"$folder/groff.pdf"

ls -l "$folder"
