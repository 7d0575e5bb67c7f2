"""Tests of the daemon as a process, against a gateway process."""
