# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Draws the picture of tests/bench: bars of instructions per message."""

import html

SERIES = (	# name, color, systems that it stands for
    ("UDP, in clear", "#9aa5b1", ("UDP", "UDP, offload")),
    ("UDP + OpenSSL in the program", "#4f83cc",
     ("UDP + OpenSSL", "UDP, offload + OpenSSL")),
    ("kTLS", "#e0913a", ("kTLS",)),
    ("ipcp_rekey", "#2e8b57", ("ipcp_rekey",)),
)
ROWS = ((1, "One call a message"), (64, "64 messages a call"))
COLUMNS = ("AES-256-GCM", "ChaCha20-Poly1305")
WIDTH, PANEL_H = 1180, 260
LEFT, RIGHT, TOP, GAP_X, GAP_Y = 70, 20, 110, 50, 90


class Page:
    """The elements of a picture."""

    def __init__(self):
        self.parts = []

    def text(self, x, y, text, size=12, anchor="middle", **style):
        """Add text."""
        attributes = "".join(f' {k.replace("_", "-")}="{v}"'
                             for k, v in style.items())
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
                          f'text-anchor="{anchor}"{attributes}>'
                          f'{html.escape(text)}</text>')

    def rect(self, x, y, w, h, color, title=""):
        """Add a bar."""
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" '
                          f'height="{h:.1f}" fill="{color}">'
                          f'<title>{html.escape(title)}</title></rect>')

    def line(self, x1, y1, x2, y2, color):
        """Add a line."""
        self.parts.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" '
                          f'stroke="{color}" fill="none"/>')


def short(n):
    """1234 as 1.2k."""
    return f"{n / 1000:.1f}k" if n < 99950 else f"{n / 1000:.0f}k"


def step_of(top):
    """Distance of the lines of an axis that ends at TOP, for four to eight lines."""
    step = 1
    while top / step > 8:
        step *= 2.5 if str(step)[0] == "2" else 2
    return step


def panel(page, x, y, width, found, sizes, top):
    """Draw bars for each size. FOUND: instructions by series and size."""
    step = step_of(top)
    for i in range(int(top // step) + 1):
        level = y + PANEL_H - i * step / top * PANEL_H
        page.line(x, level, x + width, level, "#e3e7eb" if i else "#59636e")
        page.text(x - 8, level + 4, f"{i * step:,.0f}", 11, "end",
                  fill="#59636e")
    group = width / len(sizes)
    bar = group * 0.84 / len(SERIES)
    for g, size in enumerate(sizes):
        page.text(x + (g + 0.5) * group, y + PANEL_H + 18, f"{size} bytes")
        for s, (name, color, _systems) in enumerate(SERIES):
            n = found.get((s, size))
            if n is None:
                continue
            height = n / top * PANEL_H
            left = x + g * group + group * 0.08 + s * bar
            page.rect(left + 1, y + PANEL_H - height, bar - 2, height, color,
                      f"{name}, {size} bytes: {n:,}")
            page.text(left + bar / 2, y + PANEL_H - height - 4, short(n), 10)


def series_of(row, cipher):
    """The series that a row belongs to, for a cipher; None if there is none."""
    for number, (_name, _color, systems) in enumerate(SERIES):
        if row["system"] in systems and row["cipher"] in (cipher, "none"):
            return number
    return None


def collect(rows, batch, cipher):
    """Instructions by series and size."""
    return {(series_of(row, cipher), row["size"]): row["instructions"]
            for row in rows if row["batch"] == batch and
            series_of(row, cipher) is not None}


def legend(page, y):
    """Draw the legend."""
    x = LEFT
    for name, color, _systems in SERIES:
        page.rect(x, y - 11, 14, 14, color)
        page.text(x + 20, y, name, 13, "start")
        x += 60 + 7.2 * len(name)


def draw(rows):
    """Return the picture of the rows of one kernel, as SVG."""
    page = Page()
    sizes = sorted({row["size"] for row in rows})
    # not all runs measure each cipher
    ciphers = [cipher for cipher in COLUMNS if cipher in {row["cipher"] for row in rows}]
    width = (WIDTH - LEFT - RIGHT + GAP_X) / len(ciphers) - GAP_X
    page.text(LEFT, 36, "Instructions per message, sender and receiver together",
              22, "start", font_weight="bold")
    page.text(LEFT, 58, f"Linux {rows[0]['kernel']}, two network namespaces "
              "over veth, one processor, counted by the emulator; fewer is "
              "better", 13, "start", fill="#59636e")
    legend(page, 86)
    y = TOP + 30
    for batch, title in ROWS:
        found = [collect(rows, batch, cipher) for cipher in ciphers]
        if not any(found):
            continue
        top = max(n for f in found for n in f.values()) * 1.08
        for i, cipher in enumerate(ciphers):
            x = LEFT + i * (width + GAP_X)
            page.text(x, y - 14, f"{title}, {cipher}", 15, "start",
                      font_weight="bold")
            panel(page, x, y, width, found[i], sizes, top)
        y += PANEL_H + GAP_Y
    height = y - GAP_Y + 40
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{height}" viewBox="0 0 {WIDTH} {height}" '
            'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">\n'
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n' +
            "\n".join(page.parts) + "\n</svg>\n")
