"""The fixtures live in conftest_fixtures.py, which tests/fault shares."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from conftest_fixtures import *  # noqa: E402,F401,F403
