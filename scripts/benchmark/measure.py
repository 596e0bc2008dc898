"""The measurements: each gives what stands in the JSON."""

import json
import os
import re
import statistics

from .contenders import CONTENDERS, Classic, Plumbline
from .machine import Stolen, stolen_while_spinning
from .processes import Failure, memory

SLOW_SUFFIX = "slow.example"


class Bench:
    """What the measurements share."""

    def __init__(self, options, processes, names, corpus, work, say):
        self.options = options
        self.processes = processes
        self.names = names
        self.corpus = corpus
        self.work = work
        self.say = say
        self.complaints = []
        self.remarks = []

    def send(self, contender, cell, **limits):
        """One run of the generator."""
        command = [self.options.generator, "run", self.corpus, "--mix", cell["mix"],
                   "--connections", cell["connections"],
                   "--messages-per-connection", cell["messagesPerConnection"]]
        for path in contender.sockets:
            command += ["--socket", path]
        for process in contender.started:
            command += ["--cpu-of", process.pid]
        for text in contender.expected.get(cell["mix"], ()):
            command += ["--expect", text]
        for key, value in limits.items():
            if value:
                command += ["--" + key, value]
        result = json.loads(self.processes.run(command, 1800))
        if result["errors"] or result["wrong"] or not result["messages"]:
            text = (f"{contender.name}, {describe(cell)}: {result['errors']} lost,"
                    f" {result['wrong']} wrong of {result['messages']}: {result['problems']}")
            # opendkim now and then loses a key's answer; a few such messages win nothing.
            few = max(2, result["messages"] // 50)
            excused = (isinstance(contender, Classic) and result["messages"]
                       and result["errors"] + result["wrong"] <= few)
            listed = self.remarks if excused else self.complaints
            if text not in listed:
                listed.append(text)
            self.say("WRONG: " + text)
        return result

    def round(self, kind, cell, warm_up=None, **limits):
        """A new contender, warmed up and measured; `warm_up` is how many messages and, where they
        differ, the mix and the connections."""
        with kind(self.processes, self.work / "contender") as contender:
            if warm_up:
                self.send(contender, {**cell, **warm_up}, count=warm_up["count"])
            result = self.send(contender, cell, **limits)
            result["peakMegabytes"] = round(sum(contender.peak()), 1)
            result["peakOfEach"] = [round(peak, 1) for peak in contender.peak()]
        return result

    def compare(self, comparisons):
        """Rounds of all situations in turn, so that a minute in which the host is busy costs each of
        them a round and none of them all; then those again of which it disturbed some."""
        for number in range(2 * max(comparison.rounds for comparison in comparisons)):
            for comparison in comparisons:
                if comparison.wants(number):
                    self.say(f"{describe(comparison.cell)}, round {number + 1}")
                    comparison.measure()
        return [comparison.result() for comparison in comparisons]


class Comparison:
    """One situation, in rounds: one contender after the other."""

    def __init__(self, bench, cell, rounds, **limits):
        self.bench = bench
        self.cell = cell
        self.rounds = rounds
        self.limits = limits
        self.found = []

    def wants(self, number):
        """Whether the next round is to be measured; as many may be repeated as there are."""
        if number < self.rounds:
            return True
        allowed = self.bench.options.stolen
        quiet = sum(found["stolenPercent"] <= allowed for found in self.found)
        return number < 2 * self.rounds and quiet < self.rounds

    def measure(self):
        before = stolen_while_spinning()
        runs = [self.bench.round(kind, self.cell, **self.limits) for kind in CONTENDERS]
        self.found.append({
            "runs": runs, "stolenPercent": max(before, stolen_while_spinning())})

    def result(self):
        """Medians and spread over the rounds that the host disturbed least."""
        counted = sorted(self.found, key=lambda found: found["stolenPercent"])[:self.rounds]
        pairs = [found["runs"] for found in counted]
        return dict(
            self.cell, roundsSetAside=len(self.found) - len(counted),
            stolenPercent=spread([found["stolenPercent"] for found in counted]),
            contenders={kind.name: summary(runs) for kind, runs in zip(CONTENDERS, zip(*pairs))},
            ratios=ratios(pairs))


def describe(cell):
    late = f"DNS answers {cell['milliseconds']} ms late, {cell['case']}: " if "case" in cell else ""
    return (f"{late}{cell['mix']}, {cell['connections']} connections,"
            f" {cell['messagesPerConnection']} a connection")


def spread(values):
    digits = 4 if max(values) < 10 else 1
    return {"median": round(statistics.median(values), digits), "min": round(min(values), digits),
            "max": round(max(values), digits)}


def summary(runs):
    """Medians and spread over the rounds."""
    result = {key: spread([run[key] for run in runs])
              for key in ("rate", "filterMicroseconds", "generatorMicroseconds", "peakMegabytes")}
    for kind in ("latency", "endOfMessage"):
        result[kind] = {key: spread([run[kind][key] for run in runs])
                        for key in ("p50", "p95", "p99", "max")}
    for key in ("messages", "errors", "wrong"):
        result[key] = sum(run[key] for run in runs)
    result["peakOfEach"] = [max(peaks) for peaks in zip(*(run["peakOfEach"] for run in runs))]
    result["agreements"] = runs[0]["agreements"]
    result["rounds"] = len(runs)
    return result


def ratios(pairs):
    """Plumbline to the others, above 1 means more of it: the medians over the rounds, since what
    was measured within a few seconds can be compared best. None without a round to compare."""

    def ratio(*keys):
        found = []
        for below, above in pairs:
            for key in keys:
                above, below = above[key], below[key]
            if below:
                found.append(above / below)
        return round(statistics.median(found), 3) if found else None

    return {
        "rate": ratio("rate"), "latencyP50": ratio("latency", "p50"),
        "latencyP99": ratio("latency", "p99"), "endOfMessageP50": ratio("endOfMessage", "p50"),
        "endOfMessageP99": ratio("endOfMessage", "p99"),
        "cpu": ratio("filterMicroseconds"), "peak": ratio("peakMegabytes"),
    }


def limits(bench):
    """What the processors can do at best; measured again when the host disturbed it."""
    found = []
    for _ in range(1 if bench.options.quick else 3):
        bench.say("limits")
        stolen = Stolen()
        figures = json.loads(bench.processes.run(
            [bench.options.generator, "limits", "--seconds", bench.options.limit_seconds], 300))
        found.append(dict(figures, stolenPercent=stolen.percent()))
        if found[-1]["stolenPercent"] <= bench.options.stolen:
            break
    return min(found, key=lambda figures: figures["stolenPercent"])


class SlowDomains(Comparison):
    """A mix of which some domains' DNS answers are late."""

    def measure(self):
        self.bench.names.delayed(self.bench.options.slow_milliseconds, SLOW_SUFFIX)
        try:
            super().measure()
        finally:
            self.bench.names.direct()


def matrix(bench, cells):
    """Rates and latencies of all mixes."""
    comparisons = []
    for cell in cells:
        kind, warm_up = Comparison, {"count": cell["warmUp"]}
        if cell["mix"] == "slow":
            # The domains that come once must not have been asked for before.
            kind, warm_up["mix"] = SlowDomains, "signed"
        comparisons.append(kind(
            bench, cell, cell["rounds"], warm_up=warm_up, seconds=cell["seconds"],
            count=cell["count"]))
    return bench.compare(comparisons)


def delayed_dns(bench, milliseconds, rounds, count, warm):
    """All answers late: with domains never asked for before, and with those of before."""
    comparisons = []
    for case, mix, limits in [
        ("cold", "cold", {}),
        ("warm", "signed", {"warm_up": {"count": warm, "connections": 8}}),
    ]:
        for connections in (1, 8):
            cell = {"case": case, "milliseconds": milliseconds, "mix": mix,
                    "connections": connections, "messagesPerConnection": 1}
            few = max(1, count // 4) if connections == 1 else count
            comparisons.append(Comparison(bench, cell, rounds, count=few, **limits))
    bench.names.delayed(milliseconds)
    try:
        return bench.compare(comparisons)
    finally:
        bench.names.direct()


def soak(bench, messages, steps):
    """Plumbline's resident memory while messages go through one process."""
    step = max(1, messages // steps)
    cell = {"mix": "signed", "connections": 8, "messagesPerConnection": 20}
    curve = []
    with Plumbline(bench.processes, bench.work / "contender") as contender:
        process = contender.started[0]
        for number in range(steps + 1):
            if number:
                bench.send(contender, cell, count=step)
            curve.append({"messages": number * step,
                          "residentMegabytes": round(memory(process, "VmRSS"), 1)})
            bench.say(f"soak: {number * step} messages,"
                      f" {curve[-1]['residentMegabytes']} MB resident")
        peak = round(contender.peak()[0], 1)
    return {"curve": curve, "first": curve[1]["residentMegabytes"],
            "last": curve[-1]["residentMegabytes"],
            "max": max(point["residentMegabytes"] for point in curve), "peakMegabytes": peak,
            "messages": steps * step}


def leaks(bench, counts):
    """Plumbline under valgrind, with few messages and with many: what each of them loses for good,
    and reads and writes outside of what is allocated."""
    # Valgrind does not understand the debugging information.
    program = bench.work / "stripped"
    bench.processes.run(["strip", "--strip-debug", "-o", program, bench.options.program], 300)
    few = under_valgrind(bench, program, {mix: max(1, count // 20) for mix, count in counts.items()})
    many = under_valgrind(bench, program, counts)
    more = many["messages"] - few["messages"]
    lost = many["definitelyLostBytes"] - few["definitelyLostBytes"]
    return {"tool": "valgrind", "few": few, "many": many,
            "bytesPerMessage": round(lost / more, 3), "invalidAccesses": many["invalidAccesses"]}


def under_valgrind(bench, program, counts):
    log = bench.work / "valgrind.log"
    released = bench.options.program
    Plumbline.prefix = ["valgrind", "--leak-check=full", "--show-leak-kinds=definite",
                        "--errors-for-leak-kinds=definite", "--num-callers=30",
                        f"--log-file={log}"]
    Plumbline.stop_seconds = 300
    Plumbline.program = program
    sent = 0
    try:
        with Plumbline(bench.processes, bench.work / "contender") as contender:
            for mix, count in counts.items():
                bench.say(f"valgrind: {count} messages of {mix}")
                cell = {"mix": mix, "connections": 4, "messagesPerConnection": 20}
                sent += bench.send(contender, cell, count=count, timeout=600)["messages"]
    finally:
        Plumbline.prefix = []
        Plumbline.stop_seconds = 0
        Plumbline.program = released
    text = log.read_text(errors="replace")
    if "ERROR SUMMARY:" not in text:
        raise Failure("valgrind left no summary:\n" + text[-3000:])
    lost = re.search(r"definitely lost: ([\d,]+) bytes", text)
    return {"messages": sent, "definitelyLostBytes": int(lost[1].replace(",", "")) if lost else 0,
            "invalidAccesses": len(re.findall(r"== Invalid (?:read|write|free)", text)),
            "log": "\n".join(line for line in text.splitlines() if not line.startswith("###"))}


def reports(bench, script, sizes):
    """How long the reports of a day take, and how that grows."""
    results = []
    for size in sizes:
        bench.say(f"reports of {size} messages")
        output = bench.processes.run(
            [script, "--messages", size, "--program", bench.options.program], 3600,
            env=dict(os.environ, TMPDIR=str(bench.work)))
        results.append(json.loads(output))
    growth = []
    for before, after in zip(results, results[1:]):
        growth.append({
            "messages": after["messages"] / before["messages"],
            "seconds": round(after["cpuSeconds"] / before["cpuSeconds"], 2),
            "peak": round(after["peakMegabytes"] / before["peakMegabytes"], 2)})
    return {"runs": results, "growth": growth}
