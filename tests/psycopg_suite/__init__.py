"""psycopg's own test suite, run on psycopg and through this driver, and compared test by test.

    python3 dev.py psycopg-suite [--sources FOLDER] [--flavour blocking] [words for pytest]

The suite is not part of this project: it is unpacked at run time from a source tree of psycopg, which is given, or had
from Debian.
"""
