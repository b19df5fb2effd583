"""What may an input be: the forms of a value, the addresses allowed, the gate that calls them."""
