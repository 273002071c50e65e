"""The tests are a package: otherwise another of that name, which a library installs, would hide them."""
