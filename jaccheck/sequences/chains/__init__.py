"""The rules of the state machine that use networks of Linears, one step at a time."""
