"""What pytest itself is taught for these tests."""
