"""Real servers for the tests: started in a temporary folder, on loopback, as an unprivileged user."""
