"""Example videos whose step boundaries are known, and the program that renders them."""
