"""One module per stage of the lifecycle; each operator calls one function of the library."""
