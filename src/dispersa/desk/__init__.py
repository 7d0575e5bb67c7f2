"""What happens next? State, events, commands, and the one function between them."""
