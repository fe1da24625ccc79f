"""Operations, and what follows from them."""
