"""What products stand in: the places and their furniture."""
