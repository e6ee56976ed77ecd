"""Whether a ticket may pass: facts, an ordered run of small rules, and the table from reason to verdict.

Pure: the same facts give the same decision on gate, hub, central, today and in the replay tool. Facts are gathered by
`gate.lane` and `gate.storage`; nothing here looks anything up.
"""
