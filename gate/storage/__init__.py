"""The lane's files: journal.db (its only writer), and reading what sync has fetched (sync.db, manifests, secrets).

Formats and schemas are `gate.wire`'s; how a file is opened is `gate.sqlitefile`'s; no rule of admission lives here.
"""
