"""How a change goes, from request to recorded end; every changing task uses it."""
