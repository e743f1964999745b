"""The plot: panels of horizontal bars in SVG, readable on a light and on a dark page."""
from xml.sax.saxutils import escape

COLUMNS = 2
PANEL, GAP, MARGIN = 460, 20, 16        # pixels
LABEL, VALUE = 190, 66                  # what stands left and right of a bar
BAR, ROW, TITLE = 13, 19, 30

# The same hue for a program in each panel; childflow stands out.
COLOURS = {"childflow": "#d9480f", "direct": "#868e96", "pasta": "#1c7ed6",
           "slirp4netns": "#37b24d", "splice relay": "#9775fa", "copying relay": "#c0a4fb"}
OTHER = "#adb5bd"

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #212529 }
  .title { font-weight: 600; font-size: 13px }
  .axis { stroke: #868e96; stroke-width: 1 }
  @media (prefers-color-scheme: dark) { text { fill: #e9ecef } }
"""


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def panel(title, bars, left, top):
    """bars: (program, value or None)."""
    most = max((value for _, value in bars if value), default=1)
    room = PANEL - LABEL - VALUE
    yield f'<text class="title" x="{left}" y="{top + 14}">{escape(title)}</text>'
    for i, (who, value) in enumerate(bars):
        y = top + TITLE + i * ROW
        length = room * (value or 0) / most
        yield f'<text x="{left + LABEL - 8}" y="{y + 11}" text-anchor="end">{escape(who)}</text>'
        yield (f'<rect x="{left + LABEL}" y="{y}" width="{max(length, 1):.1f}" height="{BAR}" '
               f'fill="{COLOURS.get(who, OTHER)}"/>')
        text = number(value) if value is not None else "failed"
        yield f'<text x="{left + LABEL + length + 6:.1f}" y="{y + 11}">{text}</text>'
    x, end = left + LABEL, top + TITLE + len(bars) * ROW - 4
    yield f'<line class="axis" x1="{x}" y1="{top + TITLE - 3}" x2="{x}" y2="{end}"/>'


def svg(panels):
    """panels: (title, bars); the text of an SVG file."""
    parts = []
    top = MARGIN
    for first in range(0, len(panels), COLUMNS):
        row = panels[first:first + COLUMNS]
        for column, (title, bars) in enumerate(row):
            parts += panel(title, bars, MARGIN + column * (PANEL + GAP), top)
        top += TITLE + max(len(bars) for _, bars in row) * ROW + GAP // 2
    width = 2 * MARGIN + COLUMNS * PANEL + (COLUMNS - 1) * GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" '
            f'width="{width}" height="{top}" role="img" aria-label="figures of PERFORMANCE.md">\n'
            f'<style>{STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n")
