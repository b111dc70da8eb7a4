"""The parts of bench/run, in reading order: processes (start, measure, end), peers (the servers
that are compared), report (figures, ratios, goals), compare (rounds), sections (what is measured).
"""
