"""Tests that interrupt processes need Ctrl-C to work in them, also when the tests themselves run in the background."""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets its background jobs ignore it
