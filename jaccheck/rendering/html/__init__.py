"""Reports as web pages: one file each, that needs no network and runs no script but its own.

A page is a template and a `Head`; what it shows is plain data from the report, put into tables, bars, heat maps and
diagrams by functions here. Templates escape everything.
"""
