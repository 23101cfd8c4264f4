# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 The ipcp_rekey contributors
"""A strict parser of the text exposition format of Prometheus, version 0.0.4, for
tests. It refuses what the format allows and nothing here prints."""
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
NUMBER = re.compile(r"\d+(\.\d+)?\Z")
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
# What is measured in other units than the base ones.
OTHER_UNITS = re.compile(r"_(ms|milliseconds|minutes|kib|mib|kilobytes|bits)(_|\Z)")


class Wrong(Exception):
    """The text is not of the format."""


class Family:
    """A metric: its type and, by the set of labels, its samples."""

    def __init__(self, help_text):
        self.help, self.type, self.samples = help_text, None, {}

    def value(self, **labels):
        """The only sample with all these labels."""
        found = [v for have, v in self.samples.items()
                 if labels.items() <= dict(have).items()]
        if len(found) != 1:
            raise Wrong(f"{len(found)} samples of {labels}: {self.samples}")
        return found[0]


def check_name(name, kind):
    """Counters end in _total, nothing else does; units are base units."""
    if not NAME.match(name):
        raise Wrong(f"invalid name {name!r}")
    if kind not in ("counter", "gauge"):
        raise Wrong(f"{name} has the type {kind!r}")
    if (kind == "counter") != name.endswith("_total"):
        raise Wrong(f"{name} is a {kind}")
    if OTHER_UNITS.search(name):
        raise Wrong(f"{name} is not in base units")


def parse_labels(text):
    """'a="b",c="d"' as a sorted tuple of pairs."""
    labels, at = {}, 0
    while True:
        match = LABEL.match(text, at)
        if not match or match[1] in labels or match[1].startswith("__"):
            raise Wrong(f"labels {text!r} at {at}")
        labels[match[1]] = re.sub(r"\\.", lambda m: ESCAPES[m[0]], match[2])
        at = match.end()
        if at == len(text):
            return tuple(sorted(labels.items()))
        if text[at] != ",":
            raise Wrong(f"labels {text!r} at {at}")
        at += 1


def parse_sample(line):
    """Name, labels and value."""
    head, _, value = line.rpartition(" ")
    name, brace, labels = head.partition("{")
    if brace and not labels.endswith("}"):
        raise Wrong(f"sample {line!r}")
    if not NAME.match(name) or not NUMBER.match(value):
        raise Wrong(f"sample {line!r}")
    return name, parse_labels(labels[:-1]) if brace else (), float(value)


class Parser:
    """Lines go in, families come out."""

    def __init__(self):
        self.families, self.current = {}, None

    def comment(self, line):
        """HELP, then TYPE, each once."""
        words = line.split(" ", 3)
        if len(words) != 4 or words[:2] not in (["#", "HELP"], ["#", "TYPE"]) or not words[3]:
            raise Wrong(f"comment {line!r}")
        _, what, name, text = words
        if what == "HELP":
            if name in self.families:
                raise Wrong(f"{name} comes twice")
            if re.search(r"\\[^\\n]", text):
                raise Wrong(f"help {text!r}")
            self.families[name], self.current = Family(text), name
        else:
            if name != self.current or self.families[name].type:
                raise Wrong(f"TYPE of {name} where it must not be")
            check_name(name, text)
            self.families[name].type = text

    def sample(self, line):
        """Of the family whose lines these are; no two have the same labels."""
        name, labels, value = parse_sample(line)
        if name != self.current or not self.families[name].type:
            raise Wrong(f"sample outside of its family: {line!r}")
        samples = self.families[name].samples
        if labels in samples:
            raise Wrong(f"twice: {line!r}")
        if samples and {k for k, _ in labels} != {k for k, _ in next(iter(samples))}:
            raise Wrong(f"other labels than the sample before: {line!r}")
        samples[labels] = value


def parse(data):
    """The families of DATA, bytes, by their names."""
    if not data.endswith(b"\n"):
        raise Wrong("the last line does not end")
    parser = Parser()
    for line in data.decode("utf-8").split("\n")[:-1]:
        if line.startswith("#"):
            parser.comment(line)
        else:
            parser.sample(line)
    for name, family in parser.families.items():
        if not family.type:
            raise Wrong(f"{name} has no type")
    return parser.families
