"""Closed forms at a linear head: losses, hypergradient, Fisher matrix, solvers."""
