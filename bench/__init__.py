"""Benchmarks: Threadline beside the tools that only copy, on a real Dovecot. `make bench`, `make bench-quick`."""
