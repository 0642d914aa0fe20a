"""Reports: tables for the terminal, Markdown and CSV, and figures, drawn from results."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich import box
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from botorch_cll.files import write_atomically

REFERENCE = Path(__file__).parents[1] / "reference"  # the paper's tables


@dataclass(frozen=True)
class ReportTable:
    """A table: numbers by column, how to print them (`formats`), and which stand out (`bold`)."""

    name: str
    title: str
    caption: str
    frame: pd.DataFrame
    formats: Mapping[str, str] = field(default_factory=dict)
    bold: Mapping[str, pd.Series] = field(default_factory=dict)

    def _cells(self, mark: str, shown: Callable[[str], str] = str) -> Iterator[tuple[str, ...]]:
        """The printed entries, row by row; `mark` is a format that makes text stand out."""
        columns = []
        for name, values in self.frame.items():
            texts = ["" if pd.isna(x) else format(x, self.formats.get(name, "")) for x in values]
            marks = [mark if bold else "{}" for bold in self.bold.get(name, [False] * len(texts))]
            columns.append([m.format(shown(text)) for m, text in zip(marks, texts, strict=True)])
        return zip(*columns, strict=True)

    def to_rich(self) -> Table:
        """The table for a terminal."""
        title, caption = escape(self.title), escape(self.caption)
        table = Table(title=title, caption=caption, box=box.SIMPLE)
        table.title_justify = table.caption_justify = "left"
        for name in self.frame.columns:
            side: JustifyMethod = "right" if name in self.formats else "left"
            table.add_column(escape(str(name)), overflow="fold", justify=side)
        for row in self._cells("[bold]{}[/bold]", escape):
            table.add_row(*row)
        return table

    def to_markdown(self) -> str:
        """The table in Markdown, between its title and its caption."""
        names = [str(name).replace("\n", " ") for name in self.frame.columns]
        sides = ["---:" if name in self.formats else "---" for name in self.frame.columns]
        lines = [names, sides, *self._cells("**{}**")]
        body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"## {self.title}\n\n{body}\n\n{self.caption}\n"


@dataclass
class Report:
    """A title, notes that come first, tables, and figures by the stem of their file."""

    title: str
    notes: list[str] = field(default_factory=list)
    tables: list[ReportTable] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)

    def print(self, console: Console) -> None:
        """Print notes and tables."""
        console.print(f"[bold]{escape(self.title)}[/bold]")
        for note in self.notes:
            console.print(escape(note))
        for table in self.tables:
            console.print()
            console.print(table.to_rich())

    def write(self, folder: Path) -> None:
        """Write `report.md`, one CSV file per table and one PNG file per figure."""
        folder.mkdir(parents=True, exist_ok=True)
        parts = [f"# {self.title}\n", *(f"{note}\n" for note in self.notes)]
        for table in self.tables:
            table.frame.to_csv(folder / f"{table.name}.csv", index=False, float_format="%.6g")
            parts.append(table.to_markdown())
        for name, figure in self.figures.items():
            figure.savefig(folder / f"{name}.png", dpi=110)
            parts.append(f"![{name}]({name}.png)\n")
        write_atomically(folder / "report.md", "\n".join(parts))
