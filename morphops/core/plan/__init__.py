"""What a deploy will do, decided before it is done."""
