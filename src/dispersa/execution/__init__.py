"""How do we work an order? Walker, package and program; pure planning."""
