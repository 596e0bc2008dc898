"""What people read: tables of a run, as text and as Markdown."""

CLASSIC, PLUMBLINE = "opendkim+opendmarc", "plumbline"


def table(heads, rows):
    """Lines of columns, the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    return "\n".join(
        "  ".join(word.ljust(width) if column == 0 else word.rjust(width)
                  for column, (word, width) in enumerate(zip(row, widths))).rstrip()
        for row in [heads, *rows])


def markdown_table(heads, rows):
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value):
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def range_of(figure):
    return f"{number(figure['median'])} ({number(figure['min'])}–{number(figure['max'])})"


CELL_HEADS = ["mix", "conns", "each", "contender", "msg/s (min–max)", "p50 ms", "p95 ms", "p99 ms",
              "EOM p50", "EOM p99", "CPU µs", "peak MB", "×"]


def cell_rows(cells, first):
    rows = []
    for cell in cells:
        for name in (CLASSIC, PLUMBLINE):
            found = cell["contenders"][name]
            ratio = ""
            if name == PLUMBLINE:
                rate = cell["ratios"]["rate"]
                ratio = number(rate) if rate is None else f"{rate:.2f}"
            rows.append([
                first(cell), str(cell["connections"]), str(cell["messagesPerConnection"]), name,
                range_of(found["rate"]),
                *[number(found["latency"][key]["median"]) for key in ("p50", "p95", "p99")],
                *[number(found["endOfMessage"][key]["median"]) for key in ("p50", "p99")],
                number(found["filterMicroseconds"]["median"]),
                number(found["peakMegabytes"]["max"]), ratio])
    return rows


def of_rounds(cells, allowed):
    """What a table's reader has to know about the rounds."""
    stolen = max(cell["stolenPercent"]["max"] for cell in cells)
    aside = sum(cell["roundsSetAside"] for cell in cells)
    more = "1 more round was" if aside == 1 else f"{aside} more rounds were"
    why = f" because it gave more than {allowed} %" if aside else ""
    return (f"Medians over the rounds. Before and after those the machine's host gave at most"
            f" {number(stolen)} % of the processors to others; {more} set aside{why}.")


def sections(result):
    """Title, explanation and table of each part that is there."""
    if "cells" in result:
        yield ("Comparison", of_rounds(result["cells"], result["stolenAllowed"])
               + " Latency is that of the whole message, EOM from the end of DATA. CPU is that of"
               " the contender's processes a message. × is Plumbline's rate divided by the other's in"
               " the same round.",
               CELL_HEADS, cell_rows(result["cells"], lambda cell: cell["mix"]))
    if "limits" in result:
        found = result["limits"]
        yield ("Limits", f"A signed message of {found['messageOctets']} octets verified without a"
               " filter, a second.",
               ["", "1 thread", "2 threads"],
               [[title, number(found[key]["one"]), number(found[key]["two"])]
                for title, key in [("libopendkim as it comes", "libopendkim"),
                                   ("RSA-2048 and SHA-256, key ready", "rsaVerifySHA256")]])
    if "dns" in result:
        yield ("Late DNS answers", "Each DNS answer comes late; cold: each message is from a domain"
               " never asked for before. " + of_rounds(result["dns"], result["stolenAllowed"]),
               CELL_HEADS, cell_rows(
                   result["dns"], lambda cell: f"{cell['case']} {cell['milliseconds']} ms"))
    if "soak" in result:
        curve = result["soak"]["curve"]
        top = max(point["residentMegabytes"] for point in curve)
        yield ("Memory over many messages", f"First {result['soak']['first']} MB, last"
               f" {result['soak']['last']} MB, most {result['soak']['max']} MB.",
               ["messages", "MB", ""],
               [[f"{point['messages']:,}", number(point["residentMegabytes"]),
                 ("#" * round(40 * point["residentMegabytes"] / top)).ljust(40)]
                for point in curve])
    if "leaks" in result:
        found = result["leaks"]
        yield ("Leaks", f"Under {found['tool']}: {found['bytesPerMessage']} bytes a message are"
               " lost for good.",
               ["messages", "bytes lost", "invalid reads, writes, frees"],
               [[str(run[key]) for key in ("messages", "definitelyLostBytes", "invalidAccesses")]
                for run in (found["few"], found["many"])])
    if "reports" in result:
        yield ("Reports", "Building the aggregate reports of a day.",
               ["messages", "seconds", "msg/s", "CPU s", "peak MB", "plain SELECT s"],
               [[f"{run['messages']:,}", number(run["seconds"]), number(run["rate"]),
                 number(run["cpuSeconds"]), number(run["peakMegabytes"]),
                 number(run["selectSeconds"])] for run in result["reports"]["runs"]])
    if result["checks"]:
        yield ("Aims", "", ["aim", "wanted", "found", "met"],
               [[check["text"], check["wanted"], check["found"], "yes" if check["met"] else "NO"]
                for check in result["checks"]])


def text(result):
    parts = [f"{title}\n{about}\n\n{table(heads, rows)}" if about
             else f"{title}\n\n{table(heads, rows)}"
             for title, about, heads, rows in sections(result)]
    if result["remarks"]:
        parts.append("Remarks\n" + "\n".join(result["remarks"]))
    if result["complaints"]:
        parts.append("ANSWERED WRONGLY\n" + "\n".join(result["complaints"]))
    return "\n\n".join(parts)


def markdown(result):
    """The tables of a run for a page."""
    about = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items()
                         if version)
    parts = [
        f"Measured {result['begun']} in {result['minutes']} minutes on {about['cores']} cores of"
        f" {about['cpu']}, {about['memoryMegabytes']} MB, {about['system']}, Linux"
        f" {about['kernel']}. {versions}. The ledger was on {about['ledger']['fileSystem']}"
        f" ({about['ledger']['device']}), where a small write takes"
        f" {about['ledger']['syncMilliseconds']} ms to reach the disk.",
        "To repeat it, as root:\n\n    " + " ".join(["scripts/bench", *result["command"]]),
    ]
    for title, about, heads, rows in sections(result):
        parts += [f"## {title}", *([about] if about else []), markdown_table(heads, rows)]
    return "\n\n".join(parts) + "\n"


def checks(result):
    """What Plumbline is meant to reach, as far as this run shows it."""
    found = []

    def check(text, value, wanted, least):
        met = value is not None and (value >= wanted if least else value <= wanted)
        found.append({"text": text, "wanted": f"{'≥' if least else '≤'} {wanted}",
                      "found": number(value), "met": met})

    cells = {(cell["mix"], cell["connections"], cell["messagesPerConnection"]): cell
             for cell in result.get("cells", [])}
    signed = cells.get(("signed", 8, 20))
    if signed:
        check("signed, 8 connections: rate to theirs", signed["ratios"]["rate"], 4, True)
        check("signed, 8 connections: p99 to theirs", signed["ratios"]["latencyP99"], 0.333, False)
        rate = signed["contenders"][PLUMBLINE]["rate"]["median"]
        for text, key, wanted in [("bare libopendkim", "libopendkim", 0.8),
                                  ("RSA and SHA-256", "rsaVerifySHA256", 0.5)]:
            limit = result.get("limits", {}).get(key, {}).get("two")
            check(f"signed, 8 connections: rate to {text}", rate / limit if limit else None,
                  wanted, True)
    if ("unsigned", 8, 20) in cells:
        check("unsigned, 8 connections: rate to theirs",
              cells["unsigned", 8, 20]["ratios"]["rate"], 5, True)
    if ("20M", 32, 1) in cells:
        check("20 MB, 32 connections: peak MB",
              cells["20M", 32, 1]["contenders"][PLUMBLINE]["peakMegabytes"]["max"], 60, False)
    for cell in result.get("dns", []):
        if cell["case"] == "cold" and cell["connections"] == 8:
            check("late DNS, cold, 8 connections: end of message to theirs",
                  cell["ratios"]["endOfMessageP50"], 0.5, False)
    if "soak" in result:
        check("memory at the end to that after the first part",
              result["soak"]["last"] / result["soak"]["first"], 1.1, False)
    if "leaks" in result:
        check("bytes a message loses for good", result["leaks"]["bytesPerMessage"], 0, False)
        check("invalid reads, writes, frees", result["leaks"]["invalidAccesses"], 0, False)
    return found
