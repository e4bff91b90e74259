"""Small plots over the number of services, as one SVG that can be read on light and on dark paper."""
import math

WIDTH, HEIGHT, GAP, LEFT, TOP, BOTTOM, RIGHT = 380, 210, 34, 52, 40, 34, 84
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-weight: 600 }
.grid { stroke: #8884; stroke-width: 1 } .limit { stroke: #888; stroke-dasharray: 4 4 }
.line { fill: none; stroke-width: 2 } .a { stroke: #0969da; fill: #0969da } .b { stroke: #bc4c00; fill: #bc4c00 }
.c { stroke: #1a7f37; fill: #1a7f37 } text.a, text.b, text.c { stroke: none } .line { fill: none }
@media (prefers-color-scheme: dark) { text { fill: #ccc } .a { stroke: #58a6ff; fill: #58a6ff }
.b { stroke: #f0883e; fill: #f0883e } .c { stroke: #3fb950; fill: #3fb950 } .line { fill: none } }
"""


class Panel:
    """Lines over sizes; both axes by powers of ten, or the upright one from 0."""

    def __init__(self, title, lines, powers, limit=None):
        self.title, self.lines, self.powers, self.limit = title, lines, powers, limit
        values = [value for line in lines.values() for value in line.values()] + ([limit] if limit else [])
        if powers:
            first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
            self.ticks = [10 ** power for power in range(first, last + 1)]
            self.low, self.high = self.ticks[0], self.ticks[-1]
        else:
            step = 10 ** math.floor(math.log10(max(values)))
            step = next(step * part for part in (0.1, 0.2, 0.5, 1, 2) if max(values) / (step * part) <= 6)
            self.low, self.high = 0, step * math.ceil(max(values) / step)
            self.ticks = [step * number for number in range(round(self.high / step) + 1)]

    def across(self, size):
        sizes = [size for line in self.lines.values() for size in line]
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(size) / max(1, math.log10(max(sizes)))

    def up(self, value):
        share = (math.log10(value / self.low) / math.log10(self.high / self.low) if self.powers
                 else value / self.high)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def elements(self):
        yield f'<text class="title" x="{LEFT}" y="20">{self.title}</text>'
        for tick in self.ticks:
            y = self.up(tick)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:,g}</text>'
        for size in sorted({size for line in self.lines.values() for size in line}):
            yield (f'<text x="{self.across(size):.1f}" y="{HEIGHT - BOTTOM + 18}" '
                   f'text-anchor="middle">{size:,}</text>')
        if self.limit:
            y = self.up(self.limit)
            yield f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        for color, line in zip('abc', self.lines.values()):
            points = ' '.join(f'{self.across(size):.1f},{self.up(value):.1f}' for size, value in sorted(line.items()))
            yield f'<polyline class="line {color}" points="{points}"/>'
        # Each name at the end of its line, and none on another.
        ends = sorted(
            (self.up(line[max(line)]) + 4, color, name) for color, (name, line) in zip('abc', self.lines.items()))
        last = 0
        for y, color, name in ends:
            last = max(y, last + 14)
            yield f'<text class="{color}" x="{WIDTH - RIGHT + 8}" y="{last:.1f}">{name}</text>'


def draw(panels):
    rows = (len(panels) + 1) // 2
    width, height = 2 * WIDTH + GAP, rows * HEIGHT + (rows - 1) * GAP
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
             f'height="{height}" role="img" aria-label="Cost against the number of services"><style>{STYLE}</style>']
    for number, panel in enumerate(panels):
        x, y = number % 2 * (WIDTH + GAP), number // 2 * (HEIGHT + GAP)
        parts += [f'<g transform="translate({x},{y})">', *panel.elements(), '</g>']
    return '\n'.join(parts + ['</svg>', ''])
