"""One page about simulated calls."""
from __future__ import annotations
MOST_PICTURES = 12
class CallPictures:
    def __init__(self, title): self.title = title
    def begin(self, fmt): pass
    def said(self, block): pass
    def heard(self, block): pass
    def finish(self, row, trail): pass
def simulation_page(rows, pictures): return ""
