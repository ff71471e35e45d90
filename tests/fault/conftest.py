"""The fault tests use the end-to-end tests' fixtures."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
from conftest_fixtures import *  # noqa: E402,F401,F403
