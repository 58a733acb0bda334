"""People's verdicts on stored windows: giving them, saying which would teach most, and learning sets made of them."""
