"""Marts: small tables over the trips of all services, made in the warehouse by SQL.

The SQL is BigQuery's, in ``.sql`` files, and SQLGlot writes DuckDB's from it. The dialect that nobody can run
on their own machine is so the one that stands as written, and the one that every test runs is the one that is
made. Against the alternatives: a file a dialect says everything twice, and the two drift apart; ibis is a
second language for what everybody who reads this knows to write in SQL. From the same parsed text comes which
column is made of which (``lineage.py``), so that this can't fall behind either.
"""
