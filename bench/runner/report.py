"""Figures, their ratios and the goals: kept for the JSON file, printed as tables."""
import json
import statistics


class Table:
    """The figures of one section: a row a case, a column a peer, a list of samples in each cell."""

    def __init__(self, title, unit, peers):
        self.title = title
        self.unit = unit
        self.peers = peers
        self.rows = []

    def add(self, case, samples, rates=None):
        """SAMPLES: peer's name -> list of figures, one a round, in the order of the rounds."""
        row = {"case": case, "unit": self.unit, "samples": samples,
               "median": {name: statistics.median(values) for name, values in samples.items()}}
        if rates:
            row["rates"] = rates
        self.rows.append(row)

    def print(self, digits=2):
        print("  %s, %s" % (self.title, self.unit))
        print("  %-24s%s" % ("", "".join("%18s" % name for name in self.peers)))
        for row in self.rows:
            cells = ""
            for name in self.peers:
                values = row["samples"].get(name)
                cells += "%18s" % (_cell(values, digits) if values else "-")
            print("  %-24s%s" % (row["case"], cells))
        print()


def _cell(values, digits):
    """The median, and the half of the spread behind it where there was more than one round."""
    text = "%.*f" % (digits, statistics.median(values))
    if len(values) > 1:
        text += " ±%.*f" % (digits, (max(values) - min(values)) / 2)
    return text


def ratio(samples, name, other):
    """The median of the ratios of each round: what slowed a whole round does not count."""
    return statistics.median(
        mine / theirs for mine, theirs in zip(samples[name], samples[other]))


class Report:
    def __init__(self, machine):
        self.machine = machine
        self.sections = {}
        self.goals = []
        self.notes = []

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            print("  note: %s" % text, flush=True)

    def keep(self, section, table):
        self.sections.setdefault(section, []).extend(table.rows)

    def ratios(self, section, table, limits):
        """Prints the ratio of torc to each other peer. LIMITS: (case, peer) -> goal. Torc on
        another driver is compared with its default the other way round: what a change would bring.
        """
        for row in table.rows:
            for other in table.peers:
                if other == "torc" or other not in row["samples"] or "torc" not in row["samples"]:
                    continue
                if other.startswith("torc-"):
                    self.scale_row(section, row, other, "torc")
                    continue
                got = ratio(row["samples"], "torc", other)
                row.setdefault("ratio", {})[other] = got
                limit = limits.get((row["case"], other))
                name = "%s, %s: torc/%s" % (section, row["case"], other)
                if limit is None:
                    print("  %-54s got %.2f" % (name, got))
                else:
                    self.goal(name, limit, got)
        print()

    def scale(self, section, table, name, other):
        """Prints the ratio of two peers that a goal should be read beside."""
        for row in table.rows:
            if name in row["samples"] and other in row["samples"]:
                self.scale_row(section, row, name, other)
        print()

    def scale_row(self, section, row, name, other):
        print("  %-54s is  %.2f" % ("%s, %s: %s/%s" % (section, row["case"], name, other),
                                    ratio(row["samples"], name, other)))

    def goal(self, name, limit, got, digits=2, unit=""):
        # Compared as it is printed: a figure that reads as the goal meets it.
        met = round(got, digits) <= limit
        self.goals.append({"name": name, "goal": limit, "got": got, "unit": unit, "met": met})
        print("  %s" % _goal_line(self.goals[-1], digits))

    def finish(self, path):
        print("Goals")
        if not self.goals:
            print("  none was measured")
        for goal in self.goals:
            print("  %s" % _goal_line(goal))
        for text in self.notes:
            print("  note: %s" % text)
        if path:
            with open(path, "w") as file:
                json.dump({"machine": self.machine, "sections": self.sections, "goals": self.goals,
                           "notes": self.notes}, file, indent=2)
                file.write("\n")


def _goal_line(goal, digits=2):
    digits = 0 if goal["unit"] == "B" else digits
    unit = " " + goal["unit"] if goal["unit"] else ""
    return "%-54s goal %.*f%s, got %.*f%s, %s" % (
        goal["name"], digits, goal["goal"], unit, digits, goal["got"], unit,
        "met" if goal["met"] else "NOT MET")
