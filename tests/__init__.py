"""The tests of Threadline; TESTING.md says how they are arranged."""
